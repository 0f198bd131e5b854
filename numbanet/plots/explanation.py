"""Why a model sees what it sees in one image: probabilities, first features, and the pixels that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbanet.plots.canvas import (
    BLUE,
    DIVERGING,
    GRAY,
    GREEN,
    HEADING,
    INK,
    MARGIN,
    NEGATIVE,
    ORANGE,
    POSITIVE,
    QUIET,
    SMALL,
    Sheet,
    as_picture,
    shortened,
    styled,
)
from numbanet.plots.feature_maps import SPACE, TITLE, band_height, draw_band
from numbanet.plots.tiles import Grid, draw_tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = 2.4  # inches: the width of the image and of the map beside it
BARS = 2.6  # the width of the probabilities
BETWEEN = 0.35
CHARACTER = 0.085  # inches of a class's name
MOST_CHARACTERS = 22
MOST_CLASSES = 10


@dataclass(frozen=True, eq=False)
class Explained:
    """What is drawn of one prediction.

    `image` [h, w, 1 or 3] from 0 to 1; `probabilities` [classes], of the classes called `names`; `label` is
    the true one, where that is known. `saliency` [h, w, 1 or 3]: the gradient of the predicted class's output.
    `features`: name and output of the first layer.
    """

    image: NDArray[Any]
    names: Sequence[str]
    probabilities: NDArray[Any]
    label: int | None
    saliency: NDArray[Any]
    features: tuple[str, NDArray[Any]]


@styled
def explanation(explained: Explained, title: str, note: str = "", most: int = 32) -> Figure:
    """The image, the map of what speaks for and against the predicted class, the probabilities, the features."""
    image = as_picture(explained.image)
    height = PICTURE * image.shape[0] / image.shape[1]
    best = int(np.argmax(explained.probabilities))
    shown = _shown_classes(explained)
    names = [shortened(explained.names[index], MOST_CHARACTERS) for index in shown]
    bars_left = MARGIN + 2 * (PICTURE + BETWEEN) + CHARACTER * max(len(name) for name in names)
    width = bars_left + BARS - MARGIN
    top = HEADING + TITLE
    features_top = top + max(height, 2.2) + 0.2 + SPACE
    name, values = explained.features
    sheet = Sheet(width + 1.2, features_top + TITLE + band_height(values, most, width) + MARGIN)
    sheet.heading(title, note)

    place = Grid(1, 1, PICTURE, height)
    sheet.text(MARGIN, HEADING, "input", color=QUIET)
    draw_tiles(sheet, MARGIN, top, place, [image], cmap=GRAY, vmin=0.0, vmax=1.0)

    left = MARGIN + PICTURE + BETWEEN
    sheet.text(left, HEADING, f"what speaks for and against {shortened(explained.names[best], 12)}", color=QUIET)
    _draw_saliency(sheet, left, top, place, explained)
    sheet.text(left, top + height + 0.06, "brighter here: ", size=SMALL, color=QUIET)
    sheet.text(left + 0.74, top + height + 0.06, "more likely", size=SMALL, color=POSITIVE)
    sheet.text(left + 1.34, top + height + 0.06, "less likely", size=SMALL, color=NEGATIVE)

    _draw_probabilities(sheet, bars_left, top, max(height, 2.2), explained, shown, names)
    draw_band(sheet, MARGIN, features_top, width, name, values, most)
    return sheet.figure


def _draw_saliency(sheet: Sheet, left: float, top: float, place: Grid, explained: Explained) -> None:
    """The gradient in color, and the image's outline over it.

    Channels are added up: what counts is that a pixel becomes brighter.
    """
    gradient, brightness = explained.saliency.sum(axis=2), explained.image.mean(axis=2)
    limit = np.abs(gradient).max() or 1.0
    draw_tiles(sheet, left, top, place, [gradient], cmap=DIVERGING, vmin=-limit, vmax=limit)
    middle = (brightness.min() + brightness.max()) / 2
    if brightness.min() < middle < brightness.max():
        rows, columns = brightness.shape
        x = (np.arange(columns) + 0.5) * place.width / columns
        y = (np.arange(rows) + 0.5) * place.height / rows
        sheet.figure.axes[-1].contour(x, y, brightness, levels=[middle], colors=[INK], linewidths=0.8)


def _shown_classes(explained: Explained) -> NDArray[np.int64]:
    """All classes in their order where they fit, else the likeliest, and the true one."""
    p, label = explained.probabilities, explained.label
    if len(p) <= MOST_CLASSES:
        return np.arange(len(p))
    likeliest = np.argsort(-p, kind="stable")[:MOST_CLASSES]
    if label is not None and label not in likeliest:
        likeliest[-1] = label
    return likeliest


def _draw_probabilities(
    sheet: Sheet,
    left: float,
    top: float,
    height: float,
    explained: Explained,
    shown: NDArray[np.int64],
    names: Sequence[str],
) -> None:
    """A bar for each of the classes `shown`; the prediction and the truth stand out."""
    p, label, count = explained.probabilities, explained.label, len(shown)
    best = int(np.argmax(p))
    axes = sheet.axes(left, top, BARS, height)
    sheet.text(left, HEADING, "probability", color=QUIET)
    colors = [(ORANGE if label not in (None, best) else GREEN) if i == best else BLUE for i in shown]
    axes.barh(np.arange(count), np.ones(count), height=0.66, color="#f2f2f2")
    axes.barh(np.arange(count), p[shown], height=0.66, color=colors)
    for row, index in enumerate(shown):
        strong: dict[str, Any] = {"weight": "bold"} if index == best else {}
        truth = "  true class" if index == label != best else ""
        axes.text(1.03, row, f"{100 * p[index]:.1f}%{truth}", va="center", size=SMALL + 1, color=INK, **strong)
    axes.set(xlim=(0, 1), ylim=(count - 0.4, -0.6), xticks=[])
    axes.set_yticks(range(count), names, size=SMALL + 1)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
