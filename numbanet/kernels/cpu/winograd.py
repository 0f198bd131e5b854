"""Winograd's convolution of 3 x 3 windows: forward, and the gradient of the input.

Tiles of 4 x 4 outputs are computed some at a time, in a room that stays in a thread's cache:

    V[p, channel, tile]  = B^T d B of the tile's patch, place p of its 36      (channels in registers, so blocks of
    M[p, filter, tile]   = V[p] @ U[p], 36 products of matrices                 them: [block][tile][lanes])
    y                    = A^T M A + bias, clipped at 0 if asked to

U = G g G^T, the weights' transforms, are made once for all. What lies outside an image is read as zeros; outputs that
a tile has beyond the image's edge are not written.
"""

from __future__ import annotations

import numpy as np
from numba import types

from numbanet.kernels.cpu.microkernel import ROWS, VECTORS, transpose_square
from numbanet.kernels.cpu.simd import aligned, keep, pointer, shift, stack_array, thread_count, vector_lanes
from numbanet.kernels.cpu.winogradtile import (
    NARROW,
    OUT,
    PATCH,
    PLACES,
    finish_outputs,
    narrow_block_tile,
    transform_patch,
    transform_weights,
    wide_block_tile,
)
from numbanet.kernels.geometry import WINOGRAD_PAD
from numbanet.kernels.geometry import fits_winograd as fits
from numbanet.kernels.jit import helper, shared

TAPS = 9  # of a window
HALF = 576  # room for a transform under way: 36 registers of the most lanes, 16
FEWEST_TILES = 16  # fewer do not repay the transforms of the weights
GROUPS = 4  # of images for each thread, which evens out what the threads have to do
ROOM = 32768  # elements of V and M together, about: 128 KB, which stay in L2


fits_winograd = helper(fits)
MOST_WORK = 6  # outputs that a tile must have on average: with fewer the direct way has less to do


@helper
def tiles_across(size):
    """Tiles over so many outputs."""
    return (size + OUT - 1) // OUT


@helper
def is_winograd(y, x, window, groups):
    """Whether y (n, oh, ow, filters) is computed from x (n, h, w, channels) this way: by shapes alone, like the result.

    Channels must fill registers; tiles must be enough to repay the transforms of the weights, and few of their outputs
    may lie beyond the edge.
    """
    (images, out_h, out_w, filters), lanes = y.shape, vector_lanes(pointer(y))
    if not fits_winograd(window, groups) or x.shape[3] % lanes or filters % lanes:
        return False
    tiles = tiles_across(out_h) * tiles_across(out_w)
    return images * tiles >= FEWEST_TILES and MOST_WORK * tiles <= out_h * out_w


@helper
def place_step(rows, elements):
    """From one of the 36 places to the next: no power of 2, or all would fall into the same few sets of a cache."""
    return rows * elements + WINOGRAD_PAD


@helper
def tiles_at_once(channels, filters):
    """How many tiles to compute at a time."""
    return max(1, min(4, ROOM // (PLACES * NARROW * (channels + filters)))) * NARROW


@helper
def divide_tiles(images, rows):
    """How to cut a batch for the threads: (groups of images, strips of each image's rows of tiles); one of them is 1.

    Groups as large as they may be: each ends with a block of tiles that is not full.
    """
    threads = thread_count()
    if images >= GROUPS * threads:
        return GROUPS * threads, 1
    return images, max(1, min((2 * threads + images - 1) // max(1, images), rows))


def _pack_signature(element):
    """C's signature of `pack_winograd` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.int64(p, p, i, i, i)


@shared("numbanet_winograd_pack", _pack_signature)
def pack_winograd(u, w, k, n, turned):
    """U[p] = G g G^T of weights w (3, 3, k, n), in panels of a tile's width, the last one perhaps of half of it.

    Or `turned`: of w (3, 3, n, k) with taps in the opposite order and its last two axes exchanged.
    """
    lanes = vector_lanes(u)
    squares, half = stack_array(u, 2304), stack_array(u, HALF)  # TAPS squares of the most lanes, 16
    step, blocks = place_step(k, n), n // lanes
    for block in range(blocks):
        first = block // VECTORS * VECTORS
        vectors = min(VECTORS, blocks - first)
        target = shift(u, first * lanes * k + (block - first) * lanes)
        for i in range(0, k, lanes):
            source, row, tap = shift(w, i * n + block * lanes), n, k * n
            if turned != 0:
                for t in range(TAPS):
                    transpose_square(
                        shift(squares, t * lanes * lanes), lanes, shift(w, (t * n + block * lanes) * k + i), k
                    )
                source, row, tap = shift(squares, (TAPS - 1) * lanes * lanes), lanes, -lanes * lanes
            for j in range(lanes):
                transform_weights(
                    shift(target, (i + j) * vectors * lanes), step, shift(source, j * row), 3 * tap, tap,
                    0, 3, 0, 3, half,
                )  # fmt: skip
    return 0


@helper
def multiply_places(m, m_step, v, v_step, u, u_step, tiles, most, k_blocks, n_blocks):
    """M[p] = V[p] @ U[p] for all places, of so many tiles; blocks of V and M have room for `most`."""
    lanes = vector_lanes(m)
    block = most * lanes
    for p in range(PLACES):
        for j in range(0, n_blocks, VECTORS):
            target, b = shift(m, p * m_step + j * block), shift(u, p * u_step + j * k_blocks * lanes * lanes)
            a = shift(v, p * v_step)
            if j + VECTORS <= n_blocks:
                for t in range(0, tiles, ROWS):
                    wide_block_tile(shift(target, t * lanes), block, shift(a, t * lanes), block, k_blocks, b)
            else:
                for t in range(0, tiles, NARROW):
                    narrow_block_tile(shift(target, t * lanes), block, shift(a, t * lanes), block, k_blocks, b)


def _winograd_signature(element):
    """C's signature of `correlate_tiles` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.int64(p, p, p, p, p, i, i, i, i, i, i, i, i, i, i, i, i)


@shared("numbanet_winograd_tiles", _winograd_signature)
def correlate_tiles(
    y, x, u, bias, room, images, height, width, channels, out_h, out_w, filters, top, left, first_row, rows, relu
):
    """y = bias + x correlated with the weights of `u`, for rows of tiles first_row .. first_row + rows of all images.

    x (images, height, width, channels), y (images, out_h, out_w, filters); `top` and `left` are the padding.
    """
    lanes = vector_lanes(y)
    floor, half = stack_array(y, 16), stack_array(y, HALF)
    for i in range(lanes):
        floor[i] = 0 if relu != 0 else -np.inf
    most, k_blocks, n_blocks = tiles_at_once(channels, filters), channels // lanes, filters // lanes
    v_step, m_step, u_step = place_step(most, channels), place_step(most, filters), place_step(channels, filters)
    v, m, block = room, shift(room, PLACES * v_step), most * lanes
    cols, unit = tiles_across(out_w), ROWS if n_blocks % VECTORS == 0 else NARROW
    tiles = images * rows * cols
    for first in range(0, tiles, most):
        count = min(most, tiles - first)
        col, row, image = first % cols, first // cols % rows, first // (cols * rows)
        in_col, in_row, in_image = col, row, image
        padded = (count + unit - 1) // unit * unit
        for t in range(padded):
            at_row, at_col = OUT * (first_row + in_row) - top, OUT * in_col - left
            source = shift(x, ((in_image * height + at_row) * width + at_col) * channels)
            target = shift(v, t * lanes)
            bottom = height - at_row if t < count else 0  # beyond the last tile: zeros
            for k in range(k_blocks):
                transform_patch(
                    shift(target, k * block), v_step, shift(source, k * lanes), width * channels, channels,
                    -at_row, bottom, -at_col, width - at_col, half,
                )  # fmt: skip
            in_col += 1
            if in_col == cols:
                in_col = 0
                in_row += 1
                if in_row == rows:
                    in_row = 0
                    in_image += 1
        multiply_places(m, m_step, v, v_step, u, u_step, padded, most, k_blocks, n_blocks)
        for t in range(count):
            out_row, out_col = OUT * (first_row + row), OUT * col
            target = shift(y, ((image * out_h + out_row) * out_w + out_col) * filters)
            for j in range(n_blocks):
                finish_outputs(
                    shift(target, j * lanes), out_w * filters, filters, out_h - out_row, out_w - out_col,
                    shift(m, j * block + t * lanes), m_step, shift(bias, j * lanes), floor, half,
                )  # fmt: skip
            col += 1
            if col == cols:
                col = 0
                row += 1
                if row == rows:
                    row = 0
                    image += 1
    return 0


@helper
def pack_for_winograd(scratch, w, b, filters, turned):
    """The bias, or zeros, at the beginning of scratch, and U where `transforms` finds it; `turned` for dx."""
    channels = w.size // (TAPS * filters)
    for j in range(filters):
        scratch[j] = b[j] if b.size else scratch.dtype.type(0)
    pack_winograd(transforms(scratch, filters), pointer(w), channels, filters, np.int64(turned))


@helper
def transforms(scratch, filters):
    """Where U is in scratch."""
    return aligned(shift(pointer(scratch), filters))


@helper
def winograd_part(y, x, top, left, relu, scratch, first, images, first_row, rows):
    """y[first : first + images], or rows of tiles first_row .. first_row + rows of it. Padding: `top` and `left`."""
    (_, height, width, channels), (_, out_h, out_w, filters) = x.shape, y.shape
    most = tiles_at_once(channels, filters)
    room = np.empty(PLACES * (place_step(most, channels) + place_step(most, filters)) + WINOGRAD_PAD, y.dtype)
    correlate_tiles(
        shift(pointer(y), first * out_h * out_w * filters), shift(pointer(x), first * height * width * channels),
        transforms(scratch, filters), pointer(scratch), aligned(pointer(room)),
        images, height, width, channels, out_h, out_w, filters, top, left, first_row, rows, np.int64(relu),
    )  # fmt: skip
    keep(room)
