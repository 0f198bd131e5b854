"""What the convolution kernels share: padded strips of images, and sliding packed weights over them.

All of it works on one thread's share of a batch: some images, or a strip of one image's rows. Where windows reach
over an image's edge, the strip is first copied into a frame of zeros, so that no later step knows of padding.
Images are NHWC and contiguous; all steps and sizes count elements.
"""

from __future__ import annotations

import numpy as np
from numba import types

from numbanet.kernels.cpu.microkernel import ROWS, VECTORS, copy_padded
from numbanet.kernels.cpu.simd import shift, stack_array, thread_count, vector_lanes
from numbanet.kernels.cpu.windowtile import (
    ACCUMULATE,
    RELU,
    full_window_tile,
    half_window_tile,
    stack_table,
)
from numbanet.kernels.geometry import WIDEST_TILE, Window
from numbanet.kernels.jit import helper, shared

STRIP = 32768  # elements of the images that a thread works on at a time: 128 KB, which stay in its L2
DEPTH = 288  # rows of a panel of B, of a tile's width, that stay in L1: 36 KB
WINDOW = types.NamedUniTuple(types.int64, len(Window._fields), Window)  # as a kernel takes it
PACK_PIXELS = 64  # fewer output pixels than this do not repay copying the weights


# Functions of their own for the reason given in gemm.py.
@helper
def window_tile_full(c, c_rows, a, a_rows, n1, s1, n2, s2, n3, s3, b, b_row, bias, m, n, mode):
    full_window_tile(c, c_rows, a, a_rows, n1, s1, n2, s2, n3, s3, b, b_row, bias, m, n, mode)


@helper
def window_tile_half(c, c_rows, a, a_rows, n1, s1, n2, s2, n3, s3, b, b_row, bias, m, n, mode):
    half_window_tile(c, c_rows, a, a_rows, n1, s1, n2, s2, n3, s3, b, b_row, bias, m, n, mode)


@helper
def divide_images(images, image_size, rows):
    """How to cut a batch for the threads: (groups of images, strips of each image); one of the two is 1."""
    threads = thread_count()
    if images < 2 * threads or image_size > STRIP:
        strips = max((2 * threads + images - 1) // max(1, images), (image_size + STRIP - 1) // STRIP)
        return images, max(1, min(strips, rows))
    at_once = max(1, STRIP // max(1, image_size))
    groups = (images + at_once - 1) // at_once
    return min(images, (groups + threads - 1) // threads * threads), 1


@helper
def cut(index, parts, size):
    """Part `index` of `parts` of range(size): (start, length)."""
    start = size * index // parts
    return start, size * (index + 1) // parts - start


@helper
def copy_strip(out, image, height, width, channels, first_row, rows, first_col, cols):
    """out[0:rows, 0:cols] = image[first_row + ..., first_col + ...], zero wherever that is outside the image."""
    left = min(max(0, -first_col), cols)
    inside = max(0, min(width, first_col + cols) - max(0, first_col))
    for i in range(rows):
        row = shift(out, i * cols * channels)
        y = first_row + i
        if y < 0 or y >= height or inside == 0:
            for j in range(cols * channels):
                row[j] = 0
            continue
        for j in range(left * channels):
            row[j] = 0
        source, begin = shift(image, (y * width + max(0, first_col)) * channels), left * channels
        for j in range(inside * channels):
            row[begin + j] = source[j]
        for j in range((left + inside) * channels, cols * channels):
            row[j] = 0


@helper
def next_row(image, row, rows):
    """(image, row, column) of the first pixel after `row`."""
    row += 1
    if row == rows:
        return image + 1, np.int64(0), np.int64(0)
    return image, row, np.int64(0)


def _correlate_signature(element):
    """The signature of `correlate` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.void(p, i, i, i, p, i, i, i, i, i, i, i, i, i, i, i, p, i, i, p, i, i)


@shared("numbanet_correlate", _correlate_signature)
def correlate(
    c, c_image, c_row, c_col, a, a_image, a_row, a_col, images, rows, cols,
    count_h, step_h, count_w, step_w, k, b, b_row, b_panel, bias, n, relu,
):  # fmt: skip
    """C[image, i, j, 0:n] = bias + the sum over (h, w, e) of A[image, i, j + window] * B[h, w, e].

    C's and A's pixels lie `image`, `row` and `col` steps apart; a window is count_h x count_w runs of k elements of
    A, step_h and step_w apart. B's rows follow the window, b_row apart, in panels of a tile's width, b_panel apart.
    """
    c_run, a_run, c_table, a_table = stack_table(), stack_table(), stack_table(), stack_table()
    for i in range(ROWS):
        c_run[i], a_run[i] = i * c_col, i * a_col
    zeros = stack_array(c, WIDEST_TILE)
    for i in range(WIDEST_TILE):
        zeros[i] = 0
    lanes = vector_lanes(c)
    width, pixels = VECTORS * lanes, images * rows * cols
    at_once = max(1, DEPTH // (count_w * k))  # rows of the window for which a panel of B stays in L1
    for top in range(0, count_h, at_once):
        some = min(at_once, count_h - top)
        mode = ACCUMULATE if top > 0 else 0
        if relu != 0 and top + some == count_h:
            mode += RELU
        # As a row of windows, of runs: where each row is one run, the rows count as runs.
        count1, step1, count2, step2 = (1, step_h, some, step_h) if count_w == 1 else (some, step_h, count_w, step_w)
        for j in range(0, n, width):
            columns, panel = min(width, n - j), shift(b, j // width * b_panel + top * count_w * k * b_row)
            panel_bias = shift(bias, j) if top == 0 else zeros
            image, row, col = np.int64(0), np.int64(0), np.int64(0)
            for first in range(0, pixels, ROWS):
                m = min(ROWS, pixels - first)
                c_base = j + image * c_image + row * c_row + col * c_col
                a_base = top * step_h + image * a_image + row * a_row + col * a_col
                c_places, a_places = c_run, a_run
                if col + ROWS <= cols:  # most tiles lie in one row
                    col += ROWS
                    if col == cols:
                        image, row, col = next_row(image, row, rows)
                else:
                    c_places, a_places = c_table, a_table
                    c_base, a_base = j, top * step_h
                    for i in range(ROWS):
                        c_table[i] = image * c_image + row * c_row + col * c_col
                        a_table[i] = image * a_image + row * a_row + col * a_col
                        if i + 1 < m or m == ROWS:  # the places beyond the last pixel repeat it
                            col += 1
                            if col == cols:
                                image, row, col = next_row(image, row, rows)
                if columns > lanes:
                    window_tile_full(
                        shift(c, c_base), c_places, shift(a, a_base), a_places, count1, step1, count2, step2, k, 1,
                        panel, b_row, panel_bias, m, columns, mode,
                    )  # fmt: skip
                else:
                    window_tile_half(
                        shift(c, c_base), c_places, shift(a, a_base), a_places, count1, step1, count2, step2, k, 1,
                        panel, b_row, panel_bias, m, columns, mode,
                    )  # fmt: skip


@helper
def pack_columns(packed, source, source_row, k, n, width):
    """Copy source[0:k, 0:n] into panels [k, width], zero beyond n."""
    for j in range(0, n, width):
        columns, panel = min(width, n - j), shift(packed, j * k)
        for p in range(k):
            copy_padded(shift(panel, p * width), shift(source, p * source_row + j), columns)
