"""The separable convolution: space first, each channel by itself; then the channels, at each pixel by itself."""

from __future__ import annotations

from typing import Any

from numbanet import initializers
from numbanet.backend import Array
from numbanet.configurable import check_whole
from numbanet.initializers import PerGroup, Shape
from numbanet.kernels.codes import LINEAR
from numbanet.kernels.geometry import conv2d_scratch
from numbanet.layers.base import Views, size
from numbanet.layers.conv import ImageConvolution
from numbanet.layers.weighted import InitializerChoice, Products
from numbanet.layers.windows import OneOrPair, Padding, check_image


class SeparableConv2D(ImageConvolution):
    """A `DepthwiseConv2D` without bias, and a `Conv2D` of one tap on its outputs (Chollet, arXiv 1610.02357).

        x [n, height, width, channels] -> y [n, out_height, out_width, filters]
        depthwise (kernel_h, kernel_w, 1, channels * multiplier)
        weight (1, 1, channels * multiplier, filters), bias (filters,)

    `weight_initializer` is for both tensors; without it the depthwise one, which is followed by no activation,
    is glorot_uniform. The other arguments are those of `Conv2D`.
    """

    def __init__(
        self,
        filters: int,
        kernel: OneOrPair = 3,
        *,
        stride: OneOrPair = 1,
        padding: Padding = "valid",
        dilation: OneOrPair = 1,
        multiplier: int = 1,
        activation: str | None = "linear",
        bias: bool = True,
        weight_initializer: InitializerChoice | None = None,
        bias_initializer: InitializerChoice = "zeros",
    ) -> None:
        self.filters = check_whole("SeparableConv2D", "filters", filters, 1)
        self.multiplier = check_whole("SeparableConv2D", "multiplier", multiplier, 1)
        self.configure_window(kernel, stride, padding, dilation)
        self.configure(activation, bias, weight_initializer, bias_initializer)

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (out_height, out_width, filters)."""
        image = check_image(self, in_shape)
        channels, filters = image[2], self.filters
        middle = self.slide_over(image, channels * self.multiplier)
        kernel, _, _, _ = self.sliding()
        taps, weight = (*kernel, 1, middle[2]), (middle[2], filters)
        spatial = initializers.get(self.weight_initializer or "glorot_uniform")
        self.add_parameter("depthwise", taps, PerGroup(spatial, channels), decay=True)
        self.add_parameter("weight", (1, 1, *weight), self._weight_initializer, decay=True)
        self.add_scratch("scratch", (conv2d_scratch(self._window, image, middle, channels),))
        self.add_buffer("middle", middle)
        self.add_buffer("dmiddle", middle)
        self._multiply_adds = middle[0] * middle[1] * (size(taps) + size(weight))
        return self.surround((*middle[:2], filters), x=image, w=weight, y=(filters,))

    def products(self, kernels: Any, views: Views) -> Products:
        """x (n, h, w, c), w (c * multiplier, f), y (n * oh * ow, f): the pixels in between as images, and as rows."""
        window, groups, scratch = self._window, self.in_shape[-1], views.buffers["scratch"]
        taps, dtaps = views.parameters["depthwise"], views.gradients["depthwise"]
        middle, dmiddle = views.buffers["middle"], views.buffers["dmiddle"]
        rows, drows = middle.reshape(-1, middle.shape[-1]), dmiddle.reshape(-1, middle.shape[-1])
        none = views.absent

        def forward(y: Array, x: Array, w: Array, b: Array, activation: int) -> None:
            kernels.conv2d_forward(middle, x, taps, none, window, groups, LINEAR, scratch)
            kernels.dense_forward(y, rows, w, b, activation)

        def backward_params(dw: Array, db: Array, x: Array, dy: Array) -> None:
            kernels.dense_backward_params(dw, db, rows, dy)
            kernels.dense_backward_input(drows, dy, self._w)
            kernels.conv2d_backward_params(dtaps, none, x, dmiddle, window, groups, scratch)

        def backward_input(dx: Array, dy: Array, w: Array) -> None:
            kernels.conv2d_backward_input(dx, dmiddle, taps, window, groups, scratch)

        return Products(forward, backward_input, backward_params)
