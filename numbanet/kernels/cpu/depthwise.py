"""Depthwise convolution: as many groups as channels, each of `times` filters. Channels are the lanes of a register.

The three parts that the kernels of `conv.py` hand to threads, where `is_depthwise` says so:

    y[pixel, f]   = sum over taps of x[pixel + tap, f // times] * w[tap, f]
    dx[pixel, c]  = sum over taps and the filters f of channel c of dy[pixel - tap, f] * w[tap, f]
    dw[tap, f]    = sum over pixels of x[pixel + tap, f // times] * dy[pixel, f]

Each of them takes one register of filters (of channels for dx) after the other, lays out what it needs of the image as
a plane (see `plane.py`), and slides over that. A block is a register's filters or channels.
"""

from __future__ import annotations

import numpy as np
from numba import types

from numbanet.kernels.cpu.convinput import residue_taps
from numbanet.kernels.cpu.correlate import cut
from numbanet.kernels.cpu.depthwisetile import FEW_TAPS, TAPS, few_taps, gradient_tile, many_taps, one_tap
from numbanet.kernels.cpu.plane import copy_lanes, lane_places, lay_out, set_places
from numbanet.kernels.cpu.registers import fill, load, store
from numbanet.kernels.cpu.simd import aligned, keep, pointer, shift, stack_array, vector_lanes
from numbanet.kernels.geometry import gradient_parts as parts_for
from numbanet.kernels.jit import helper, shared

STRIP_PIXELS = 256  # of dy, that a tile of gradients sums before it adds to memory
L1_PIXELS = 64  # of y, that all of many taps are added to before the next ones: they should still be in L1 then
MOST_LANES = 16

gradient_parts = helper(parts_for)


@helper
def is_depthwise(w, groups):
    """Whether the groups are single channels of so few filters that lanes are better used by channels."""
    return groups > 1 and w.shape[2] == 1 and 2 * (w.shape[3] // groups) <= vector_lanes(pointer(w))


# y and dx: registers hold pixels of the output.


@helper
def list_taps(a_taps, w_taps, count_t, a_t, w_t, count_h, a_h, w_h, count_w, a_w, w_w):
    """The places of all taps in the plane and among the weights; each axis has a count and two steps."""
    i = 0
    for t in range(count_t):
        for p in range(count_h):
            for q in range(count_w):
                a_taps[i], w_taps[i] = t * a_t + p * a_h + q * a_w, t * w_t + p * w_h + q * w_w
                i += 1


def _slide_signature(element):
    """The signature of `slide_plane` for one type of element."""
    p, table, i = types.CPointer(element), types.CPointer(types.int64), types.int64
    return types.void(p, i, i, p, i, i, i, i, table, p, table, i, p, i, i)


@shared("numbanet_depthwise", _slide_signature)
def slide_plane(c, c_row, c_col, a, a_row, a_col, rows, cols, a_taps, w, w_taps, taps, bias, n, relu):
    """C[i, j, 0:n] = bias + the sum over taps t of A[i, j, a_taps[t]] * W[w_taps[t]], lane by lane; relu of that."""
    floor, none = stack_array(c, 1), stack_array(c, 1)
    floor[0], none[0] = 0 if relu else -np.inf, -np.inf
    together = rows if taps <= TAPS else max(1, L1_PIXELS // cols)  # sums that are added to should still be in L1
    for i in range(0, rows, together):
        target, source, t = shift(c, i * c_row), shift(a, i * a_row), np.int64(0)
        some_rows = min(together, rows - i)
        while t < taps:
            at, of_weights = shift(a_taps, t), shift(w_taps, t)
            some = TAPS if taps - t >= TAPS else FEW_TAPS if taps - t >= FEW_TAPS else 1
            least = floor if t + some == taps else none
            if some == TAPS:
                many_taps(
                    target, c_row, c_col, source, a_row, a_col, some_rows, cols, at, w, of_weights, bias, t, least, n
                )
            elif some == FEW_TAPS:
                few_taps(
                    target, c_row, c_col, source, a_row, a_col, some_rows, cols, at, w, of_weights, bias, t, least, n
                )
            else:
                one_tap(
                    target, c_row, c_col, source, a_row, a_col, some_rows, cols, at, w, of_weights, bias, t, least, n
                )
            t += some


@helper
def pack_taps(scratch, w, b):
    """For each block its bias, or zeros, and then each tap's weights."""
    taps, filters, lanes = w.shape[0] * w.shape[1], w.shape[3], vector_lanes(pointer(w))
    target, places = aligned(pointer(scratch)), lane_places()
    for k in range(0, filters, lanes):
        n = min(lanes, filters - k)
        store(target, load(shift(pointer(b), k), n) if b.size else fill(pointer(w), 0), lanes)
        set_places(places, lanes, k, filters - 1, 1, 1, 0)
        copy_lanes(shift(target, lanes), pointer(w), filters, taps, places, n)
        target = shift(target, (1 + taps) * lanes)


@helper
def depthwise_part(y, x, window, relu, scratch, first, images, top_row, rows):
    """y[first : first + images, top_row : top_row + rows]."""
    (_, height, width, channels), (_, out_h, out_w, filters) = x.shape, y.shape
    lanes, taps, places = vector_lanes(pointer(y)), window.kernel_h * window.kernel_w, lane_places()
    rows_in = (rows - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    cols_in = (out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1
    room, row = np.empty((rows_in * cols_in + 1) * lanes, x.dtype), cols_in * lanes
    plane, packed, tables = aligned(pointer(room)), aligned(pointer(scratch)), np.empty(2 * taps, np.int64)
    a_taps, w_taps = pointer(tables), shift(pointer(tables), taps)
    list_taps(
        a_taps, w_taps, 1, 0, 0, window.kernel_h, window.dilation_h * row, window.kernel_w * lanes,
        window.kernel_w, window.dilation_w * lanes, lanes,
    )  # fmt: skip
    for image in range(first, first + images):
        source = shift(pointer(x), image * height * width * channels)
        target = shift(pointer(y), (image * out_h + top_row) * out_w * filters)
        for k in range(0, filters, lanes):
            n, bias = min(lanes, filters - k), shift(packed, k * (1 + taps))
            set_places(places, lanes, k, filters - 1, 1, filters // channels, 0)
            lay_out(
                plane, source, height, width, channels, top_row * window.stride_h - window.top, rows_in,
                -window.left, cols_in, places, n,
            )  # fmt: skip
            slide_plane(
                shift(target, k), out_w * filters, filters, plane, window.stride_h * row, window.stride_w * lanes,
                rows, out_w, a_taps, shift(bias, lanes), w_taps, taps, bias, n, np.int64(relu),
            )  # fmt: skip
    keep(room)
    keep(tables)


@helper
def pack_taps_by_channel(scratch, w, channels):
    """For each block zeros, and then each tap's weights: its channels' first filters, their second ones, and so on."""
    taps, filters, lanes = w.shape[0] * w.shape[1], w.shape[3], vector_lanes(pointer(w))
    target, times, places = aligned(pointer(scratch)), filters // channels, lane_places()
    for k in range(0, channels, lanes):
        store(target, fill(target, 0), lanes)
        target = shift(target, lanes)
        for t in range(times):
            set_places(places, lanes, k, channels - 1, times, 1, t)
            copy_lanes(shift(target, t * taps * lanes), pointer(w), filters, taps, places, min(lanes, channels - k))
        target = shift(target, times * taps * lanes)


@helper
def clear_pixels(dx, row, col, rows, cols, n):
    """dx = 0 for rows x cols pixels, `row` and `col` apart."""
    for i in range(rows):
        for j in range(cols):
            for c in range(n):
                dx[i * row + j * col + c] = 0


@helper
def slide_back(
    dx, plane, plane_size, tables, packed, width, channels, n, window, times, top_row, rows, first_row, first_col
):  # fmt: skip
    """dx[top_row : top_row + rows] of one image and block, each residue by itself (see `convinput.py`).

    plane[times, plane_rows, plane_cols] begins at row `first_row` and column `first_col` of dy.
    """
    stride_h, stride_w, lanes = window.stride_h, window.stride_w, vector_lanes(dx)
    (plane_rows, plane_cols), taps = plane_size, window.kernel_h * window.kernel_w
    a_taps, w_taps = tables, shift(tables, times * taps)
    for residue_h in range(min(stride_h, rows)):
        last_h, space_h, count_h, begin_h = residue_taps(
            residue_h, window.top, window.kernel_h, stride_h, window.dilation_h
        )
        for residue_w in range(min(stride_w, width)):
            last_w, space_w, count_w, begin_w = residue_taps(
                residue_w, window.left, window.kernel_w, stride_w, window.dilation_w
            )
            some_rows = (rows - residue_h + stride_h - 1) // stride_h
            some_cols = (width - residue_w + stride_w - 1) // stride_w
            target, dx_row = shift(dx, ((top_row + residue_h) * width + residue_w) * channels), width * channels
            if count_h * count_w == 0:
                clear_pixels(target, stride_h * dx_row, stride_w * channels, some_rows, some_cols, n)
                continue
            begin = (top_row // stride_h + begin_h - first_row) * plane_cols + begin_w - first_col
            step_h, step_w = space_h * window.dilation_h // stride_h, space_w * window.dilation_w // stride_w
            list_taps(
                a_taps, w_taps, times, plane_rows * plane_cols * lanes, taps * lanes,
                count_h, step_h * plane_cols * lanes, -space_h * window.kernel_w * lanes,
                count_w, step_w * lanes, -space_w * lanes,
            )  # fmt: skip
            slide_plane(
                target, stride_h * dx_row, stride_w * channels, shift(plane, begin * lanes), plane_cols * lanes, lanes,
                some_rows, some_cols, a_taps, shift(packed, (1 + last_h * window.kernel_w + last_w) * lanes), w_taps,
                times * count_h * count_w, packed, n, 0,
            )  # fmt: skip


@helper
def depthwise_input_part(dx, dy, window, scratch, first, images, top_row, rows):
    """dx[first : first + images, top_row : top_row + rows], where top_row is a multiple of the stride."""
    (_, height, width, channels), (_, out_h, out_w, filters) = dx.shape, dy.shape
    lanes, taps, times = vector_lanes(pointer(dx)), window.kernel_h * window.kernel_w, filters // channels
    # What these rows of dx, and all columns, meet in dy.
    first_row = (top_row + window.top - (window.kernel_h - 1) * window.dilation_h) // window.stride_h
    first_col = (window.left - (window.kernel_w - 1) * window.dilation_w) // window.stride_w
    plane_rows = (top_row + rows - 1 + window.top) // window.stride_h - first_row + 1
    plane_cols = (width - 1 + window.left) // window.stride_w - first_col + 1
    size = plane_rows * plane_cols * lanes
    room, tables, places = np.empty(times * size + lanes, dy.dtype), np.empty(2 * times * taps, np.int64), lane_places()
    plane, packed = aligned(pointer(room)), aligned(pointer(scratch))
    for image in range(first, first + images):
        source = shift(pointer(dy), image * out_h * out_w * filters)
        target = shift(pointer(dx), image * height * width * channels)
        for k in range(0, channels, lanes):
            n = min(lanes, channels - k)
            for t in range(times):
                set_places(places, lanes, k, channels - 1, times, 1, t)
                lay_out(
                    shift(plane, t * size), source, out_h, out_w, filters, first_row, plane_rows,
                    first_col, plane_cols, places, n,
                )  # fmt: skip
            slide_back(
                shift(target, k), plane, (plane_rows, plane_cols), pointer(tables),
                shift(packed, k * (1 + times * taps)), width, channels, n, window, times, top_row, rows,
                first_row, first_col,
            )  # fmt: skip
    keep(room)
    keep(tables)


# dw and db: registers hold taps.


@helper
def strips_of(dy):
    """(rows of dy in a strip, strips in an image)."""
    rows = max(1, min(dy.shape[1], STRIP_PIXELS // dy.shape[2]))
    return rows, (dy.shape[1] + rows - 1) // rows


@helper
def depthwise_parts(dw, dy):
    """Into how many parts the strips of a batch are cut, each with sums of its own: depends on shapes alone."""
    sums = (dw.shape[0] * dw.shape[1] + 1) * dw.shape[3]
    return max(1, min(dy.shape[0] * strips_of(dy)[1], gradient_parts(sums)))


@helper
def depthwise_gradient_part(scratch, x, dy, window, part, parts):
    """The sums of part number `part`, [taps, filters] and then [filters] for the bias, over the part's strips."""
    (_, height, width, channels), (_, out_h, out_w, filters) = x.shape, dy.shape
    lanes, taps, places = vector_lanes(pointer(x)), window.kernel_h * window.kernel_w, lane_places()
    sums, ignored = shift(pointer(scratch), part * (taps + 1) * filters), stack_array(pointer(x), MOST_LANES)
    for i in range((taps + 1) * filters):
        sums[i] = 0
    strip_rows, strips = strips_of(dy)
    rows_most = (strip_rows - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    cols_in = (out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1
    size, row = rows_most * cols_in * lanes, cols_in * lanes
    room = np.empty(size + (strip_rows * out_w + 1) * lanes, x.dtype)
    plane, gradient = aligned(pointer(room)), shift(aligned(pointer(room)), size)
    first, count = cut(part, parts, dy.shape[0] * strips)
    for strip in range(first, first + count):
        image, top = strip // strips, strip % strips * strip_rows
        rows = min(strip_rows, out_h - top)
        rows_in = (rows - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
        source = shift(pointer(x), image * height * width * channels)
        for k in range(0, filters, lanes):
            n = min(lanes, filters - k)
            set_places(places, lanes, k, filters - 1, 1, filters // channels, 0)
            lay_out(
                plane, source, height, width, channels, top * window.stride_h - window.top, rows_in,
                -window.left, cols_in, places, n,
            )  # fmt: skip
            set_places(places, lanes, k, filters - 1, 1, 1, 0)
            copy_lanes(
                gradient, shift(pointer(dy), (image * out_h + top) * out_w * filters), filters, rows * out_w, places, n
            )
            for tap in range(0, taps, TAPS):
                gradient_tile(
                    shift(sums, tap * filters + k), filters, shift(sums, taps * filters + k) if tap == 0 else ignored,
                    plane, window.stride_h * row, window.stride_w * lanes, gradient, rows, out_w,
                    tap, min(TAPS, taps - tap), window.kernel_w, window.dilation_h * row, window.dilation_w * lanes, n,
                )  # fmt: skip
    keep(room)
