"""The transposed convolution: a convolution's input gradient as a layer, which makes images larger."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.configurable import check_whole
from numbanet.errors import ModelError
from numbanet.initializers import PerPhase, Shape
from numbanet.kernels.codes import LINEAR
from numbanet.kernels.geometry import conv2d_scratch, pair, slide_back
from numbanet.layers.base import Views, size
from numbanet.layers.conv import ImageConvolution, check_channels, check_groups
from numbanet.layers.weighted import InitializerChoice, Products
from numbanet.layers.windows import OneOrPair, Padding, check_image, check_pair


class Conv2DTranspose(ImageConvolution):
    """`filters` images, to which each pixel of the input adds its kernel, `stride` pixels after its neighbour's.

        x [n, height, width, channels] -> y [n, out_height, out_width, filters]
        kernel (kernel_h, kernel_w, filters / groups, channels), bias (filters,)

    That is the input gradient of the `Conv2D` from `filters` to `channels` channels with the same arguments, whose
    weight `kernel` would be: hence its layout, and that it is not called weight. Along each axis

        out = (in - 1) * stride + (kernel - 1) * dilation + 1 - padding before - padding after + output_padding

    so `padding` crops the output. "valid" crops nothing; "same" gives in * stride. `output_padding`, one number or
    (height, width), each below the stride, adds pixels below and at the right: it chooses among the sizes that the
    convolution maps to the same one. The other arguments are those of `Conv2D`.
    """

    main_weight = "kernel"

    def __init__(
        self,
        filters: int,
        kernel: OneOrPair = 3,
        *,
        stride: OneOrPair = 1,
        padding: Padding = "valid",
        output_padding: OneOrPair = 0,
        dilation: OneOrPair = 1,
        groups: int = 1,
        activation: str | None = "linear",
        bias: bool = True,
        weight_initializer: InitializerChoice | None = None,
        bias_initializer: InitializerChoice = "zeros",
    ) -> None:
        self.filters = check_whole("Conv2DTranspose", "filters", filters, 1)
        self.configure_window(kernel, stride, padding, dilation)
        self.output_padding = check_pair("Conv2DTranspose", "output_padding", output_padding, 0)
        self._check_output_padding()
        self.groups = check_groups("Conv2DTranspose", groups, self.filters)
        self.configure(activation, bias, weight_initializer, bias_initializer)

    def _check_output_padding(self) -> None:
        extra, stride = self.output_padding, self.stride
        if any(more >= step for more, step in zip(pair(extra), pair(stride), strict=True)):
            raise ModelError(
                f"Conv2DTranspose: output_padding: expected less than the stride, {stride}, found {extra}."
            )
        if self.padding == "same" and pair(extra) != (0, 0):
            raise ModelError(
                f"Conv2DTranspose: output_padding: expected 0, since padding='same' decides the output's size, "
                f"found {extra}."
            )

    def build(self, in_shape: Shape) -> Shape:
        """(height, width, channels) -> (out_height, out_width, filters)."""
        image = check_image(self, in_shape)
        channels, filters, groups = image[2], self.filters, self.groups
        check_channels(self, channels, groups)
        kernel, stride, dilation, padding = self.sliding()
        try:
            self._window, out_size = slide_back(image[:2], kernel, stride, dilation, padding, pair(self.output_padding))
        except ValueError as error:
            raise ModelError(f"{self.name}: {error}. Use less padding.") from error
        out = (*out_size, filters)
        taps = (*kernel, filters // groups, channels)
        initializer = PerPhase(self._weight_initializer, stride, dilation, groups)
        self.add_parameter("kernel", taps, initializer, decay=True)
        self.add_scratch("scratch", (conv2d_scratch(self._window, out, image, groups),))
        if self.bias:
            self.add_buffer("bias_partials", (filters,))
        self._multiply_adds = image[0] * image[1] * size(taps)
        return self.surround(out, x=image, w=taps, y=out)

    def products(self, kernels: Any, views: Views) -> Products:
        """The convolution's, with y in the place of its input and x in that of its output."""
        window, groups, scratch, none = self._window, self.groups, views.buffers["scratch"], views.absent
        rows = (-1, self.filters)
        pixels = (views.batch, -1, self.filters)
        partials = views.buffers.get("bias_partials", none)

        def forward(y: Array, x: Array, w: Array, b: Array, activation: int) -> None:
            kernels.conv2d_backward_input(y, x, w, window, groups, scratch)
            if b.size or activation != LINEAR:
                kernels.bias_forward(y.reshape(rows), b, activation)

        def backward_input(dx: Array, dy: Array, w: Array) -> None:
            kernels.conv2d_forward(dx, dy, w, none, window, groups, LINEAR, scratch)

        def backward_params(dw: Array, db: Array, x: Array, dy: Array) -> None:
            kernels.conv2d_backward_params(dw, none, dy, x, window, groups, scratch)
            if db.size:
                kernels.bias_backward(db, partials, dy.reshape(pixels))

        return Products(forward, backward_input, backward_params)
