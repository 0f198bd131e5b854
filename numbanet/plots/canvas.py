"""The sheet that everything is drawn on, and its style. The one file that imports matplotlib.

Figures are drawn without pyplot, straight on the Agg canvas: nothing is global, no display is needed, and a
figure is freed like any other object. Places are given in inches from the upper left corner, so that a plot's
layout is plain arithmetic and nothing overlaps whatever the number of its parts.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import PlotError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

DPI = 150
MOST_PIXELS = 30_000  # in height or width: viewers, and Agg itself, give up on much more
MARGIN = 0.25  # inches of white around everything

INK, QUIET, LINE = "#222222", "#666666", "#c4c4c4"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # of Okabe and Ito, told apart by every kind of eye
PALE_BLUE = "#9ec9e2"  # what stands behind something blue
NEGATIVE, POSITIVE = "#2166ac", "#b2182b"  # near the ends of the diverging scale
DIVERGING, SEQUENTIAL, GRAY = "RdBu_r", "viridis", "gray"
SMALL, NORMAL, LARGE = 7.0, 9.0, 13.0  # points

STYLE: dict[str, Any] = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": NORMAL,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on any machine
    "font.size": NORMAL,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$"
    "xtick.color": LINE,
    "xtick.labelcolor": QUIET,
    "xtick.labelsize": SMALL,
    "ytick.color": LINE,
    "ytick.labelcolor": QUIET,
    "ytick.labelsize": SMALL,
}


def require_matplotlib() -> None:
    """Raise `PlotError` unless matplotlib can be imported."""
    try:
        import matplotlib.backends.backend_agg
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise PlotError(
            f'drawing needs matplotlib, which is not here ({error}). Install the extra: pip install "numbanet[plot]".'
        ) from None


def styled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run a function in our style, whatever the user's matplotlibrc says; theirs is back afterwards."""

    @functools.wraps(function)
    def in_style(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        require_matplotlib()
        from matplotlib import style

        with style.context(["default", STYLE]):
            return function(*arguments, **options)

    return in_style


class Sheet:
    """A figure of `width` x `height` inches on which axes and texts are placed, in inches, from the upper left."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure: Figure = Figure(figsize=(width, height), facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes in this place."""
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def blank(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes without frame or ticks whose coordinates are inches from their own upper left corner."""
        axes = self.axes(left, top, width, height)
        axes.set_axis_off()
        axes.set(xlim=(0, width), ylim=(height, 0))
        return axes

    def text(self, left: float, top: float, text: str, **properties: Any) -> None:
        """A text whose upper left corner is here."""
        x, y = left / self.width, 1 - top / self.height
        self.figure.text(x, y, text, **{"va": "top", "ha": "left"} | properties)

    def heading(self, title: str, note: str = "", left: float = MARGIN) -> None:
        """The title of the whole, and a quiet line below it: `HEADING` inches from the top."""
        self.text(left, MARGIN, title, size=LARGE, weight="bold")
        self.text(left, MARGIN + 0.27, note, color=QUIET)

    def color_bar(
        self, colors: ScalarMappable, left: float, top: float, height: float, label: str = "", beyond: str = "neither"
    ) -> Axes:
        """A slim scale of colors in this place, its numbers to the right; pointed where values lie `beyond`."""
        axes = self.axes(left, top, 0.1, height)
        bar = self.figure.colorbar(colors, cax=axes, extend=beyond, extendfrac=0.04)
        bar.outline.set_visible(False)
        bar.set_label(label, color=QUIET, size=SMALL + 1)
        axes.tick_params(length=2, labelsize=SMALL)
        return axes


HEADING = MARGIN + 0.6


@styled
def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file, cut to what is drawn on it."""
    stream = io.BytesIO()
    dpi = min(DPI, MOST_PIXELS / max(figure.get_size_inches()))
    figure.savefig(stream, format="png", dpi=dpi, bbox_inches="tight", pad_inches=MARGIN)
    return stream.getvalue()


def as_picture(image: NDArray[Any]) -> NDArray[Any]:
    """[h, w, 1] or [h, w, 3] -> what matplotlib draws: [h, w] or [h, w, 3]."""
    return image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image


def scale_of(values: NDArray[Any], keep: float = 1.0) -> dict[str, Any]:
    """Colors for these numbers: from 0 up where none is negative, else the same distance to both sides of 0.

    `keep`: the share of the numbers that the scale must cover; a few larger ones would make the rest pale.
    """
    largest = float(np.quantile(np.abs(values), keep)) if values.size else 0.0
    limit = largest or 1.0  # nothing but zeros
    if np.min(values, initial=0.0) < 0:
        return {"cmap": DIVERGING, "vmin": -limit, "vmax": limit}
    return {"cmap": SEQUENTIAL, "vmin": 0.0, "vmax": limit}


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, with an ellipsis where some are missing."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
