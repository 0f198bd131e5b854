"""What a figure consists of, and whether anything on it covers anything else."""

from __future__ import annotations

import io
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from numbanet.plots import to_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def images(figure: Figure) -> list[AxesImage]:
    return [image for axes in figure.axes for image in axes.images]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in _visible_texts(figure)]


def _visible_texts(figure: Figure) -> list[Any]:
    from matplotlib.text import Text

    return [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text().strip()]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of upright texts that share more than a hair's breadth."""
    figure.canvas.draw()  # lays out the ticks, at the resolution at which the texts are measured
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [
        (t.get_text(), t.get_window_extent(renderer).padded(-1)) for t in _visible_texts(figure) if not t.get_rotation()
    ]
    return [(a, b) for (a, first), (b, second) in combinations(boxes, 2) if first.overlaps(second)]


def pixels(png: bytes) -> np.ndarray:
    from matplotlib.image import imread

    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return np.asarray(imread(io.BytesIO(png), format="png"))


def assert_good(figure: Figure) -> None:
    """It becomes a PNG of a size to look at, with something on it, white at its edges, and no text on another."""
    found = pixels(to_png(figure))
    assert 200 < found.shape[1] < 3000, found.shape
    assert found.shape[0] > 200, found.shape
    colors = np.ascontiguousarray(np.round(found * 255), np.uint8).view(np.uint32)
    assert len(np.unique(colors)) > 20
    for edge in (found[:8], found[-8:], found[:, :8], found[:, -8:]):
        assert edge.min() == 1.0
    assert overlapping(figure) == []
