"""The arguments by which layers describe a sliding window, checked; and what such layers expect as input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numbanet.configurable import check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Shape
from numbanet.kernels.geometry import PADDINGS, Pair, Sides
from numbanet.layers.base import Layer

Image = tuple[int, int, int]  # (height, width, channels)
OneOrPair = int | Sequence[int]
Padding = str | int | Sequence[int]


def check_pair(owner: str, name: str, value: Any, low: int) -> int | Pair:
    """`value` as one whole number for both axes or as (height, width), each from `low` on; else `ModelError`."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return check_whole(owner, name, value, low)
    if len(value) != 2:
        raise ModelError(f"{owner}: {name}: expected one number or (height, width), found {value!r}.")
    height, width = (check_whole(owner, name, n, low) for n in value)
    return height, width


def check_padding(owner: str, value: Any) -> str | int | Sides:
    """`value` as "valid", "same", pixels for every side or (top, bottom, left, right); else `ModelError`."""
    if isinstance(value, str):
        if value not in PADDINGS:
            raise ModelError(f"{owner}: {unknown_name('padding', value, PADDINGS)} Or a number of pixels.")
        return value
    if not isinstance(value, Sequence):
        return check_whole(owner, "padding", value, 0)
    if len(value) != 4:
        raise ModelError(
            f"{owner}: padding: expected 'valid', 'same', one number of pixels or (top, bottom, left, right), "
            f"found {value!r}."
        )
    top, bottom, left, right = (check_whole(owner, "padding", n, 0) for n in value)
    return top, bottom, left, right


def sides(padding: str | int | Sides) -> str | Sides:
    """A checked padding as `geometry.slide` takes it."""
    return (padding,) * 4 if isinstance(padding, int) else padding


def check_image(layer: Layer, in_shape: Shape) -> Image:
    """The shape of an image, (height, width, channels); else `ModelError` with a hint."""
    if len(in_shape) == 3:
        height, width, channels = in_shape
        return height, width, channels
    wanted = (*in_shape, 1) if len(in_shape) == 2 else "(height, width, channels)"
    raise layer.error(
        "images of shape (height, width, channels)", f"inputs of shape {in_shape}", f"Put Reshape({wanted}) before it."
    )


def check_sequence(layer: Layer, in_shape: Shape) -> tuple[int, int]:
    """The shape of a sequence, (time, features); else `ModelError` with a hint."""
    if len(in_shape) == 2:
        time, features = in_shape
        return time, features
    wanted = (*in_shape, 1) if len(in_shape) == 1 else "(time, features)"
    raise layer.error(
        "sequences of shape (time, features)", f"inputs of shape {in_shape}", f"Put Reshape({wanted}) before it."
    )
