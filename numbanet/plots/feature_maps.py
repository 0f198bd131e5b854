"""What each layer makes of one image: maps for convolutions, bars for dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbanet.plots.canvas import (
    BLUE,
    GRAY,
    HEADING,
    LINE,
    MARGIN,
    PALE_BLUE,
    QUIET,
    SMALL,
    Sheet,
    as_picture,
    scale_of,
    shortened,
    styled,
)
from numbanet.plots.tiles import Grid, draw_tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = 1.7  # inches: the input's width
WIDTH = 8.4  # of a layer's band
TITLE, SPACE = 0.24, 0.34  # above a band, below it
NAMED = 30  # outputs: more have no room for their names


@styled
def feature_maps(
    image: NDArray[Any] | None,
    outputs: Sequence[tuple[str, NDArray[Any]]],
    title: str,
    note: str = "",
    classes: Sequence[str] = (),
    most: int = 32,
) -> Figure:
    """An image [h, w, 1 or 3] from 0 to 1, if there is one, and beside it a band for each layer: (name, output).

    An output [h, w, channels] is drawn as maps, the first `most` of them; [units] as bars, [steps, units] as
    one picture. Each layer has its own scale. `classes` are the names of the last layer's units.
    """
    tops, top = [], HEADING
    for _, values in outputs:
        tops.append(top)
        top += TITLE + band_height(values, most) + SPACE
    picture = None if image is None else Grid(1, 1, PICTURE, PICTURE * image.shape[0] / image.shape[1])
    left = MARGIN if picture is None else MARGIN + PICTURE + 0.4
    bottom = top if picture is None else max(top, HEADING + TITLE + picture.height)
    sheet = Sheet(left + WIDTH + 0.8, bottom + MARGIN)
    sheet.heading(title, note)
    if image is not None and picture is not None:
        sheet.text(MARGIN, HEADING, "input", color=QUIET)
        draw_tiles(sheet, MARGIN, HEADING + TITLE, picture, [as_picture(image)], cmap=GRAY, vmin=0.0, vmax=1.0)
    for index, (band_top, (name, values)) in enumerate(zip(tops, outputs, strict=True)):
        last = index == len(outputs) - 1
        draw_band(sheet, left, band_top, WIDTH, name, values, most, classes if last else ())
    return sheet.figure


def map_grid(values: NDArray[Any], most: int, width: float = WIDTH) -> Grid:
    """Places for the maps [h, w, channels] of a layer, in rows of up to 16."""
    count = min(values.shape[2], most)
    columns = 8 if count <= 8 else 16
    gap = 0.06
    tile = (width - (columns - 1) * gap) / columns
    return Grid(count, columns, tile, tile * values.shape[0] / values.shape[1], gap)


def band_height(values: NDArray[Any], most: int, width: float = WIDTH) -> float:
    """Inches that a layer's output takes, without its title."""
    if is_maps(values):
        return map_grid(values, most, width).total_height
    return 1.2 if values.ndim == 2 else 0.85


def is_maps(values: NDArray[Any]) -> bool:
    """Whether an output has an extent in height and width, so that maps show something."""
    return values.ndim == 3 and values.shape[0] * values.shape[1] > 1


def described(values: NDArray[Any], most: int) -> str:
    """The shape of an output in words."""
    if is_maps(values):
        height, width, count = values.shape
        return f"{count} maps of {height} x {width}" + (f", the first {most}" if count > most else "")
    if values.ndim == 2:
        return f"{values.shape[0]} steps of {values.shape[1]}"
    return f"{values.size} outputs"


def draw_band(
    sheet: Sheet,
    left: float,
    top: float,
    width: float,
    name: str,
    values: NDArray[Any],
    most: int,
    classes: Sequence[str] = (),
) -> None:
    """A layer's name and shape, and below them its output."""
    sheet.text(left, top, f"{name}: {described(values, most)}", color=QUIET)
    height = band_height(values, most, width)
    if values.ndim == 1 or (values.ndim == 3 and not is_maps(values)):
        _draw_bars(sheet, left, top + TITLE, width, height, values.reshape(-1), classes)
        return
    scale = scale_of(values)
    if is_maps(values):
        pictures = np.moveaxis(values, 2, 0)[:most]
        grid = map_grid(values, most, width)
        drawn = draw_tiles(sheet, left, top + TITLE, grid, pictures, **scale)
        width = grid.total_width
    else:
        axes = sheet.axes(left, top + TITLE, width, height)
        drawn = axes.imshow(values.T, aspect="auto", interpolation="nearest", **scale)  # time runs to the right
        axes.set(yticks=[])
    bar = sheet.color_bar(drawn, left + width + 0.12, top + TITLE, height)
    bar.set_yticks(
        [scale["vmin"], scale["vmax"]], [f"{scale[end]:.2g}".replace("-", "\N{MINUS SIGN}") for end in ("vmin", "vmax")]
    )


def _draw_bars(
    sheet: Sheet,
    left: float,
    top: float,
    width: float,
    height: float,
    values: NDArray[Any],
    classes: Sequence[str],
) -> None:
    count = len(values)
    named = len(classes) == count and count <= NAMED
    axes = sheet.axes(left, top, width, height)
    best = int(np.argmax(values)) if named else -1
    colors = [PALE_BLUE if named and index != best else BLUE for index in range(count)]
    axes.bar(np.arange(count), values, width=0.8 if count <= 64 else 1.0, color=colors)
    axes.axhline(0, color=LINE, linewidth=0.8)
    axes.set_xlim(-0.6, count - 0.4)
    axes.spines["bottom"].set_visible(False)
    if named:
        room = int(width / count / 0.065)
        axes.set_xticks(range(count), [shortened(name, max(room, 2)) for name in classes], size=SMALL)
    axes.tick_params(axis="x", length=0)
    axes.locator_params(axis="y", nbins=3)
