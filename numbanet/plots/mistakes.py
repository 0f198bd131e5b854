"""The mistakes that a model is surest of: often the most telling, and often the label's fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from numbanet.plots.canvas import GRAY, HEADING, INK, MARGIN, ORANGE, QUIET, SMALL, Sheet, as_picture, shortened, styled
from numbanet.plots.tiles import Grid, columns_for, draw_tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILE = 1.15  # inches: room for a caption, too
CAPTION = 0.52
MOST_CHARACTERS = 12


@dataclass(frozen=True, eq=False)
class Mistake:
    """An image [h, w, 1 or 3] from 0 to 1, its index, its class, and the class it was taken for."""

    image: NDArray[Any]
    index: int
    truth: str
    guess: str
    probability: float


@styled
def mistakes(found: Sequence[Mistake], title: str, note: str = "") -> Figure:
    """A picture for each of at least one mistake, below it the prediction, the truth, and how sure it was."""
    height, width = found[0].image.shape[:2]
    tile_height = TILE * height / width
    columns = columns_for(len(found), TILE + 0.15, tile_height + CAPTION + 0.15, most=10)
    grid = Grid(len(found), columns, TILE, tile_height, 0.15, CAPTION)
    sheet = Sheet(2 * MARGIN + grid.total_width, HEADING + grid.total_height + MARGIN)
    sheet.heading(title, note)
    pictures = [as_picture(mistake.image) for mistake in found]
    draw_tiles(sheet, MARGIN, HEADING, grid, pictures, cmap=GRAY, vmin=0.0, vmax=1.0)
    for place, mistake in enumerate(found):
        x, y = grid.corner(place)
        left, top = MARGIN + x, HEADING + y + grid.height + 0.05
        guess, truth = shortened(mistake.guess, MOST_CHARACTERS), shortened(mistake.truth, MOST_CHARACTERS + 2)
        sheet.text(left, top, f"saw {guess}", size=SMALL + 1, weight="bold", color=ORANGE)
        sheet.text(left, top + 0.16, f"is {truth}", size=SMALL + 1, color=INK)
        sheet.text(left, top + 0.32, f"{100 * mistake.probability:.1f}%", size=SMALL, color=QUIET)
        sheet.text(left + TILE, top + 0.32, f"#{mistake.index}", size=SMALL, color=QUIET, ha="right")
    return sheet.figure
