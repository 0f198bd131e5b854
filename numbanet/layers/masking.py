"""Masking: which steps of a sequence of numbers are real."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.configurable import check_number
from numbanet.initializers import Shape
from numbanet.layers.base import Layer, Views
from numbanet.layers.windows import check_sequence


class Masking(Layer):
    """y is x; steps whose features all equal `value` are masked for the layers after it.

    So sequences of different lengths fit in one array [n, time, features], the shorter ones filled up with `value`.
    It replaces a mask that x has already. For tokens see `Embedding`'s `padding_index`.
    """

    makes_mask = True

    def __init__(self, value: float = 0.0) -> None:
        check_number("Masking", "value", value, -float("inf"))
        self.value = value

    @property
    def output_function(self) -> None:
        """None: y is x."""

    @property
    def keeps_mask(self) -> bool:
        """Yes: y is x."""
        return True

    def build(self, in_shape: Shape) -> Shape:
        """(time, features), unchanged."""
        check_sequence(self, in_shape)
        self.add_buffer("mask", in_shape[:1], "uint8")
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the mask."""
        self._mask_steps, self._mask = kernels.mask_steps, views.buffers["mask"]

    def forward(self, x: Array, train: bool) -> Array:
        """x itself."""
        self._mask_steps(self._mask, x, float(self.value))
        return x

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """dy itself."""
        return dy if need_dx else None
