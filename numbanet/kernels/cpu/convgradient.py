"""The gradient of a convolution's weights and bias: one part of the batch, into sums of its own.

    dw[tap, channel, :] = the sum over images and pixels of x[pixel + tap, channel] * dy[pixel, :]

The rows of a tile are weights here, and what is summed over are pixels, some rows of an image at a time: as many
as keep x and dy in L1 while the tile moves over all weights. Sums: [weights, filters], then [filters] for the bias.
"""

from __future__ import annotations

import numpy as np
from numba import types

from numbanet.kernels.cpu.correlate import copy_strip, cut, window_tile_full, window_tile_half
from numbanet.kernels.cpu.microkernel import ROWS, VECTORS, copy_half, copy_padded
from numbanet.kernels.cpu.registers import load, store
from numbanet.kernels.cpu.simd import keep, pointer, shift, stack_array, vector_lanes
from numbanet.kernels.cpu.windowtile import ACCUMULATE, stack_table
from numbanet.kernels.geometry import gradient_parts as parts_for
from numbanet.kernels.jit import helper, shared

PIXELS = 128  # pixels of dy that a tile sums before the sum is added to memory,
MANY_PIXELS = 768  # and where the sums do not stay in L2
MANY_SUMS = 1 << 16  # elements from which that is so
FEW_SUMS = 1024  # room for the sums of few weights: fewer filters than lanes, a tile across
TASKS = 8  # what there should be for the threads to share, at least
WIDTH = 64  # elements of the widest tile of any type

gradient_parts = helper(parts_for)


@helper
def has_few_weights(weights, channels, filters, groups, lanes):
    """Whether all weights of a filter, and one more, fit across a tile, and filters would not fill a register.

    Then rows and columns of the sums change places: filters down the tile, weights across it.
    """
    return groups == 1 and filters < lanes and weights < VECTORS * lanes and channels <= lanes


@helper
def divide_gradient(images, dw, groups):
    """(parts of the batch, parts of the weights): depends on shapes alone."""
    weights, filters = dw.shape[0] * dw.shape[1] * dw.shape[2], dw.shape[3]
    parts = max(1, min(images, gradient_parts((weights + 1) * filters)))
    tiles = (weights + ROWS - 1) // ROWS
    if has_few_weights(weights, dw.shape[2], filters, groups, vector_lanes(pointer(dw))):
        return parts, np.int64(1)
    return parts, min((TASKS + parts - 1) // parts, tiles)


def _accumulate_signature(element):
    """C's signature of `accumulate` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.int64(p, i, i, i, p, i, i, i, i, i, i, i, i, i, i, i, p, i, i)


@shared("numbanet_accumulate", _accumulate_signature)
def accumulate(
    sums, filters, first, last, a, kernel_w, tap_h, tap_w, channels,
    images, a_image, rows, a_row, cols, a_col, n, dy, dy_row, add,
):  # fmt: skip
    """sums[first:last, 0:n] (+)= the sum over pixels of A[pixel + place of the weight] * dy[pixel, 0:n].

    Weight number i is channel i % channels of tap i // channels, of which there are kernel_w in a row, tap_h and
    tap_w apart in A. Rows of `sums` are `filters` apart, those of dy dy_row.
    """
    c_table, a_table, zeros = stack_table(), stack_table(), stack_array(sums, WIDTH)
    for i in range(WIDTH):
        zeros[i] = 0
    mode = ACCUMULATE if add != 0 else 0
    channel, tap = first % channels, first // channels
    tap_row, tap_col = tap // kernel_w, tap % kernel_w
    wide = n > vector_lanes(sums)
    for i in range(first, last, ROWS):
        m = min(ROWS, last - i)
        for r in range(ROWS):
            c_table[r] = (i + min(r, m - 1)) * filters
            a_table[r] = tap_row * tap_h + tap_col * tap_w + channel
            if r + 1 < m or m == ROWS:
                channel += 1
                if channel == channels:
                    channel = 0
                    tap_col += 1
                    if tap_col == kernel_w:
                        tap_col = 0
                        tap_row += 1
        if wide:
            window_tile_full(
                sums, c_table, a, a_table, images, a_image, rows, a_row, cols, a_col, dy, dy_row, zeros, m, n, mode
            )
        else:
            window_tile_half(
                sums, c_table, a, a_table, images, a_image, rows, a_row, cols, a_col, dy, dy_row, zeros, m, n, mode
            )
    return 0


@helper
def add_pixels(total, n, dy, dy_row, pixels):
    """total[0:n] += the sum of dy's pixels; four at a time, since each sum waits for the one before."""
    p = np.int64(0)
    while p + 4 <= pixels:
        a, b, c, d = (shift(dy, p * dy_row), shift(dy, (p + 1) * dy_row),
                      shift(dy, (p + 2) * dy_row), shift(dy, (p + 3) * dy_row))  # fmt: skip
        for j in range(n):
            total[j] += (a[j] + b[j]) + (c[j] + d[j])
        p += 4
    while p < pixels:
        for j in range(n):
            total[j] += dy[p * dy_row + j]
        p += 1


@helper
def copy_windows(columns, tile, source, step, count, taps, tap_row, tap_col, runs, run):
    """columns[pixel] = what each weight meets at a pixel, for `count` pixels of a row, and 1 behind the last weight.

    A window is `taps` rows of `runs` runs, tap_row and tap_col apart, of `run` elements, one register at most. Each is
    written as a whole register: what spills over it is overwritten by the next run, or the next pixel, or unused.
    """
    lanes = vector_lanes(columns)
    for p in range(count):
        at, to = shift(source, p * step), shift(columns, p * tile)
        if runs == 1 and run <= lanes // 2:
            for i in range(taps):
                copy_half(shift(to, i * run), shift(at, i * tap_row))
            to = shift(to, taps * run)
        else:
            for i in range(taps):
                for j in range(runs):
                    store(to, load(shift(at, i * tap_row + j * tap_col), lanes), lanes)
                    to = shift(to, run)
        to[0] = 1


@helper
def few_weights_part(sums, x, dy, window, first_image, count):
    """The sums of some images by way of columns: columns[pixel] = what each weight meets there, and a one.

    sums[filter, weight] = sum over pixels of dy[pixel, filter] * columns[pixel, weight]; the one gives the bias.
    """
    (_, height, width, channels), (_, out_h, out_w, filters) = x.shape, dy.shape
    lanes = vector_lanes(pointer(x))
    tile, weights = VECTORS * lanes, window.kernel_h * window.kernel_w * channels
    turned = stack_array(sums, FEW_SUMS)
    for i in range(filters * tile):
        turned[i] = 0
    rows_in = (out_h - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    cols_in = (out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1
    row_step, size = cols_in * channels, rows_in * cols_in * channels
    # Always a frame, also where windows stay inside the image: whole registers are read beyond its end.
    frame, columns = np.empty(size + lanes, x.dtype), np.empty(PIXELS * tile + lanes, x.dtype)
    frame[size:] = 0
    columns[:] = 0
    runs, run = window.kernel_w, channels
    if window.dilation_w == 1 and runs * run <= lanes:
        runs, run = np.int64(1), runs * run
    for image in range(first_image, first_image + count):
        source = shift(pointer(x), image * height * width * channels)
        copy_strip(pointer(frame), source, height, width, channels, -window.top, rows_in, -window.left, cols_in)
        row, col = np.int64(0), np.int64(0)
        for first in range(0, out_h * out_w, PIXELS):
            pixels = min(PIXELS, out_h * out_w - first)
            p = np.int64(0)
            while p < pixels:  # the pixels of one row
                some = min(pixels - p, out_w - col)
                copy_windows(
                    shift(pointer(columns), p * tile), tile,
                    shift(pointer(frame), row * window.stride_h * row_step + col * window.stride_w * channels),
                    window.stride_w * channels, some, window.kernel_h, window.dilation_h * row_step,
                    window.dilation_w * channels, runs, run,
                )  # fmt: skip
                p += some
                row, col = (row, col + some) if col + some < out_w else (row + 1, np.int64(0))
            accumulate(
                turned, tile, 0, filters, shift(pointer(dy), (image * out_h * out_w + first) * filters), 1, 0, 0,
                filters, 1, 0, 1, 0, pixels, filters, min(tile, weights + 1), pointer(columns), tile, 1,
            )  # fmt: skip
    keep(frame)
    keep(columns)
    for weight in range(weights + 1):  # the bias follows the weights
        for f in range(filters):
            sums[weight * filters + f] = turned[f * tile + weight]


@helper
def gradient_part(scratch, dw, x, dy, window, groups, part, parts, row_part, row_parts):
    """Sums number `part`, for part `row_part` of the weights, over the part's images."""
    (images, height, width, channels), (_, out_h, out_w, filters) = x.shape, dy.shape
    k, n, tile = channels // groups, filters // groups, VECTORS * vector_lanes(pointer(x))
    weights = window.kernel_h * window.kernel_w * k
    sums = shift(pointer(scratch), part * (weights + 1) * filters)
    first_image, count = cut(part, parts, images)
    if has_few_weights(weights, k, filters, groups, vector_lanes(pointer(x))):
        few_weights_part(sums, x, dy, window, first_image, count)
        return
    tiles = (weights + ROWS - 1) // ROWS
    first_tile, some = cut(row_part, row_parts, tiles)
    begin, end = first_tile * ROWS, min((first_tile + some) * ROWS, weights)
    bias = shift(sums, weights * filters)
    if row_part == 0:
        for j in range(filters):
            bias[j] = 0

    # A strip: some rows of an image, or several whole images where those are small.
    pixels = MANY_PIXELS if weights * filters >= MANY_SUMS else PIXELS
    at_once = max(1, min(count, pixels // (out_h * out_w)))
    strip_rows = min(out_h, max(1, pixels // out_w)) if at_once == 1 else out_h
    rows_most = (strip_rows - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    cols_in = (out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1
    rows_all = (out_h - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    inside = window.top == 0 and window.left == 0 and rows_all <= height and cols_in <= width
    frame = np.empty(0 if inside else at_once * rows_most * cols_in * channels, x.dtype)
    edge = n % tile != 0 and n % tile != vector_lanes(pointer(x))
    panel = np.empty(at_once * strip_rows * out_w * tile if edge else 0, x.dtype)
    add = np.int64(0)
    for i in range(first_image, first_image + count, at_once):
        some_images = min(at_once, first_image + count - i)
        for top in range(0, out_h, strip_rows):
            rows = min(strip_rows, out_h - top)
            rows_in = (rows - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
            first_row = top * window.stride_h - window.top
            source = shift(pointer(x), (i * height + first_row) * width * channels)
            image_step, row_step = height * width * channels, width * channels
            if not inside:
                image_step, row_step = rows_in * cols_in * channels, cols_in * channels
                for image in range(some_images):
                    copy_strip(
                        shift(pointer(frame), image * image_step),
                        shift(pointer(x), (i + image) * height * width * channels),
                        height, width, channels, first_row, rows_in, -window.left, cols_in,
                    )  # fmt: skip
                source = pointer(frame)
            gradient, strip_pixels = shift(pointer(dy), (i * out_h + top) * out_w * filters), some_images * rows * out_w
            if row_part == 0:
                add_pixels(bias, filters, gradient, filters, strip_pixels)
            for g in range(groups):
                for j in range(0, n, tile):
                    columns, b, b_row = min(tile, n - j), shift(gradient, g * n + j), filters
                    if columns < tile and columns != vector_lanes(pointer(x)):
                        for p in range(strip_pixels):
                            copy_padded(shift(pointer(panel), p * tile), shift(b, p * filters), columns)
                        b, b_row = pointer(panel), tile
                    accumulate(
                        shift(sums, g * n + j), filters, begin, end, shift(source, g * k), window.kernel_w,
                        window.dilation_h * row_step, window.dilation_w * channels, k,
                        some_images, image_step, rows, window.stride_h * row_step, out_w, window.stride_w * channels,
                        columns, b, b_row, add,
                    )  # fmt: skip
            add = np.int64(1)
    keep(frame)
    keep(panel)


@helper
def sum_parts(total, scratch, offset, stride, parts, start, stop):
    """total[start:stop] = the sum of all parts' sums, in their order; part p's begin at offset + p * stride."""
    for i in range(start, stop):
        total[i] = scratch[offset + i]
    for part in range(1, parts):
        sums = scratch[offset + part * stride : offset + part * stride + total.size]
        for i in range(start, stop):
            total[i] += sums[i]
