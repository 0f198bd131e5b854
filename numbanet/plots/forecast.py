"""A forecast against the truth: both over time, and how far they lie apart for each step ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbanet.plots.canvas import BLUE, HEADING, INK, LINE, MARGIN, ORANGE, QUIET, SMALL, Sheet, shortened, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 9.0, 3.2  # inches of the curves
AHEAD_HEIGHT = 1.9  # of the errors for each step ahead
LEFT, BELOW = 0.7, 0.55  # room for the labels of an axis
MOST_STEPS = 240  # on the time axis: more would run into each other
MOST_CHARACTERS = 40


@dataclass(frozen=True, eq=False)
class Forecast:
    """Forecasts `values` [n, horizon] made at the rows `origin` [n], which follow each other, for the next rows.

    `truth` [n, horizon] is what came, `last` [n] the value at the origin. `column` names the values, unit included.
    """

    column: str
    origin: NDArray[np.int64]
    values: NDArray[np.float64]
    truth: NDArray[np.float64]
    last: NDArray[np.float64]


@styled
def forecast(made: Forecast, title: str, note: str = "") -> Figure:
    """The truth, and the forecasts that together cover it once: each from where the one before it ends.

    Of a long series the end. For more than one step ahead, below it the mean absolute error of each, beside that of
    the last value.
    """
    horizon = made.values.shape[1]
    several = horizon > 1
    top = HEADING + 0.2
    total = top + HEIGHT + BELOW + (0.55 + AHEAD_HEIGHT + BELOW if several else 0.0)
    sheet = Sheet(MARGIN + LEFT + WIDTH + MARGIN, total)
    sheet.heading(title, note)
    axes = sheet.axes(MARGIN + LEFT, top, WIDTH, HEIGHT)
    _draw_curves(axes, made)
    if several:
        below = sheet.axes(MARGIN + LEFT, top + HEIGHT + BELOW + 0.55, WIDTH, AHEAD_HEIGHT)
        _draw_errors(below, made)
    return sheet.figure


def _draw_curves(axes: Axes, made: Forecast) -> None:
    horizon = made.values.shape[1]
    count = max(1, min(len(made.origin), MOST_STEPS) // horizon)  # forecasts that are drawn
    chosen = np.arange(count) * horizon + len(made.origin) - 1 - (count - 1) * horizon
    steps = np.arange(horizon + 1)
    rows = made.origin[chosen, None] + steps
    truth = np.column_stack([made.last[chosen], made.truth[chosen]])
    values = np.column_stack([made.last[chosen], made.values[chosen]])
    axes.plot(*_joined(rows, truth), color=INK, linewidth=1.1, label="truth", zorder=2)
    if horizon > 1:  # one line for each forecast, from the value that it starts at
        gap = np.full((count, 1), np.nan)
        axes.plot(
            np.column_stack([rows, gap]).ravel(),
            np.column_stack([values, gap]).ravel(),
            color=BLUE,
            linewidth=1.4,
            label=f"forecasts of {horizon} steps",
            zorder=3,
        )
        axes.plot(rows[:, 0], made.last[chosen], "o", color=BLUE, markersize=2.2, label="where each begins", zorder=4)
    else:
        axes.plot(
            rows[:, 1], made.values[chosen, 0], color=BLUE, linewidth=1.2, label="forecast, 1 step ahead", zorder=3
        )
    axes.set_xlabel("row of the series", color=QUIET)
    axes.set_ylabel(shortened(made.column, MOST_CHARACTERS), color=QUIET)
    axes.margins(x=0.01)
    axes.grid(axis="y", color=LINE, linewidth=0.4)
    _legend(axes)


def _joined(rows: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pieces that begin where the one before ends, as one line."""
    return np.append(rows[:, :-1].ravel(), rows[-1, -1]), np.append(values[:, :-1].ravel(), values[-1, -1])


def _draw_errors(axes: Axes, made: Forecast) -> None:
    steps = np.arange(1, made.values.shape[1] + 1)
    curves: Sequence[tuple[str, NDArray[Any], str]] = (
        ("last value", np.abs(made.last[:, None] - made.truth).mean(axis=0), ORANGE),
        ("forecast", np.abs(made.values - made.truth).mean(axis=0), BLUE),
    )
    for name, error, color in curves:
        axes.plot(steps, error, "o-", color=color, linewidth=1.4, markersize=3, label=name)
    axes.set_ylim(0.0, None)
    axes.margins(x=0.02)
    axes.set_xlabel("steps ahead", color=QUIET)
    axes.set_ylabel("mean absolute error", color=QUIET)
    axes.set_title(f"error over all {len(made.origin):,} forecasts of the test part, in the unit above", color=INK)
    axes.locator_params(axis="x", integer=True)
    axes.grid(axis="y", color=LINE, linewidth=0.4)
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the axes to the right, where no curve runs."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, fontsize=SMALL + 1, borderaxespad=0.2
    )
