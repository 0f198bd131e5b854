"""The weights of a first layer: what each of its filters looks for in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbanet.plots.canvas import DIVERGING, HEADING, MARGIN, Sheet, scale_of, styled
from numbanet.plots.tiles import Grid, columns_for, draw_tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CHANNELS = 16
COVERED = 0.998  # of a dense layer's many weights lie within the scale of colors: the largest would make the rest pale
LARGE_KERNEL = 12  # in height or width
FEW = 16  # pictures, which may then be larger
MOST_WIDTH = 10.0  # inches


@styled
def filters(kernels: NDArray[Any], title: str, note: str = "") -> Figure:
    """Filters [height, width, channels, filters] as pictures on one scale, red above 0 and blue below.

    The channels of a filter stand side by side, the first 16 of them.
    """
    height, width, channels, count = kernels.shape
    shown = min(channels, MOST_CHANNELS)
    pictures = np.moveaxis(kernels[:, :, :shown], (2, 3), (1, 0)).reshape(count * shown, height, width)
    large = max(height, width) >= LARGE_KERNEL
    tile_width = 0.72 if large or count * shown <= FEW else 0.56 if shown == 1 else 0.42
    tile_height = tile_width * height / width
    per_row = min(columns_for(count, shown * tile_width, tile_height), max(1, int(MOST_WIDTH / (shown * tile_width))))
    captions = [str(index // shown) if index % shown == shown // 2 else "" for index in range(len(pictures))]
    grid = Grid(len(pictures), per_row * shown, tile_width, tile_height, 0.08, 0.15, group=shown if shown > 1 else 0)
    sheet = Sheet(MARGIN + grid.total_width + 1.0, HEADING + grid.total_height + MARGIN)
    if shown > 1:
        note += f"; {'the first ' if shown < channels else ''}{shown} channels side by side"
    sheet.heading(title, note)
    scale = scale_of(kernels, COVERED if large else 1.0) | {"cmap": DIVERGING}
    scale["vmin"] = -scale["vmax"]  # also where no weight is negative: 0 is white in every such picture
    drawn = draw_tiles(sheet, MARGIN, HEADING, grid, pictures, captions, **scale)
    beyond = "both" if np.abs(kernels).max() > scale["vmax"] else "neither"
    bar_height = min(grid.total_height - 0.15, 3.0)
    sheet.color_bar(drawn, MARGIN + grid.total_width + 0.2, HEADING, bar_height, "weight", beyond)
    return sheet.figure
