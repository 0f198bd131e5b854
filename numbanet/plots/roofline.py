"""Kernels under the roofline (Williams et al., doi 10.1145/1498765.1498785), and how near each is to its roof.

The roof: memory hands over so many bytes a second, so a kernel with few operations for each byte cannot be faster
than the slope; no kernel is faster than the arithmetic allows, the flat part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbanet.plots.canvas import BLUE, HEADING, INK, MARGIN, ORANGE, PALE_BLUE, QUIET, SMALL, Sheet, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROOF_HEIGHT = 9.0, 4.6  # inches, without the margins
BAR, LABELS, COLUMNS = 0.18, 2.75, 2
COLUMN = WIDTH / COLUMNS


@dataclass(frozen=True)
class Point:
    """A measured kernel: floating-point operations (0: not counted), bytes of its arrays, seconds of a call."""

    name: str
    shape: str
    operations: float
    bytes: float
    seconds: float


@styled
def roofline(points: Sequence[Point], operations: float, bandwidth: float, title: str) -> Figure:
    """The kernels that do arithmetic under the roof of `operations`/s and `bandwidth` bytes/s; all of them as bars."""
    counted = [point for point in points if point.operations]
    rows = -(-len(points) // COLUMNS)
    roof = ROOF_HEIGHT + 0.9 if counted else 0.0
    left, top = MARGIN + 0.3, HEADING + 0.2
    sheet = Sheet(left + WIDTH + 0.5, top + roof + rows * BAR + 0.6)
    sheet.heading(title, f"peak {operations / 1e9:.0f} GFLOP/s, streaming {bandwidth / 1e9:.0f} GB/s")
    if counted:
        _draw_roof(sheet.axes(left + 0.25, top, WIDTH - 0.25, ROOF_HEIGHT), counted, operations, bandwidth)
    for column in range(COLUMNS):
        shown = points[column * rows : (column + 1) * rows]
        if shown:
            place = (left + column * COLUMN + LABELS, top + roof, COLUMN - LABELS - 0.35, len(shown) * BAR)
            _draw_bars(sheet.axes(*place), shown, operations, bandwidth)
    return sheet.figure


def _draw_roof(axes: Axes, points: Sequence[Point], operations: float, bandwidth: float) -> None:
    intensity = np.array([point.operations / point.bytes for point in points])
    speed = np.array([point.operations / point.seconds for point in points])
    ridge = operations / bandwidth
    low, high = min(intensity.min(), ridge) / 3, max(intensity.max(), ridge) * 6
    axes.plot([low, ridge, high], np.array([low * bandwidth, operations, operations]) / 1e9, color=INK, linewidth=1.2)
    axes.scatter(intensity, speed / 1e9, s=22, color=BLUE, zorder=3)
    axes.set(xscale="log", yscale="log", xlim=(low, high))
    axes.set_ylim(min(speed.min(), low * bandwidth) / 2e9, 3 * max(operations, speed.max()) / 1e9)
    axes.set_xlabel("operations for each byte of the arrays", color=QUIET)
    axes.set_ylabel("GFLOP/s", color=QUIET)
    axes.grid(visible=True, color="#eeeeee", linewidth=0.6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    named: list[tuple[float, float]] = []  # only where no other name is near
    for point, x, y in zip(points, np.log10(intensity), np.log10(speed / 1e9), strict=True):
        if all(abs(x - other) > 0.45 or abs(y - height) > 0.07 for other, height in named):
            axes.annotate(point.name, (10**x, 10**y), (5, -2), textcoords="offset points", size=SMALL, color=QUIET)
            named.append((x, y))


def _draw_bars(axes: Axes, points: Sequence[Point], operations: float, bandwidth: float) -> None:
    """The share of the roof that each kernel reaches: blue under its flat part, orange under its slope."""
    rows = np.arange(len(points))
    arithmetic = np.array([point.operations / point.seconds / operations for point in points])
    copying = np.array([point.bytes / point.seconds / bandwidth for point in points])
    share = np.maximum(arithmetic, copying)
    axes.barh(rows, np.ones(len(points)), height=0.7, color="#f0f0f0")
    axes.barh(rows, share, height=0.7, color=np.where(arithmetic >= copying, BLUE, ORANGE))
    axes.set_yticks(rows, [f"{point.name}  {point.shape}" for point in points], size=SMALL)
    axes.set(ylim=(len(points) - 0.5, -0.5), xlim=(0, max(1.0, share.max(initial=0.0))))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("of the peak: blue arithmetic, orange streaming", color=QUIET, size=SMALL + 1)
    axes.axvline(1.0, color=PALE_BLUE, linewidth=0.8)
    for row, value in zip(rows, share, strict=True):
        axes.text(value + 0.02, float(row), f"{100 * value:.0f}%", size=SMALL - 1, va="center", color=QUIET)
