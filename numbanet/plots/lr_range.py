"""The learning-rate range test: the loss over the rate, and which rate it suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbanet.plots.canvas import BLUE, HEADING, INK, LINE, MARGIN, ORANGE, PALE_BLUE, QUIET, Sheet, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 6.4, 3.4  # inches of the axes


@styled
def lr_range(
    rates: NDArray[np.float64],
    losses: NDArray[np.float64],
    smoothed: NDArray[np.float64],
    suggestion: float,
    title: str,
    note: str = "",
) -> Figure:
    """Loss (of each batch pale, smoothed strong) over the learning rate; a dot and a line at the suggestion."""
    left, top = MARGIN + 0.55, HEADING + 0.15
    sheet = Sheet(left + WIDTH + MARGIN, top + HEIGHT + 0.65)
    sheet.heading(title, note)
    axes = sheet.axes(left, top, WIDTH, HEIGHT)
    axes.set_xscale("log")
    axes.grid(True, color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.plot(rates, losses, color=PALE_BLUE, linewidth=0.9)
    axes.plot(rates, smoothed, color=BLUE, linewidth=2.0)
    # The climb after the valley says only that it climbs: the picture ends where it is as high as the beginning.
    low, high = float(smoothed.min()), float(max(smoothed[0], smoothed[: max(3, len(smoothed) // 2)].max()))
    room = max(high - low, 1e-9)
    axes.set(ylim=(low - 0.1 * room, high + 0.25 * room), xlim=(rates[0], rates[-1]))
    at = float(np.interp(np.log(suggestion), np.log(rates), smoothed))
    axes.axvline(suggestion, color=ORANGE, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.plot([suggestion], [at], "o", color=ORANGE, markersize=7)
    place: dict[str, Any] = {"ha": "left"}
    if suggestion > rates[0] ** 0.3 * rates[-1] ** 0.7:
        place = {"ha": "right"}
    axes.annotate(
        f"{suggestion:.2g}",
        (suggestion, high + 0.17 * room),
        xytext=(6 if place["ha"] == "left" else -6, 0),
        textcoords="offset points",
        va="center",
        color=INK,
        weight="bold",
        **place,
    )
    axes.set_xlabel("learning rate", color=QUIET)
    axes.set_ylabel("loss of a batch", color=QUIET)
    axes.tick_params(which="both", color=LINE)
    axes.minorticks_off()
    # Ticks within the picture alone, and made here, where the style holds.
    decades = np.arange(np.ceil(np.log10(rates[0]) - 1e-9), np.floor(np.log10(rates[-1]) + 1e-9) + 1)
    axes.set_xticks(10.0**decades, [f"{rate:g}" for rate in 10.0**decades])
    bottom, top_end = axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if bottom <= tick <= top_end])
    return sheet.figure
