"""Images as text: half blocks in gray or in color; block shades without color, ASCII without Unicode.

Two rows of pixels share a row of characters, since a character is about twice as high as it is wide.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from numbanet.cli.console import is_colored, is_unicode

Image: TypeAlias = NDArray[np.float64]  # [height, width, channels], 0 = dark .. 1 = bright

SHADES = " ░▒▓█"
ASCII_SHADES = " .:-=+*#%@"
EDGE = 0.45  # without color: halves of a cell that differ by more become a half block


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether examples of this shape can be shown: height, width and one or three channels."""
    return len(shape) == 3 and shape[2] in (1, 3)


def to_unit(example: NDArray[Any]) -> Image:
    """Bytes, or floats of any range, as numbers from 0 to 1."""
    if example.dtype == np.uint8:
        return example.astype(np.float64) / 255.0
    low, high = float(example.min()), float(example.max())
    if low >= 0.0 and high <= 1.0:
        return example.astype(np.float64)
    spread = high - low
    return (example.astype(np.float64) - low) / (spread if spread > 0.0 else 1.0)


def picture(console: Console, image: Image, max_width: int = 64) -> Text:
    """Draw an image, reduced by a whole factor where it is wider than `max_width` characters."""
    image = reduced(image, -(-image.shape[1] // max_width))
    if image.shape[0] % 2:
        image = np.concatenate([image, np.zeros_like(image[:1])])
    top, bottom = image[0::2], image[1::2]
    if is_colored(console) and is_unicode(console):
        return _in_color(top, bottom)
    gray_top, gray_bottom = top.mean(axis=2), bottom.mean(axis=2)
    if is_unicode(console):
        return _in_blocks(gray_top, gray_bottom)
    levels = ((gray_top + gray_bottom) / 2 * (len(ASCII_SHADES) - 1)).round().astype(int)
    return Text("\n".join("".join(ASCII_SHADES[level] for level in row) for row in levels))


def reduced(image: Image, factor: int) -> Image:
    """Average `factor` x `factor` pixels into one; rows and columns left over at the edges go."""
    if factor <= 1:
        return image
    height, width, channels = image.shape
    rows, columns = max(height // factor, 1), max(width // factor, 1)
    cut = image[: rows * factor, : columns * factor]
    averaged: Image = cut.reshape(rows, -1, columns, cut.shape[1] // columns, channels).mean(axis=(1, 3))
    return averaged


def _in_color(top: Image, bottom: Image) -> Text:
    text = Text()
    for row, (upper, lower) in enumerate(zip(top, bottom, strict=True)):
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", Style(color=_color(above), bgcolor=_color(below)))
        if row + 1 < len(top):
            text.append("\n")
    return text


def _color(pixel: NDArray[np.float64]) -> Color:
    red, green, blue = np.broadcast_to((pixel * 255).round().astype(int), (3,)).tolist()
    return Color.from_rgb(red, green, blue)


def _in_blocks(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> Text:
    lines = []
    for upper, lower in zip(top, bottom, strict=True):
        lines.append("".join(_cell(float(above), float(below)) for above, below in zip(upper, lower, strict=True)))
    return Text("\n".join(lines))


def _cell(above: float, below: float) -> str:
    if above - below > EDGE:
        return "▀"
    if below - above > EDGE:
        return "▄"
    return SHADES[round((above + below) / 2 * (len(SHADES) - 1))]
