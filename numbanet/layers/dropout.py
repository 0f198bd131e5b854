"""Dropout (Srivastava et al. 2014), with random numbers that need no state."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.configurable import check_number
from numbanet.errors import ModelError
from numbanet.initializers import Shape
from numbanet.layers.base import Layer, Views


class Dropout(Layer):
    """In training each element is 0 with probability `rate`, else divided by 1 - rate; otherwise y is x.

    The mask depends on (the model's seed, the training step, the layer, the element's index) and on nothing
    else. So it is not stored: backward draws it again.
    """

    def __init__(self, rate: float) -> None:
        check_number("Dropout", "rate", rate, 0.0, 1.0)
        if rate == 1:
            raise ModelError("Dropout: rate: expected a number below 1, found 1: nothing would be left.")
        self.rate = rate

    @property
    def output_function(self) -> None:
        """None: after training, y is x."""

    def build(self, in_shape: Shape) -> Shape:
        """Any shape."""
        self.add_buffer("y", in_shape)
        self.add_buffer("dx", in_shape)
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the buffers, flat, and what keys the random numbers."""
        self._kernel = kernels.dropout
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]
        self._y_flat, self._dx_flat = self._y.reshape(-1), self._dx.reshape(-1)
        self._key = (float(self.rate), views.seed, views.step, views.stream)
        self._active = False

    def forward(self, x: Array, train: bool) -> Array:
        """x with holes in training, else x itself."""
        self._active = train and self.rate > 0
        if not self._active:
            return x
        self._kernel(self._y_flat, x.reshape(-1), *self._key)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """The same holes in dy."""
        if not need_dx:
            return None
        if not self._active:
            return dy
        self._kernel(self._dx_flat, dy.reshape(-1), *self._key)
        return self._dx
