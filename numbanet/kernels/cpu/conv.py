"""Convolution: y = activation(x * w + b) and its gradients, over NHWC images, without copying windows (no im2col).

All outputs are overwritten (`=`). Shapes: x (n, h, w, channels), w (kernel_h, kernel_w, channels / groups, filters),
b (filters,) or (0,) for no bias, y (n, oh, ow, filters); filters of one group follow one another. `window` is a
`geometry.Window`, `scratch` a flat array of `geometry.conv2d_scratch` elements whose content does not matter.

Each of the three is a correlation of strips of images with the register tile of `windowtile.py`:

    y[pixel, :]   = sum over the window of x[pixel + tap, channel] * w[tap, channel, :]
    dx[pixel, :]  = the same with dy for x and the window turned around; with a stride, once for each residue of
                    the pixel's row and column, each of which meets taps of its own
    dw[tap, :]    = sum over pixels of x[pixel + tap, channel] * dy[pixel, :]

Some shapes are faster in another way, and take it: see `winograd.py`, `convscatter.py` and `depthwise.py`.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from numbanet.kernels.codes import RELU, SIGMOID, TANH
from numbanet.kernels.cpu import vectormath
from numbanet.kernels.cpu.convgradient import divide_gradient, gradient_part, sum_parts
from numbanet.kernels.cpu.convinput import backward_input_part, pack_backward
from numbanet.kernels.cpu.convscatter import has_few_channels, pack_transposed, scatter_part
from numbanet.kernels.cpu.correlate import PACK_PIXELS, WINDOW, copy_strip, correlate, cut, divide_images, pack_columns
from numbanet.kernels.cpu.depthwise import (
    depthwise_gradient_part,
    depthwise_input_part,
    depthwise_part,
    depthwise_parts,
    is_depthwise,
    pack_taps,
    pack_taps_by_channel,
)
from numbanet.kernels.cpu.elementwise import chunks, span
from numbanet.kernels.cpu.microkernel import VECTORS
from numbanet.kernels.cpu.simd import keep, pointer, shift, vector_lanes
from numbanet.kernels.cpu.winograd import divide_tiles, is_winograd, pack_for_winograd, tiles_across, winograd_part
from numbanet.kernels.cpu.winogradgradient import divide_winograd_gradient, winograd_gradient_part
from numbanet.kernels.cpu.winogradtile import OUT
from numbanet.kernels.geometry import WIDEST_TILE, conv2d_scratch, fits_winograd, gradient_parts, rounded_up
from numbanet.kernels.jit import helper, kernel, plain_helper, shared

scratch_size = plain_helper(conv2d_scratch, rounded_up, gradient_parts, fits_winograd)


@helper
def check_shapes(y, x, w, window, groups, scratch):
    """Raise unless the arrays of a convolution fit one another."""
    channels, filters = x.shape[3], y.shape[3]
    if w.shape != (window.kernel_h, window.kernel_w, channels // groups, filters) or y.shape[0] != x.shape[0]:
        raise ValueError(
            "conv2d: x (n, h, w, c), w (kh, kw, c / groups, filters) and y (n, oh, ow, filters) do not fit"
        )
    if channels % groups or filters % groups:
        raise ValueError("conv2d: groups must divide channels and filters")
    if scratch.size < scratch_size(window, x.shape[1:], y.shape[1:], groups):
        raise ValueError("conv2d: scratch must have geometry.conv2d_scratch(window, x.shape[1:], y.shape[1:], groups)")


@helper
def pack_forward(scratch, w, b, groups):
    """Weights in panels, group after group, and behind them the bias; columns padded with zeros.

    Returns the offset of the bias, of a group's weights, and of a group's bias, each from the one before.
    """
    k, filters = w.shape[0] * w.shape[1] * w.shape[2], w.shape[3]
    n, width = filters // groups, VECTORS * vector_lanes(pointer(w))
    padded = (n + WIDEST_TILE - 1) // WIDEST_TILE * WIDEST_TILE
    bias = groups * padded * k
    for g in range(groups):
        pack_columns(shift(pointer(scratch), g * padded * k), shift(pointer(w), g * n), filters, k, n, width)
        for j in range(padded):
            inside = j < n and b.size > 0
            scratch[bias + g * padded + j] = b[g * n + j] if inside else scratch.dtype.type(0)
    return bias, padded * k, padded


@helper
def activate(y, activation, first, images, top_row, rows):
    """y = activation(y), on the strip that a thread has just computed; ReLU is done already, in the tile."""
    row = y.shape[2] * y.shape[3]
    begin = (first * y.shape[1] + top_row) * row
    y = y.reshape(-1)[begin : begin + images * rows * row]
    if activation == SIGMOID:
        for i in range(y.size):
            y[i] = vectormath.sigmoid(y[i])
    elif activation == TANH:
        for i in range(y.size):
            y[i] = vectormath.tanh(y[i])


def _forward_part_signature(element):
    """The signature of `forward_part` for one type of element."""
    images, i = element[:, :, :, ::1], types.int64
    packing = types.UniTuple(i, 3)
    return types.void(images, images, images, WINDOW, i, i, element[::1], packing, i, i, i, i)


@shared("numbanet_forward_part", _forward_part_signature)
def forward_part(y, x, w, window, groups, activation, scratch, packing, first, images, top_row, rows):
    """y[first : first + images, top_row : top_row + rows]; all rows where there is more than one image."""
    (_, height, width, channels), (_, out_h, out_w, filters) = x.shape, y.shape
    bias, group_weights, group_bias = packing
    first_row = top_row * window.stride_h - window.top
    rows_in = (rows - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    cols_in = (out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1
    inside = first_row >= 0 and first_row + rows_in <= height and window.left == 0 and cols_in <= width
    # The one allocation: what is padded on this thread alone, of a size that no stack need have room for.
    frame = np.empty(0 if inside else images * rows_in * cols_in * channels, x.dtype)
    source = shift(pointer(x), (first * height + first_row) * width * channels)
    image_step, row_step = height * width * channels, width * channels
    if not inside:
        image_step, row_step = rows_in * cols_in * channels, cols_in * channels
        for i in range(images):
            copy_strip(
                shift(pointer(frame), i * image_step), shift(pointer(x), (first + i) * height * width * channels),
                height, width, channels, first_row, rows_in, -window.left, cols_in,
            )  # fmt: skip
        source = pointer(frame)
    k, n = channels // groups, filters // groups
    count_w, step_w, depth = window.kernel_w, window.dilation_w * channels, window.kernel_h * window.kernel_w * k
    if window.dilation_w == 1 and groups == 1:  # then a row of the window is one run
        count_w, k = 1, window.kernel_w * k
    tile, target = VECTORS * vector_lanes(pointer(y)), shift(pointer(y), (first * out_h + top_row) * out_w * filters)
    b, b_row, b_panel = pointer(scratch), tile, depth * tile
    if group_weights == 0:  # not packed
        b, b_row, b_panel = pointer(w), filters, tile
    for g in range(groups):
        correlate(
            shift(target, g * n), out_h * out_w * filters, out_w * filters, filters,
            shift(source, g * (channels // groups)), image_step, window.stride_h * row_step, window.stride_w * channels,
            images, rows, out_w, window.kernel_h, window.dilation_h * row_step, count_w, step_w, k,
            shift(b, g * group_weights), b_row, b_panel, shift(pointer(scratch), bias + g * group_bias), n,
            np.int64(activation == RELU),
        )  # fmt: skip
    keep(frame)


@helper
def pack_for(scratch, w, b, groups, pixels):
    """`pack_forward` where it pays; else the bias alone, and a group's weights at offset 0."""
    filters = w.shape[3]
    if pixels >= PACK_PIXELS or groups > 1 or filters % vector_lanes(pointer(w)):
        return pack_forward(scratch, w, b, groups)
    for j in range(filters):
        scratch[j] = b[j] if b.size else scratch.dtype.type(0)
    return np.int64(0), np.int64(0), np.int64(0)


@kernel
def conv2d_forward(y, x, w, b, window, groups, activation, scratch):
    """y = activation(x correlated with w, + b), with `activation` one of codes.FUSED."""
    check_shapes(y, x, w, window, groups, scratch)
    if b.size and b.size != y.shape[3]:
        raise ValueError("conv2d_forward: b must have as many elements as there are filters")
    (images, height, width, channels), (out_h, out_w) = x.shape, y.shape[1:3]
    winograd, depthwise = is_winograd(y, x, window, groups), is_depthwise(w, groups)
    packing = (np.int64(0), np.int64(0), np.int64(0))
    unit = np.int64(1)  # rows that are not cut apart
    image_groups, strips = divide_images(images, height * width * channels, out_h)
    if winograd:
        unit = np.int64(OUT)
        image_groups, strips = divide_tiles(images, tiles_across(out_h))
        pack_for_winograd(scratch, w, b, y.shape[3], False)
    elif depthwise:
        pack_taps(scratch, w, b)
    else:
        packing = pack_for(scratch, w, b, groups, images * out_h * out_w)
    for index in prange(image_groups * strips):
        task = np.int64(index)
        first, count = cut(task // strips, image_groups, images)
        top, some = cut(task % strips, strips, (out_h + unit - 1) // unit)
        top_row, rows = top * unit, min(some * unit, out_h - top * unit)
        if winograd:
            winograd_part(y, x, window.top, window.left, activation == RELU, scratch, first, count, top, some)
        elif depthwise:
            depthwise_part(y, x, window, activation == RELU, scratch, first, count, top_row, rows)
        else:
            forward_part(y, x, w, window, groups, activation, scratch, packing, first, count, top_row, rows)
        if activation in (SIGMOID, TANH):
            activate(y, activation, first, count, top_row, rows)


@kernel
def conv2d_backward_input(dx, dy, w, window, groups, scratch):
    """dx, from dy: dy correlated with the window turned around."""
    check_shapes(dy, dx, w, window, groups, scratch)
    images, height = dx.shape[0], dx.shape[1]
    winograd, scatter, zeros = is_winograd(dx, dy, window, groups), has_few_channels(w, groups), np.int64(0)
    depthwise, most = is_depthwise(w, groups), (height + window.stride_h - 1) // window.stride_h
    if winograd:
        pack_for_winograd(scratch, w, w[:0, 0, 0, 0], dx.shape[3], True)
    elif scatter:
        zeros, most = pack_transposed(scratch, w), 1
    elif depthwise:
        pack_taps_by_channel(scratch, w, groups)
    else:
        zeros = pack_backward(scratch, w, window, groups)
    image_groups, strips = divide_images(images, dy.shape[1] * dy.shape[2] * dy.shape[3], most)
    if winograd:
        most = tiles_across(height)
        image_groups, strips = divide_tiles(images, most)
    for index in prange(image_groups * strips):
        task = np.int64(index)
        first, count = cut(task // strips, image_groups, images)
        if winograd:
            top, rows = cut(task % strips, strips, most)
            winograd_part(dx, dy, 2 - window.top, 2 - window.left, False, scratch, first, count, top, rows)
        elif scatter:
            scatter_part(dx, dy, w, window, scratch, zeros, first, count)
        elif depthwise:
            top, rows = cut(task % strips, strips, most)
            top_row, rows = top * window.stride_h, min(rows * window.stride_h, height - top * window.stride_h)
            depthwise_input_part(dx, dy, window, scratch, first, count, top_row, rows)
        else:
            backward_input_part(dx, dy, w, window, groups, scratch, zeros, first, count, task % strips, strips)


@kernel
def conv2d_backward_params(dw, db, x, dy, window, groups, scratch):
    """dw and db (no bias: size 0), summed over fixed parts of the batch, so the same for any number of threads."""
    check_shapes(dy, x, dw, window, groups, scratch)
    if db.size and db.size != dy.shape[3]:
        raise ValueError("conv2d_backward_params: db must have as many elements as there are filters")
    if x.shape[0] == 0:
        dw[:] = 0
        db[:] = 0
        return
    winograd, depthwise = is_winograd(dy, x, window, groups), is_depthwise(dw, groups)
    if depthwise:
        parts, row_parts = depthwise_parts(dw, dy), 1
    elif winograd:
        parts, row_parts = divide_winograd_gradient(dw, dy)
    else:
        parts, row_parts = divide_gradient(x.shape[0], dw, groups)
    for index in prange(parts * row_parts):
        task = np.int64(index)
        if depthwise:
            depthwise_gradient_part(scratch, x, dy, window, task, parts)
        elif winograd:
            winograd_gradient_part(scratch, dw, db, x, dy, window, task // row_parts, parts, task % row_parts)
        else:
            gradient_part(scratch, dw, x, dy, window, groups, task // row_parts, parts, task % row_parts, row_parts)
    filters = dy.shape[3]
    flat, stride = dw.reshape(-1), dw.size + filters
    for index in prange(chunks(dw.size)):
        start, stop = span(index, dw.size)
        sum_parts(flat, scratch, 0, stride, parts, start, stop)
    sum_parts(db, scratch, dw.size, stride, parts, 0, db.size)
