"""Convolutions of images: of all channels together, in groups, or of each channel by itself."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.configurable import check_whole
from numbanet.errors import ModelError
from numbanet.initializers import PerGroup, Shape
from numbanet.kernels.geometry import Pair, Sides, Window, conv2d_scratch, pair, slide
from numbanet.layers.base import Layer, Views, size
from numbanet.layers.weighted import InitializerChoice, Products, Weighted, dense_products
from numbanet.layers.windows import Image, OneOrPair, Padding, check_image, check_padding, check_pair, sides

Sliding = tuple[Pair, Pair, Pair, str | Sides]  # kernel, stride, dilation and padding, as `geometry.slide` takes them


def check_groups(owner: str, groups: Any, filters: int) -> int:
    """`groups` as an int that divides `filters`; else `ModelError`."""
    count = check_whole(owner, "groups", groups, 1)
    if filters % count:
        raise ModelError(f"{owner}: groups: expected a divisor of the {filters} filters, found {count}.")
    return count


def check_channels(layer: Layer, channels: int, groups: int) -> None:
    """Raise `ModelError` unless the groups can share the channels."""
    if channels % groups:
        raise layer.error(f"a number of input channels that can be shared by {groups} groups", f"{channels} channels")


def conv2d_products(kernels: Any, window: Window, groups: int, scratch: Array) -> Products:
    """Convolutions: x (n, h, w, c), w (kh, kw, c / groups, f), y (n, oh, ow, f)."""

    def forward(y: Array, x: Array, w: Array, b: Array, activation: int) -> None:
        kernels.conv2d_forward(y, x, w, b, window, groups, activation, scratch)

    def backward_input(dx: Array, dy: Array, w: Array) -> None:
        kernels.conv2d_backward_input(dx, dy, w, window, groups, scratch)

    def backward_params(dw: Array, db: Array, x: Array, dy: Array) -> None:
        kernels.conv2d_backward_params(dw, db, x, dy, window, groups, scratch)

    return Products(forward, backward_input, backward_params)


class Convolution(Weighted):
    """Base of the convolutions: a window over images, and the kernels that slide it."""

    def sliding(self) -> Sliding:
        """How the window slides over an image."""
        raise NotImplementedError

    def slide_over(self, image: Image, filters: int) -> Image:
        """Find the window over images of this shape; returns the shape of their outputs."""
        kernel, stride, dilation, padding = self.sliding()
        try:
            self._window, out_size = slide(image[:2], kernel, stride, dilation, padding)
        except ValueError as error:
            raise ModelError(
                f"{self.name}: {error} with its padding. Use a smaller kernel or dilation, or more padding."
            ) from error
        return (*out_size, filters)

    def convolve(self, image: Image, filters: int, groups: int) -> Shape:
        """Declare everything for a convolution of images; returns the layer's output shape.

        A layer of sequences hands in images of height 1: its weight and its outputs have no such axis.
        """
        out = self.slide_over(image, filters)
        channels, (kernel, stride, _, _) = image[2], self.sliding()
        taps = (*kernel, channels // groups, filters)
        rank = len(self.in_shape)
        self.add_parameter("weight", taps[-rank - 1 :], PerGroup(self._weight_initializer, groups), decay=True)
        self._groups = groups
        self._multiply_adds = out[0] * out[1] * size(taps)
        # One tap at every pixel (padding would make the output larger) is a matrix product.
        self._plain = groups == 1 and kernel == stride == (1, 1) and out[:2] == image[:2]
        if self._plain:
            return self.surround(out[-rank:], x=(channels,), w=(channels, filters), y=(filters,))
        self.add_scratch("scratch", (conv2d_scratch(self._window, image, out, groups),))
        return self.surround(out[-rank:], x=image, w=taps, y=out)

    def products(self, kernels: Any, views: Views) -> Products:
        """Convolutions, or matrix products where those are the same."""
        if self._plain:
            return dense_products(kernels)
        return conv2d_products(kernels, self._window, self._groups, views.buffers["scratch"])

    def multiply_adds(self) -> int:
        """One for each pixel of the output and each weight; padding counts as any pixel does."""
        return self._multiply_adds


class ImageConvolution(Convolution):
    """Base of the convolutions over height and width, which share the arguments of their window."""

    kernel: int | Pair
    stride: int | Pair
    padding: str | int | Sides
    dilation: int | Pair

    def configure_window(self, kernel: OneOrPair, stride: OneOrPair, padding: Padding, dilation: OneOrPair) -> None:
        """Check and keep them."""
        owner = type(self).__name__
        self.kernel = check_pair(owner, "kernel", kernel, 1)
        self.stride = check_pair(owner, "stride", stride, 1)
        self.padding = check_padding(owner, padding)
        self.dilation = check_pair(owner, "dilation", dilation, 1)

    def sliding(self) -> Sliding:
        """One number stands for both axes, or for all sides."""
        return pair(self.kernel), pair(self.stride), pair(self.dilation), sides(self.padding)


class Conv2D(ImageConvolution):
    """`filters` images, each a weighted sum of the pixels under a window that slides over the input.

        x [n, height, width, channels] -> y [n, out_height, out_width, filters]
        weight (kernel_h, kernel_w, channels / groups, filters), bias (filters,)

    `kernel`, `stride` and `dilation`: one number, or (height, width). `padding`, with zeros: "valid" (none), "same"
    (outputs of size / stride, rounded up), a number of pixels for every side, or (top, bottom, left, right).
    `groups`: so many convolutions side by side, each from its share of the channels to its share of the filters.
    `activation` and the initializers: as for `Dense`; fans are those of one group.
    """

    def __init__(
        self,
        filters: int,
        kernel: OneOrPair = 3,
        *,
        stride: OneOrPair = 1,
        padding: Padding = "valid",
        dilation: OneOrPair = 1,
        groups: int = 1,
        activation: str | None = "linear",
        bias: bool = True,
        weight_initializer: InitializerChoice | None = None,
        bias_initializer: InitializerChoice = "zeros",
    ) -> None:
        self.filters = check_whole("Conv2D", "filters", filters, 1)
        self.configure_window(kernel, stride, padding, dilation)
        self.groups = check_groups("Conv2D", groups, self.filters)
        self.configure(activation, bias, weight_initializer, bias_initializer)

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (out_height, out_width, filters)."""
        image = check_image(self, in_shape)
        check_channels(self, image[2], self.groups)
        return self.convolve(image, self.filters, self.groups)


class DepthwiseConv2D(ImageConvolution):
    """A convolution of each channel by itself, to `multiplier` filters each.

        x [n, height, width, channels] -> y [n, out_height, out_width, channels * multiplier]
        weight (kernel_h, kernel_w, 1, channels * multiplier): channel c makes the filters from c * multiplier on

    The other arguments are those of `Conv2D`, with as many groups as channels.
    """

    def __init__(
        self,
        kernel: OneOrPair = 3,
        multiplier: int = 1,
        *,
        stride: OneOrPair = 1,
        padding: Padding = "valid",
        dilation: OneOrPair = 1,
        activation: str | None = "linear",
        bias: bool = True,
        weight_initializer: InitializerChoice | None = None,
        bias_initializer: InitializerChoice = "zeros",
    ) -> None:
        self.multiplier = check_whole("DepthwiseConv2D", "multiplier", multiplier, 1)
        self.configure_window(kernel, stride, padding, dilation)
        self.configure(activation, bias, weight_initializer, bias_initializer)

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (out_height, out_width, channels * multiplier)."""
        image = check_image(self, in_shape)
        return self.convolve(image, image[2] * self.multiplier, image[2])
