"""Pooling layers: the largest or the mean of a window that slides over an image or a sequence, or of all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from numbanet.backend import Array
from numbanet.configurable import check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Shape
from numbanet.kernels.geometry import PADDINGS, Pair, Sides, pair, slide
from numbanet.layers.base import Layer, Views
from numbanet.layers.windows import (
    Image,
    OneOrPair,
    Padding,
    check_image,
    check_padding,
    check_pair,
    check_sequence,
    sides,
)

# y from x, and dx from dy and x, all of them images.
Kernels: TypeAlias = tuple[Callable[[Array, Array], None], Callable[[Array, Array, Array], None]]


class Pool(Layer):
    """Base of the pooling layers. Their kernels pool images; a sequence is an image one pixel high."""

    def kernels(self, kernels: Any) -> Kernels:
        """The kernels that pool."""
        raise NotImplementedError

    def slide_over(self, image: Image, kernel: Pair, stride: Pair, padding: str | Sides) -> Image:
        """Find the window over images of this shape; returns the shape of their outputs. Raises `ValueError`."""
        self._window, out_size = slide(image[:2], kernel, stride, padding=padding)
        self._image, self._out_image = image, (*out_size, image[2])
        return self._out_image

    def declare(self, out_shape: Shape) -> Shape:
        """Declare the buffers; returns the layer's output shape."""
        self.add_buffer("y", out_shape)
        self.add_buffer("dx", self.in_shape)
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the kernels, and the buffers also as images."""
        self._forward, self._backward = self.kernels(kernels)
        self._x_images, self._y_images = (views.batch, *self._image), (views.batch, *self._out_image)
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]
        self._y_image, self._dx_image = self._y.reshape(self._y_images), self._dx.reshape(self._x_images)

    def forward(self, x: Array, train: bool) -> Array:
        """The largest or the mean of each window, channel by channel."""
        self._forward(self._y_image, x.reshape(self._x_images))
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Each dy goes to the pixels of its window."""
        if not need_dx:
            return None
        self._backward(self._dx_image, dy.reshape(self._y_images), x.reshape(self._x_images))
        return self._dx


class Maximum(Pool):
    """Base of the layers that take the largest."""

    def kernels(self, kernels: Any) -> Kernels:
        """Those of the maximum."""
        window = self._window
        forward, backward = kernels.max_pool2d_forward, kernels.max_pool2d_backward
        return (lambda y, x: forward(y, x, window)), (lambda dx, dy, x: backward(dx, dy, x, window))


class Mean(Pool):
    """Base of the layers that take the mean."""

    count_padding = False

    def kernels(self, kernels: Any) -> Kernels:
        """Those of the mean."""
        window, padded = self._window, self.count_padding
        forward, backward = kernels.avg_pool2d_forward, kernels.avg_pool2d_backward
        return (lambda y, x: forward(y, x, window, padded)), (lambda dx, dy, x: backward(dx, dy, window, padded))


class ImagePool(Pool):
    """Base of the layers with a window over height and width."""

    size: int | Pair
    stride: int | Pair | None
    padding: str | int | Sides

    def configure(self, size: OneOrPair, stride: OneOrPair | None, padding: Padding) -> None:
        """Check and keep the arguments of the window."""
        owner = type(self).__name__
        self.size = check_pair(owner, "size", size, 1)
        self.stride = None if stride is None else check_pair(owner, "stride", stride, 1)
        self.padding = check_padding(owner, padding)
        around = sides(self.padding)
        if not isinstance(around, str):
            height, width = pair(self.size)
            check_fits(owner, max(around[:2]) < height and max(around[2:]) < width, self.padding, self.size)

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (out_height, out_width, channels)."""
        kernel, stride = pair(self.size), pair(self.size if self.stride is None else self.stride)
        image = check_image(self, in_shape)
        try:
            return self.declare(self.slide_over(image, kernel, stride, sides(self.padding)))
        except ValueError as error:
            raise ModelError(f"{self.name}: {error} with its padding. Use a smaller size, or 'same'.") from error


class MaxPool2D(Maximum, ImagePool):
    """The largest pixel of each window, channel by channel. Of equals the first takes the gradient; NaN is largest.

        x [n, height, width, channels] -> y [n, out_height, out_width, channels]

    `size` and `stride`: one number, or (height, width); without a stride the windows lie side by side. `padding`:
    "valid" (none), "same" (outputs of height / stride, rounded up), a number of pixels for every side, or (top, bottom,
    left, right), each less than the size. What is padded is never the largest.
    """

    def __init__(self, size: OneOrPair = 2, stride: OneOrPair | None = None, padding: Padding = "valid") -> None:
        self.configure(size, stride, padding)


class AvgPool2D(Mean, ImagePool):
    """The mean pixel of each window, channel by channel. The arguments are those of `MaxPool2D`, and:

    `count_padding`: whether the mean counts what is padded as zeros, or is over the pixels of the image alone.
    """

    def __init__(
        self,
        size: OneOrPair = 2,
        stride: OneOrPair | None = None,
        padding: Padding = "valid",
        *,
        count_padding: bool = False,
    ) -> None:
        self.configure(size, stride, padding)
        self.count_padding = count_padding


class SequencePool(Pool):
    """Base of the layers with a window over time."""

    size: int
    stride: int | None
    padding: str | int | Pair

    def configure(self, size: int, stride: int | None, padding: Padding) -> None:
        """Check and keep the arguments of the window."""
        owner = type(self).__name__
        self.size = check_whole(owner, "size", size, 1)
        self.stride = None if stride is None else check_whole(owner, "stride", stride, 1)
        self.padding = check_ends(owner, padding)
        if not isinstance(self.padding, str):
            check_fits(owner, max(pair(self.padding)) < self.size, self.padding, self.size)

    def build(self, in_shape: Shape) -> Shape:
        """(time, features) -> (out_time, features)."""
        time, features = check_sequence(self, in_shape)
        padding = self.padding if isinstance(self.padding, str) else (0, 0, *pair(self.padding))
        stride = self.size if self.stride is None else self.stride
        try:
            _, *out = self.slide_over((1, time, features), (1, self.size), (1, stride), padding)
        except ValueError as error:
            padded = time + (0 if isinstance(padding, str) else sum(padding))
            advice = "Use a smaller size, or padding='same'."
            raise self.error(f"at least {self.size} steps, padding included", padded, advice) from error
        return self.declare(tuple(out))


class MaxPool1D(Maximum, SequencePool):
    """The largest step of each window, feature by feature.

        x [n, time, features] -> y [n, out_time, features]

    No `stride` is that of the size. `padding`: "valid", "same", a number of steps for both ends, or (before, after);
    as in `MaxPool2D`.
    """

    def __init__(self, size: int = 2, stride: int | None = None, padding: Padding = "valid") -> None:
        self.configure(size, stride, padding)


class AvgPool1D(Mean, SequencePool):
    """The mean step of each window, feature by feature. Arguments as in `MaxPool1D` and `AvgPool2D`."""

    def __init__(
        self, size: int = 2, stride: int | None = None, padding: Padding = "valid", *, count_padding: bool = False
    ) -> None:
        self.configure(size, stride, padding)
        self.count_padding = count_padding


class GlobalPool(Pool):
    """Base of the layers whose window is the whole image."""

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (channels,)."""
        image = check_image(self, in_shape)
        self.slide_over(image, image[:2], image[:2], "valid")
        return self.declare(image[2:])


class GlobalMaxPool2D(Maximum, GlobalPool):
    """The largest pixel of each image, channel by channel: [n, height, width, channels] -> [n, channels]."""


class GlobalAvgPool2D(Mean, GlobalPool):
    """The mean pixel of each image, channel by channel: [n, height, width, channels] -> [n, channels]."""


def check_ends(owner: str, value: Any) -> str | int | Pair:
    """`value` as "valid", "same", steps for both ends or (before, after); else `ModelError`."""
    if isinstance(value, str):
        if value not in PADDINGS:
            raise ModelError(f"{owner}: {unknown_name('padding', value, PADDINGS)} Or a number of steps.")
        return value
    if not isinstance(value, Sequence):
        return check_whole(owner, "padding", value, 0)
    if len(value) != 2:
        raise ModelError(f"{owner}: padding: expected a name, one number of steps or (before, after), found {value!r}.")
    before, after = (check_whole(owner, "padding", n, 0) for n in value)
    return before, after


def check_fits(owner: str, fits: bool, padding: object, size: object) -> None:
    """Raise `ModelError` unless every window has something of the input under it."""
    if not fits:
        raise ModelError(
            f"{owner}: padding: expected less than the size, {size}, on each side, found {padding}: a window could "
            "lie beside the input."
        )
