"""Pictures of networks: functions from arrays to matplotlib figures. They know neither models nor data sets.

    figure = confusion(counts, classes, "mnist")
    png = to_png(figure)

Importing this package does not import matplotlib, an extra; drawing does, or raises `PlotError`.
"""

from __future__ import annotations

from numbanet.plots.canvas import require_matplotlib, to_png
from numbanet.plots.confusion import confusion
from numbanet.plots.explanation import Explained, explanation
from numbanet.plots.feature_maps import feature_maps
from numbanet.plots.filters import filters
from numbanet.plots.mistakes import Mistake, mistakes
from numbanet.plots.roofline import Point, roofline

__all__ = [
    "Explained",
    "Mistake",
    "Point",
    "confusion",
    "explanation",
    "feature_maps",
    "filters",
    "mistakes",
    "require_matplotlib",
    "roofline",
    "to_png",
]
