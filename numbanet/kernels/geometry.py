"""The shapes of convolution and pooling, worked out and checked once; and the scratch of other layers.

A window of kernel_h x kernel_w taps slides over an image. Output pixel (i, j) reads the input pixels

    (i * stride_h + p * dilation_h - top,  j * stride_w + q * dilation_w - left)

for p < kernel_h and q < kernel_w; what lies outside the image is padding. All counts are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]
PADDINGS = ("valid", "same")


class Window(NamedTuple):
    """What a kernel must know of a sliding window. How much is padded below and at the right follows from the
    shape of the output."""

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    top: int
    left: int


def pair(value: int | Sequence[int]) -> Pair:
    """One number for both axes, or (height, width)."""
    if isinstance(value, int):
        return value, value
    height, width = value
    return height, width


def extent(kernel: int, dilation: int) -> int:
    """The pixels that `kernel` taps span."""
    return (kernel - 1) * dilation + 1


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """(before, after) such that the output has ceil(size / stride) pixels; the odd one comes after."""
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + extent(kernel, dilation) - size)
    return total // 2, total - total // 2


def slide(
    in_size: Pair, kernel: Pair, stride: Pair = (1, 1), dilation: Pair = (1, 1), padding: str | Sides = "valid"
) -> tuple[Window, Pair]:
    """The window over an image of `in_size` (height, width), and the (height, width) of its output.

    `padding`: "valid" (none), "same" (output of ceil(in / stride)) or pixels (top, bottom, left, right). Raises
    `ValueError` where not even one window fits.
    """
    (height, width), (kernel_h, kernel_w), (stride_h, stride_w), (dilation_h, dilation_w) = (
        in_size,
        kernel,
        stride,
        dilation,
    )
    if padding == "valid":
        top = bottom = left = right = 0
    elif padding == "same":
        top, bottom = same_padding(height, kernel_h, stride_h, dilation_h)
        left, right = same_padding(width, kernel_w, stride_w, dilation_w)
    else:
        assert not isinstance(padding, str)
        top, bottom, left, right = padding
    padded_h, padded_w = height + top + bottom, width + left + right
    span_h, span_w = extent(kernel_h, dilation_h), extent(kernel_w, dilation_w)
    if span_h > padded_h or span_w > padded_w:
        raise ValueError(f"a window of {span_h} x {span_w} pixels is larger than the image, {padded_h} x {padded_w}")
    out_size = (padded_h - span_h) // stride_h + 1, (padded_w - span_w) // stride_w + 1
    return Window(kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left), out_size


def slide_back(
    in_size: Pair,
    kernel: Pair,
    stride: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: str | Sides = "valid",
    output_padding: Pair = (0, 0),
) -> tuple[Window, Pair]:
    """The transposed convolution's: the window whose outputs are of `in_size`, and the size it slides over.

    Several sizes give the same number of outputs. For pixels (top, bottom, left, right), or "valid" (none), it is
    the smallest one plus `output_padding` (below, at the right), each part less than the stride; for "same" it is
    in * stride. Raises `ValueError` where nothing is left.
    """
    sizes, corner = [], []
    for axis in (0, 1):
        steps, step, span = in_size[axis], stride[axis], extent(kernel[axis], dilation[axis])
        if padding == "same":
            before, _ = same_padding(steps * step, kernel[axis], step, dilation[axis])
            sizes.append(steps * step)
        else:
            before, after = (0, 0) if isinstance(padding, str) else padding[2 * axis : 2 * axis + 2]
            sizes.append((steps - 1) * step + span - before - after + output_padding[axis])
        corner.append(before)
    height, width = sizes
    if height < 1 or width < 1:
        raise ValueError(f"a padding of {padding} crops the image to {max(0, height)} x {max(0, width)} pixels")
    return Window(*kernel, *stride, *dilation, *corner), (height, width)


# A tile's width is at most this many elements on any processor: columns are padded to it in scratch.
WIDEST_TILE = 32
# A weight gradient is summed over this many parts of the batch, at most, each with an array of its own; fewer
# where those would be large. A fixed number, so that any number of threads adds in the same order.
MOST_PARTS = 16
PARTIAL_SUMS = 1 << 20  # elements that all those arrays together may have


def rounded_up(n: int, unit: int) -> int:
    """The smallest multiple of `unit` that is at least n."""
    return -(-n // unit) * unit


def gradient_parts(weights: int) -> int:
    """Into how many parts a batch is cut for the gradient of so many weights."""
    return max(1, min(MOST_PARTS, PARTIAL_SUMS // max(1, weights)))


# Winograd's transforms of the weights (cpu/winograd.py): 36 places, and so many elements between two of them.
WINOGRAD_PLACES = 36
WINOGRAD_PAD = 16


def fits_winograd(window: Window, groups: int) -> bool:
    """Whether a convolution's window is one of those for which the kernels may choose Winograd's way."""
    steps = window.stride_h == 1 and window.stride_w == 1 and window.dilation_h == 1 and window.dilation_w == 1
    return window.kernel_h == 3 and window.kernel_w == 3 and steps and groups == 1


def conv2d_scratch(window: Window, in_shape: Sequence[int], out_shape: Sequence[int], groups: int) -> int:
    """Elements of scratch that the convolution kernels need, for shapes (h, w, c) and (h, w, filters)."""
    channels, filters = in_shape[-1] // groups, out_shape[-1] // groups
    taps = window.kernel_h * window.kernel_w
    forward = groups * rounded_up(filters, WIDEST_TILE) * (taps * channels + 1)
    backward_input = groups * rounded_up(channels, WIDEST_TILE) * (taps * filters + 1 + taps)
    weights = (taps * channels + 1) * filters * groups
    transforms = WINOGRAD_PLACES * (channels * filters + WINOGRAD_PAD)
    winograd = transforms + max(channels, filters) + WINOGRAD_PAD
    direct = max(forward, backward_input, gradient_parts(weights) * weights)
    return max(direct, winograd) if fits_winograd(window, groups) else direct


# Normalization: how its kernels take rows of channels, and how much scratch they want, in elements.

ROW_PARTS = 64  # a sum over rows is cut into so many parts, whatever the number of threads
WIDE = 256  # numbers of a wide row, about: enough to keep a vector loop busy
BATCH_NORM_ROWS = 3 * ROW_PARTS + 5  # wide rows: two sums and one of gradients a part; five numbers for each channel
GROUP_NORM_ROWS = 9 * ROW_PARTS  # wide rows: a part works on an example at a time, with numbers and sums of its own


def wide_row(channels: int) -> int:
    """Numbers in a wide row: several rows of channels, and whole vectors of 16 where few rows make them."""
    unit = channels * (16 // math.gcd(channels, 16))
    if unit > 2 * WIDE:
        unit = channels
    return unit * max(1, WIDE // unit)


def batch_norm_scratch(channels: int) -> int:
    """What the kernels of batch normalization want."""
    return BATCH_NORM_ROWS * wide_row(channels)


def group_norm_scratch(channels: int) -> int:
    """What the kernels of group normalization want."""
    return GROUP_NORM_ROWS * wide_row(channels)


def layer_norm_scratch(channels: int) -> int:
    """What the kernels of layer and RMS normalization want: two sums for each part."""
    return 2 * ROW_PARTS * channels


def channel_dropout_scratch(channels: int) -> int:
    """What `channel_dropout` wants: the factors of one example for each part."""
    return ROW_PARTS * wide_row(channels)


def recurrent_scratch(features: int, units: int, columns: int) -> int:
    """What the recurrent kernels want, for weights with so many columns: these in panels, as they are or transposed."""
    forward = (units + features + 1) * (rounded_up(columns, WIDEST_TILE) + WIDEST_TILE)
    backward = columns * (rounded_up(units, WIDEST_TILE) + rounded_up(features, WIDEST_TILE))
    return max(forward, backward)
