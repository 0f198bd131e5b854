"""Learning curves: how loss and accuracy went from epoch to epoch, for one run or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbanet.plots.canvas import HEADING, INK, LINE, MARGIN, NORMAL, QUIET, Sheet, shortened, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of Okabe and Ito and of Tol, told apart by every kind of eye; more runs than these come round again, dashed.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#332288", "#888888")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)))
WIDTH, HEIGHT, GAP = 4.6, 3.2, 0.85  # inches of a panel, and between two
LEGEND, LONGEST = 0.21, 44  # inches of a line of the legend; characters
NAMES = {"loss": "loss", "accuracy": "accuracy, %"}  # of the panels, where the data have them


@dataclass(frozen=True)
class Curves:
    """A run's name, and its numbers by column: `loss` and `val_loss`, a value an epoch, and so on."""

    name: str
    columns: Mapping[str, Sequence[float]]


@styled
def curves(runs: Sequence[Curves], title: str) -> Figure:
    """A panel for the loss and one for the accuracy, where there is any; tested is bold, trained is pale.

    The loss is drawn on a logarithmic scale, on which a steady fall is a straight line.
    """
    panels = [name for name in NAMES if any(_has(run, name) for run in runs)]
    width = 2 * MARGIN + 0.6 + len(panels) * WIDTH + (len(panels) - 1) * GAP
    top = HEADING + 0.1
    below = top + HEIGHT + 0.55
    sheet = Sheet(width, below + LEGEND * len(runs) + MARGIN)
    tested = any(f"val_{name}" in run.columns for name in panels for run in runs)
    sheet.heading(title, "bold: on the test examples; pale: on the training examples" if tested else "")
    for number, name in enumerate(panels):
        axes = sheet.axes(MARGIN + 0.6 + number * (WIDTH + GAP), top, WIDTH, HEIGHT)
        for index, run in enumerate(runs):
            _draw(axes, run, name, index)
        _finish(axes, runs, name)
    legend = sheet.blank(MARGIN + 0.6, below, width - 2 * MARGIN, LEGEND * len(runs))
    for index, run in enumerate(runs):
        y = LEGEND * (index + 0.5)
        legend.plot([0, 0.35], [y, y], color=_color(index), linestyle=_dash(index), linewidth=2)
        legend.text(0.45, y, shortened(_outcome(run), 2 * LONGEST), va="center", size=NORMAL, color=INK)
    return sheet.figure


def _has(run: Curves, name: str) -> bool:
    return bool(run.columns.get(name)) or bool(run.columns.get(f"val_{name}"))


def _draw(axes: Axes, run: Curves, name: str, index: int) -> None:
    for column, alpha, width in ((name, 0.35, 1.2), (f"val_{name}", 1.0, 2.0)):
        values = _scaled(run, column)
        if values:
            marker = "o" if len(values) <= 20 else ""
            line = axes.plot(range(1, len(values) + 1), values, color=_color(index), marker=marker, markersize=3)
            line[0].set(alpha=alpha, linewidth=width, linestyle=_dash(index), zorder=2 + alpha)


def _scaled(run: Curves, column: str) -> list[float]:
    """The numbers of a column, shares as percentages."""
    scale = 100.0 if column.endswith("accuracy") else 1.0
    return [scale * value for value in run.columns.get(column, ())]


def _finish(axes: Axes, runs: Sequence[Curves], name: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    epochs = max(len(_scaled(run, name)) for run in runs)
    axes.set_title(NAMES[name], color=INK)
    axes.set_xlabel("epoch", color=QUIET)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlim(1 - 0.02 * epochs, epochs + 0.02 * epochs)
    axes.grid(axis="y", color=LINE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    values = np.array([value for run in runs for value in _scaled(run, name) + _scaled(run, f"val_{name}")])
    tested = np.array([value for run in runs for value in _scaled(run, f"val_{name}")])
    if name == "loss" and np.nanmin(values) > 0:
        axes.set_yscale("log")
        decades = np.log10(np.nanmax(values) / np.nanmin(values))
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 4 else (1.0,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    if name == "accuracy" and np.isfinite(tested).any():
        # Training begins far below: to see what matters, its first steps may stay outside.
        low, high = np.nanmin(tested), np.nanmax(values)
        axes.set_ylim(low - 0.08 * (high - low) - 0.2, high + 0.04 * (high - low) + 0.2)


def _outcome(run: Curves) -> str:
    """The name, and what the run came to."""
    accuracy = run.columns.get("val_accuracy") or run.columns.get("accuracy")
    loss = run.columns.get("val_loss") or run.columns.get("loss")
    parts = [f"{100 * accuracy[-1]:.2f}%"] if accuracy else []
    parts += [f"loss {loss[-1]:.4g}"] if loss else []
    return f"{shortened(run.name, LONGEST)}   {', '.join(parts)}"


def _color(index: int) -> str:
    return COLORS[index % len(COLORS)]


def _dash(index: int) -> object:
    return DASHES[index // len(COLORS) % len(DASHES)]
