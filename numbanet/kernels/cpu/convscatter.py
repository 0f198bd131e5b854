"""The gradient of a convolution's input where channels are few: by adding up columns instead of correlating.

A tile computes whole vectors of channels. With one or six channels most of a vector would be wasted, so here the
vector runs over the window too: dy[pixel, :] @ w.T gives what the pixel sends to every tap and channel, and each
row of the window, one run of kernel_w * channels elements, is added where it belongs ("col2im").
"""

from __future__ import annotations

import numpy as np

from numbanet.kernels.cpu.correlate import correlate
from numbanet.kernels.cpu.microkernel import VECTORS, add_run
from numbanet.kernels.cpu.simd import keep, pointer, shift, vector_lanes
from numbanet.kernels.jit import helper

PIXELS = 128  # pixels of dy whose columns are made before they are added up


@helper
def has_few_channels(w, groups):
    """Whether this way is the shorter one. It depends on shapes alone, as every result must."""
    return groups == 1 and w.shape[2] * 2 <= vector_lanes(pointer(w))


@helper
def pack_transposed(scratch, w):
    """w.T, [filters, taps * channels], in panels, and behind them zeros for a bias; returns their offset."""
    columns, filters = w.shape[0] * w.shape[1] * w.shape[2], w.shape[3]
    tile, flat = VECTORS * vector_lanes(pointer(w)), w.reshape(-1)
    for j in range(0, columns, tile):
        for f in range(filters):
            row = j * filters + f * tile
            for i in range(tile):
                scratch[row + i] = flat[(j + i) * filters + f] if j + i < columns else scratch.dtype.type(0)
    zeros = (columns + tile - 1) // tile * tile * filters
    padded = (columns + tile - 1) // tile * tile
    for i in range(padded):
        scratch[zeros + i] = 0
    return zeros


@helper
def add_columns(dx, columns, column_row, window, first, pixels, out_w, height, width, channels):
    """Add the columns of dy's pixels first .. first + pixels of one image to its dx."""
    run, tile = window.kernel_w * channels, VECTORS * vector_lanes(dx)
    for p in range(pixels):
        i, j = (first + p) // out_w, (first + p) % out_w
        top, left = i * window.stride_h - window.top, j * window.stride_w - window.left
        for tap_h in range(window.kernel_h):
            y = top + tap_h * window.dilation_h
            if y < 0 or y >= height:
                continue
            source = shift(columns, p * column_row + tap_h * run)
            if window.dilation_w == 1:
                begin, end = max(0, -left) * channels, min(window.kernel_w, width - left) * channels
                target = shift(dx, (y * width + left) * channels)
                for e in range(begin, end, tile):
                    add_run(shift(target, e), shift(source, e), min(tile, end - e))
                continue
            for tap_w in range(window.kernel_w):
                x = left + tap_w * window.dilation_w
                if 0 <= x < width:
                    target = shift(dx, (y * width + x) * channels)
                    for e in range(channels):
                        target[e] += source[tap_w * channels + e]


@helper
def scatter_part(dx, dy, w, window, scratch, zeros, first, images):
    """dx of the images first .. first + images."""
    (_, height, width, channels), (_, out_h, out_w, filters) = dx.shape, dy.shape
    n, tile = w.shape[0] * w.shape[1] * channels, VECTORS * vector_lanes(pointer(dx))
    column_row = (n + tile - 1) // tile * tile
    columns = np.empty(PIXELS * column_row, dx.dtype)  # too large for a stack where windows are
    for image in range(first, first + images):
        target = shift(pointer(dx), image * height * width * channels)
        for e in range(height * width * channels):
            target[e] = 0
        for p in range(0, out_h * out_w, PIXELS):
            pixels = min(PIXELS, out_h * out_w - p)
            correlate(
                pointer(columns), 0, 0, column_row, shift(pointer(dy), (image * out_h * out_w + p) * filters), 0, 0,
                filters, 1, 1, pixels, 1, 0, 1, 0, filters, pointer(scratch), tile, filters * tile,
                shift(pointer(scratch), zeros), n, 0,
            )  # fmt: skip
            add_columns(target, pointer(columns), column_row, window, p, pixels, out_w, height, width, channels)
    keep(columns)
