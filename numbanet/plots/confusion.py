"""The confusion matrix: which class is taken for which, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbanet.plots.canvas import BLUE, HEADING, INK, MARGIN, QUIET, SMALL, Sheet, shortened, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RIGHT, NEVER = "#dfe8f0", "#f7f7f7"  # the diagonal and the empty cells: quiet, so that the colors are the mistakes'
MISTAKES = "YlOrBr"
PALEST = 0.12  # of this map is left out, so that the rarest mistake is no white
PERCENT_UP_TO, COUNTS_UP_TO = 16, 40  # classes: beyond, the cells have no room for the numbers
CHARACTER = 0.075  # inches of a label's character
MOST_CHARACTERS = 18


@styled
def confusion(counts: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """The matrix `counts` [true class, predicted class], beside it the recall of each class.

    A mistake's color is its share of the true class's examples. The scale ends at the commonest mistake, and
    the diagonal is left out of it: with one scale for all, the mistakes of a good model could not be seen.
    """
    n, total = len(classes), int(counts.sum())
    names = [shortened(name, MOST_CHARACTERS) for name in classes]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = max(min(8.5 / n, max(0.58, 2.2 / n)), 0.115)
    side = n * cell
    longest = max(len(name) for name in names)
    left = MARGIN + 0.45 + CHARACTER * longest
    top = HEADING + 0.2
    label_room = 0.3 if longest <= 3 else 0.3 + 0.75 * CHARACTER * longest
    sheet = Sheet(left + side + 2.9, top + side + label_room + 0.5)
    wrong = total - int(np.trace(counts))
    accuracy = f"{100 * (1 - wrong / max(total, 1)):.2f}%"
    sheet.heading(title, f"accuracy {accuracy}: {wrong:,} of {total:,} wrong")

    axes = sheet.axes(left, top, side, side)
    drawn = _draw_cells(axes, shares)
    size = _label_size(cell)
    rotation: dict[str, Any] = {}
    if n > COUNTS_UP_TO:
        rotation = {"rotation": 90}
    elif longest > 3:
        rotation = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(n), names, size=size, **rotation)
    axes.set_yticks(range(n), names, size=size)
    axes.tick_params(length=0, pad=4, labelcolor=INK)
    axes.set_xlabel("predicted", color=QUIET)
    axes.set_ylabel("true class", color=QUIET)
    if n <= COUNTS_UP_TO:
        _write_numbers(axes, counts, shares, cell, drawn.get_clim()[1])

    _draw_recall(sheet, left + side + 0.25, top, side, counts, shares, size)
    bar_left = left + side + 1.9
    bar = sheet.color_bar(drawn, bar_left, top, min(side, 3.0), "share of the true class")
    bar.set_ylim(0.0, None)
    bar.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    return sheet.figure


def _label_size(cell: float) -> float:
    """Points, from the inches of a row."""
    return float(np.clip(72 * cell * 0.62, 4.5, 9.0))


def _draw_cells(axes: Axes, shares: NDArray[Any]) -> Any:
    n = len(shares)
    diagonal = np.eye(n, dtype=bool)
    most = float(shares[~diagonal].max(initial=0.0)) or 1.0
    axes.set_facecolor(NEVER)
    seen = np.where(diagonal | (shares == 0), np.nan, shares)  # what is not a number is not drawn
    drawn = axes.imshow(seen, cmap=MISTAKES, vmin=-PALEST * most, vmax=most, aspect="auto")
    axes.bar(np.arange(n), np.ones(n), bottom=np.arange(n) - 0.5, width=1.0, color=RIGHT)
    lines = np.arange(n + 1) - 0.5
    width = 0.8 if n <= COUNTS_UP_TO else 0.3
    axes.hlines(lines, -0.5, n - 0.5, color="white", linewidth=width)
    axes.vlines(lines, -0.5, n - 0.5, color="white", linewidth=width)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    return drawn


def _write_numbers(axes: Axes, counts: NDArray[np.int64], shares: NDArray[Any], cell: float, most: float) -> None:
    """Counts in the cells that have any, and below them, where there is room, the percentage of the true class."""
    percent = len(counts) <= PERCENT_UP_TO
    digits = len(f"{counts.max():,}")
    size = min(10.0, 72 * cell * (0.26 if percent else 0.9 / max(digits, 2)))
    for row, column in np.argwhere(counts > 0):
        right = row == column
        ink = "white" if not right and shares[row, column] > 0.6 * most else INK
        weight = "bold" if right else "normal"
        place: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
        up = 0.07 / cell if percent else 0.0
        axes.text(column, row - up, f"{counts[row, column]:,}", size=size, weight=weight, **place)
        if percent:
            axes.text(column, row + 0.14 / cell, f"{100 * shares[row, column]:.1f}%", size=0.68 * size, **place)


def _draw_recall(
    sheet: Sheet,
    left: float,
    top: float,
    side: float,
    counts: NDArray[np.int64],
    shares: NDArray[Any],
    size: float,
) -> None:
    """A bar for each class, beside its row: the share of its examples that are recognized."""
    n, recall = len(shares), np.diag(shares)
    axes = sheet.axes(left, top, 0.8, side)
    rows, thick = np.arange(n), min(0.3, 0.17 * n / side)
    axes.barh(rows, np.ones(n), height=thick, color="#e8e8e8")
    axes.barh(rows, recall, height=thick, color=BLUE)
    axes.set(xlim=(0, 1), ylim=(n - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title("recall", color=QUIET, size=SMALL + 1, pad=4)
    for row in range(n):
        text = f"{100 * recall[row]:.1f}%" if counts[row].any() else "no examples"
        axes.text(1.06, row, text, size=size, va="center", color=INK if counts[row].any() else QUIET)
