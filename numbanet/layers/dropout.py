"""Dropout (Srivastava et al. 2014), with random numbers that need no state."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.configurable import check_number
from numbanet.errors import ModelError
from numbanet.initializers import Shape
from numbanet.kernels.geometry import channel_dropout_scratch
from numbanet.layers.base import Layer, Views


class Dropout(Layer):
    """In training each element is 0 with probability `rate`, else divided by 1 - rate; otherwise y is x.

    `per_channel`: channels, the last axis, are dropped as a whole, all pixels of one example together (Tompson et
    al., arXiv 1411.4280). Neighbouring pixels are much alike, so that dropping some of them withholds little.

    The mask depends on (the model's seed, the training step, the layer, the element's index) and on nothing
    else. So it is not stored: backward draws it again.
    """

    def __init__(self, rate: float, *, per_channel: bool = False) -> None:
        check_number("Dropout", "rate", rate, 0.0, 1.0)
        if rate == 1:
            raise ModelError("Dropout: rate: expected a number below 1, found 1: nothing would be left.")
        self.rate = rate
        self.per_channel = bool(per_channel)

    @property
    def output_function(self) -> None:
        """None: after training, y is x."""

    @property
    def keeps_mask(self) -> bool:
        """Yes: each element is for itself."""
        return True

    def build(self, in_shape: Shape) -> Shape:
        """Any shape; of channels, with at least one axis."""
        if self.per_channel:
            if not in_shape:
                raise self.error("at least one axis, whose last holds the channels", "a single number")
            self.add_scratch("scratch", (channel_dropout_scratch(in_shape[-1]),))
        self.add_buffer("y", in_shape)
        self.add_buffer("dx", in_shape)
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the buffers, flat or with the channels apart, and what keys the random numbers."""
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]
        self._arguments: tuple[Any, ...] = (float(self.rate), views.seed, views.step, views.stream)
        self._kernel = kernels.dropout
        self._rows: Shape = (-1,)
        if self.per_channel:
            channels = self.in_shape[-1]
            self._kernel, self._rows = kernels.channel_dropout, (views.batch, -1, channels)
            self._arguments = (*self._arguments, views.buffers["scratch"])
        self._y_rows, self._dx_rows = self._y.reshape(self._rows), self._dx.reshape(self._rows)
        self._active = False

    def forward(self, x: Array, train: bool) -> Array:
        """x with holes in training, else x itself."""
        self._active = train and self.rate > 0
        if not self._active:
            return x
        self._kernel(self._y_rows, x.reshape(self._rows), *self._arguments)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """The same holes in dy."""
        if not need_dx:
            return None
        if not self._active:
            return dy
        self._kernel(self._dx_rows, dy.reshape(self._rows), *self._arguments)
        return self._dx
