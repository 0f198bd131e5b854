"""Layers that make images larger: by pixels repeated, or by a border of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numbanet.backend import Array
from numbanet.errors import ModelError
from numbanet.initializers import Shape
from numbanet.kernels.geometry import pair
from numbanet.layers.base import Layer, Views
from numbanet.layers.windows import OneOrPair, check_image, check_padding, check_pair, sides


class UpSampling2D(Layer):
    """Each pixel becomes a block of its copies: [n, height, width, c] -> [n, height * factor, width * factor, c].

    `factor`: one number, or (down, across).
    """

    def __init__(self, factor: OneOrPair = 2) -> None:
        self.factor = check_pair("UpSampling2D", "factor", factor, 1)

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (height * factor, width * factor, channels)."""
        height, width, channels = check_image(self, in_shape)
        down, across = pair(self.factor)
        out_shape = (height * down, width * across, channels)
        self.add_buffer("y", out_shape)
        self.add_buffer("dx", in_shape)
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep kernels and buffers."""
        self._forward, self._backward = kernels.upsample2d_forward, kernels.upsample2d_backward
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]

    def forward(self, x: Array, train: bool) -> Array:
        """The larger images."""
        self._forward(self._y, x)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """The sum over each pixel's copies."""
        if not need_dx:
            return None
        self._backward(self._dx, dy)
        return self._dx


class ZeroPad2D(Layer):
    """A border of zeros around each image.

        x [n, height, width, c] -> y [n, top + height + bottom, left + width + right, c]

    `padding`: a number of pixels for every side, or (top, bottom, left, right).
    """

    def __init__(self, padding: int | Sequence[int] = 1) -> None:
        if isinstance(padding, str):
            raise ModelError(
                f"ZeroPad2D: padding: expected a number of pixels or (top, bottom, left, right), found {padding!r}."
            )
        self.padding = check_padding("ZeroPad2D", padding)

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (top + height + bottom, left + width + right, channels)."""
        height, width, channels = check_image(self, in_shape)
        around = sides(self.padding)
        assert not isinstance(around, str)
        self._top, bottom, self._left, right = around
        out_shape = (self._top + height + bottom, self._left + width + right, channels)
        self.add_buffer("y", out_shape)
        self.add_buffer("dx", in_shape)
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the kernel and the buffers."""
        self._kernel = kernels.pad2d
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]

    def forward(self, x: Array, train: bool) -> Array:
        """x inside a border."""
        self._kernel(self._y, x, self._top, self._left)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """The dy without its border."""
        if not need_dx:
            return None
        self._kernel(self._dx, dy, -self._top, -self._left)
        return self._dx
