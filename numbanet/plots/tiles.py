"""Many small pictures of one size on a common scale, in rows and columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from numbanet.plots.canvas import LINE, QUIET, SMALL, Sheet

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

LANDSCAPE = 1.6  # the proportion of a sheet that fills a screen


@dataclass(frozen=True)
class Grid:
    """Places for `count` pictures in inches: `columns` in a row, each `width` x `height`, `gap` between.

    After every `group` columns the gap is three times as wide. `caption` is the room below each picture.
    """

    count: int
    columns: int
    width: float
    height: float
    gap: float = 0.08
    caption: float = 0.0
    group: int = 0

    @property
    def rows(self) -> int:
        """As many as it takes."""
        return -(-self.count // self.columns)

    @property
    def total_width(self) -> float:
        """Of the whole grid."""
        return self._left(min(self.columns, self.count) - 1) + self.width

    @property
    def total_height(self) -> float:
        """Of the whole grid, the last row's captions included."""
        return self.rows * (self.height + self.caption + self.gap) - self.gap

    def corner(self, index: int) -> tuple[float, float]:
        """Left and top of a picture."""
        row, column = divmod(index, self.columns)
        return self._left(column), row * (self.height + self.caption + self.gap)

    def _left(self, column: int) -> float:
        groups = column // self.group if self.group else 0
        return column * (self.width + self.gap) + 2 * self.gap * groups


def columns_for(count: int, width: float, height: float, most: int = 16) -> int:
    """The number of columns that makes a full and pleasantly wide grid of pictures so large."""
    if count <= 6:
        return count

    def badness(columns: int) -> float:
        rows = -(-count // columns)
        empty = rows * columns / count - 1
        return 6 * empty + 0.5 * abs(math.log(columns * width / (rows * height) / LANDSCAPE))

    return min(range(4, min(count, most) + 1), key=badness)


def draw_tiles(
    sheet: Sheet,
    left: float,
    top: float,
    grid: Grid,
    pictures: Iterable[NDArray[Any]],
    captions: Sequence[str] = (),
    **colors: Any,
) -> AxesImage:
    """Draw the pictures, each [h, w] or [h, w, 3], with `imshow`'s colors; returns one, for a color bar."""
    axes = sheet.blank(left, top, grid.total_width, grid.total_height)
    frames_x: list[float] = []
    frames_y: list[float] = []
    for index, picture in enumerate(pictures):
        x, y = grid.corner(index)
        right, bottom = x + grid.width, y + grid.height
        drawn = axes.imshow(picture, extent=(x, right, bottom, y), aspect="auto", **colors)
        frames_x += [x, right, right, x, x, math.nan]  # a line breaks where it is not a number
        frames_y += [y, y, bottom, bottom, y, math.nan]
    axes.plot(frames_x, frames_y, color=LINE, linewidth=0.6, clip_on=False)
    for index, caption in enumerate(captions):
        x, y = grid.corner(index)
        middle, below = x + grid.width / 2, y + grid.height + 0.03
        axes.text(middle, below, caption, size=SMALL - 1, color=QUIET, ha="center", va="top")
    axes.set(xlim=(0, grid.total_width), ylim=(grid.total_height, 0))
    return drawn
