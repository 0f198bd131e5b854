"""Winograd's convolution of 3 x 3 windows: the gradient of the weights.

    V[p, tile, channel]   = B^T d B of a tile's patch of x, place p of its 36
    D[p, tile, filter]    = G e G^T of the same tile's 4 x 4 gradients of y
    S[p, channel, filter] = V[p]^T @ D[p], summed over all tiles of a part of the batch
    dw[tap]               = A^T S A, once for each part

So a part's sums stay transformed until all its tiles are in. A task has a block of the channels and of the filters,
whose sums stay in a thread's cache; other tasks of the same part transform the same patches again.
"""

from __future__ import annotations

import numpy as np
from numba import types

from numbanet.kernels.cpu.convgradient import add_pixels, gradient_parts
from numbanet.kernels.cpu.correlate import cut
from numbanet.kernels.cpu.microkernel import ROWS, VECTORS, make_tile
from numbanet.kernels.cpu.simd import aligned, keep, pointer, shift, stack_array, vector_lanes
from numbanet.kernels.cpu.winograd import HALF, place_step, tiles_across
from numbanet.kernels.cpu.winogradtile import (
    NARROW,
    OUT,
    PLACES,
    transform_gradients,
    transform_patch,
    transform_sums,
)
from numbanet.kernels.geometry import WINOGRAD_PAD
from numbanet.kernels.jit import helper, shared

BLOCK = 64  # most channels of a block,
BLOCK_SUMS = 4096  # and most sums of one place: 36 times as many are 576 KB
TILES = 2048  # channels and filters of the tiles in V and D at a time: 288 KB
FEWEST_TILES = 8  # of a part, to repay the transforms of its sums

wide_tile = make_tile(ROWS, VECTORS)
narrow_tile = make_tile(NARROW, 1)


# Functions of their own for the reason given in gemm.py.
@helper
def tile_wide(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate):
    wide_tile(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate)


@helper
def tile_narrow(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate):
    narrow_tile(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate)


@helper
def blocks_of(channels, filters):
    """(channels, filters) of a task's block, before what is left over; filters are whole tiles where there are some."""
    most = min(channels, BLOCK)
    return most, min(filters, max(1, BLOCK_SUMS // most // 32) * 32)


@helper
def divide_winograd_gradient(dw, dy):
    """(parts of the batch, blocks of the weights): depends on shapes alone."""
    (images, out_h, out_w, filters), channels = dy.shape, dw.shape[2]
    tiles = images * tiles_across(out_h) * tiles_across(out_w)
    k, n = blocks_of(channels, filters)
    parts = max(1, min(images, gradient_parts(dw.size + filters), tiles // FEWEST_TILES))
    return parts, ((channels + k - 1) // k) * ((filters + n - 1) // n)


@helper
def add_products(sums, s_step, v, v_step, d, d_step, tiles, k, n, accumulate):
    """sums[p] (+)= V[p]^T @ D[p] for all places: sums[p] (k, n), V[p] (tiles, k), D[p] (tiles, n)."""
    width = VECTORS * vector_lanes(sums)
    for p in range(PLACES):
        c, a, b = shift(sums, p * s_step), shift(v, p * v_step), shift(d, p * d_step)
        for j in range(0, n, width):
            if j + width <= n:
                for i in range(0, k, ROWS):
                    tile_wide(shift(c, i * n + j), n, shift(a, i), 1, k, shift(b, j), n, tiles, ROWS, width, accumulate)
            else:
                for i in range(0, k, NARROW):
                    tile_narrow(
                        shift(c, i * n + j), n, shift(a, i), 1, k, shift(b, j), n, tiles, min(NARROW, k - i), n - j,
                        accumulate,
                    )  # fmt: skip


def _sum_tiles_signature(element):
    """C's signature of `sum_tiles` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.int64(p, p, p, p, i, i, i, i, i, i, i, i, i, i, i, i)


@shared("numbanet_winograd_gradient", _sum_tiles_signature)
def sum_tiles(
    dw, x, dy, room, images, height, width, channels, out_h, out_w, filters, top, left, k, n, most
):
    """dw (3, 3, channels, filters), of which k channels and n filters = the sum over some images.

    x (images, height, width, channels), dy (images, out_h, out_w, filters) and dw begin with the first of these.
    `most` tiles are worked on at a time.
    """
    lanes, half = vector_lanes(dw), stack_array(dw, HALF)
    s_step, v_step, d_step = place_step(k, n), place_step(most, k), place_step(most, n)
    sums, v, d = room, shift(room, PLACES * s_step), shift(room, PLACES * (s_step + v_step))
    rows, cols = tiles_across(out_h), tiles_across(out_w)
    image, row, col = np.int64(0), np.int64(0), np.int64(0)
    for first in range(0, images * rows * cols, most):
        count = min(most, images * rows * cols - first)
        for t in range(count):
            at_row, at_col = OUT * row - top, OUT * col - left
            source = shift(x, ((image * height + at_row) * width + at_col) * channels)
            for i in range(0, k, lanes):
                transform_patch(
                    shift(v, t * k + i), v_step, shift(source, i), width * channels, channels,
                    -at_row, height - at_row, -at_col, width - at_col, half,
                )  # fmt: skip
            out_row, out_col = OUT * row, OUT * col
            source = shift(dy, ((image * out_h + out_row) * out_w + out_col) * filters)
            for j in range(0, n, lanes):
                transform_gradients(
                    shift(d, t * n + j), d_step, shift(source, j), out_w * filters, filters,
                    0, out_h - out_row, 0, out_w - out_col, half,
                )  # fmt: skip
            col += 1
            if col == cols:
                col = 0
                row += 1
                if row == rows:
                    row = 0
                    image += 1
        add_products(sums, s_step, v, v_step, d, d_step, count, k, n, first > 0)
    for i in range(k):
        for j in range(0, n, lanes):
            transform_sums(
                shift(dw, i * filters + j), channels * filters, shift(sums, i * n + j), 6 * s_step, s_step,
                0, 6, 0, 6, half,
            )  # fmt: skip
    return 0


@helper
def winograd_gradient_part(scratch, dw, db, x, dy, window, part, parts, block):
    """Sums number `part`, of block number `block` of the weights, over the part's images; with block 0 the bias's."""
    (images, height, width, channels), (_, out_h, out_w, filters) = x.shape, dy.shape
    k_most, n_most = blocks_of(channels, filters)
    across = (filters + n_most - 1) // n_most
    first_k, first_n = block // across * k_most, block % across * n_most
    k, n = min(k_most, channels - first_k), min(n_most, filters - first_n)
    first, count = cut(part, parts, images)
    sums = shift(pointer(scratch), part * (dw.size + filters))
    source = shift(pointer(x), first * height * width * channels)
    gradient = shift(pointer(dy), first * out_h * out_w * filters)
    if block == 0 and db.size > 0:
        bias = shift(sums, dw.size)
        for j in range(filters):
            bias[j] = 0
        add_pixels(bias, filters, gradient, filters, count * out_h * out_w)
    most = max(1, TILES // (k + n))
    room = np.empty(PLACES * (place_step(k, n) + place_step(most, k) + place_step(most, n)) + WINOGRAD_PAD, x.dtype)
    sum_tiles(
        shift(sums, first_k * filters + first_n), shift(source, first_k), shift(gradient, first_n),
        aligned(pointer(room)), count, height, width, channels, out_h, out_w, filters, window.top, window.left,
        k, n, most,
    )  # fmt: skip
    keep(room)
