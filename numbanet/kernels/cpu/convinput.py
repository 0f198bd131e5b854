"""The gradient of a convolution's input: dy correlated with the window turned around, once for each residue.

With a stride, the pixels of dx whose row and column leave the same remainders by the stride meet the same taps, and
no others: each such residue is a correlation of its own, with pixels a stride apart, and none of them adds zeros.
"""

from __future__ import annotations

import numpy as np
from numba import types

from numbanet.kernels.cpu.correlate import WINDOW, copy_strip, correlate, cut
from numbanet.kernels.cpu.microkernel import VECTORS
from numbanet.kernels.cpu.simd import keep, pointer, shift, vector_lanes
from numbanet.kernels.geometry import WIDEST_TILE
from numbanet.kernels.jit import helper, shared


@helper
def residue_taps(residue, before, kernel, stride, dilation):
    """The taps of one axis that pixels of dx at `residue` modulo the stride meet: (last, spacing, count, first).

    They are last, last - spacing, ... `first` is where, relative to pixel number i // stride, dy is met by the
    last tap; each further one meets it dilation * spacing / stride later.
    """
    last = kernel - 1
    while last >= 0 and (residue + before - last * dilation) % stride != 0:
        last -= 1
    if last < 0:
        return last, np.int64(1), np.int64(0), np.int64(0)
    spacing = np.int64(1)
    while spacing * dilation % stride != 0:
        spacing += 1
    return last, spacing, last // spacing + 1, (residue + before - last * dilation) // stride


@helper
def pack_backward(scratch, w, window, groups):
    """The weights for dx: for each residue and each group its taps, turned around, in panels of channels.

    Behind them as many zeros as the widest bias; returns their offset.
    """
    kernel_w, k, filters = w.shape[1], w.shape[2], w.shape[3]
    n, tile = filters // groups, VECTORS * vector_lanes(pointer(w))
    padded = (k + WIDEST_TILE - 1) // WIDEST_TILE * WIDEST_TILE
    at = np.int64(0)
    for residue_h in range(window.stride_h):
        last_h, space_h, count_h, _ = residue_taps(
            residue_h, window.top, window.kernel_h, window.stride_h, window.dilation_h
        )
        for residue_w in range(window.stride_w):
            last_w, space_w, count_w, _ = residue_taps(
                residue_w, window.left, window.kernel_w, window.stride_w, window.dilation_w
            )
            depth = count_h * count_w * n
            for g in range(groups):
                for i in range(count_h):
                    for j in range(count_w):
                        tap = (last_h - i * space_h) * kernel_w + last_w - j * space_w
                        source = shift(pointer(w), tap * k * filters + g * n)
                        for channel in range(padded):
                            panel, column = channel // tile, channel % tile
                            target = shift(
                                pointer(scratch), at + (panel * depth + (i * count_w + j) * n) * tile + column
                            )
                            if panel * tile >= k:
                                break
                            for f in range(n):
                                target[f * tile] = source[channel * filters + f] if channel < k else 0
                at += depth * padded
    for j in range(padded):
        scratch[at + j] = 0
    return at


def _backward_input_part_signature(element):
    """The signature of `backward_input_part` for one type of element."""
    images, i = element[:, :, :, ::1], types.int64
    return types.void(images, images, images, WINDOW, i, element[::1], i, i, i, i, i)


@shared("numbanet_backward_input_part", _backward_input_part_signature)
def backward_input_part(dx, dy, w, window, groups, scratch, zeros, first, images, strip, strips):
    """Strip number `strip` of `strips` of each of the images' dx."""
    (_, height, width, channels), (_, out_h, out_w, filters) = dx.shape, dy.shape
    k, n, tile = channels // groups, filters // groups, VECTORS * vector_lanes(pointer(dx))
    padded = (k + WIDEST_TILE - 1) // WIDEST_TILE * WIDEST_TILE
    packed = pointer(scratch)
    for residue_h in range(window.stride_h):
        _, space_h, count_h, first_h = residue_taps(
            residue_h, window.top, window.kernel_h, window.stride_h, window.dilation_h
        )
        top, rows = cut(strip, strips, (height - residue_h + window.stride_h - 1) // window.stride_h)
        tap_h = space_h * window.dilation_h // window.stride_h
        for residue_w in range(window.stride_w):
            _, space_w, count_w, first_w = residue_taps(
                residue_w, window.left, window.kernel_w, window.stride_w, window.dilation_w
            )
            tap_w, cols = (
                space_w * window.dilation_w // window.stride_w,
                (width - residue_w + window.stride_w - 1) // window.stride_w,
            )
            weights, depth = packed, count_h * count_w * n
            packed = shift(packed, groups * depth * padded)
            if rows <= 0 or cols <= 0:
                continue
            target = shift(
                pointer(dx), ((first * height + residue_h + top * window.stride_h) * width + residue_w) * channels
            )
            if depth == 0:
                for image in range(images):
                    for i in range(rows):
                        for j in range(cols):
                            pixel = (image * height + i * window.stride_h) * width + j * window.stride_w
                            for c in range(channels):
                                target[pixel * channels + c] = 0
                continue
            first_row, rows_in, cols_in = top + first_h, rows + (count_h - 1) * tap_h, cols + (count_w - 1) * tap_w
            inside = first_row >= 0 and first_row + rows_in <= out_h and first_w >= 0 and first_w + cols_in <= out_w
            frame = np.empty(0 if inside else images * rows_in * cols_in * filters, dy.dtype)
            image_step, row_step = out_h * out_w * filters, out_w * filters
            source = shift(pointer(dy), ((first * out_h + first_row) * out_w + first_w) * filters)
            if not inside:
                image_step, row_step = rows_in * cols_in * filters, cols_in * filters
                for i in range(images):
                    image = shift(pointer(dy), (first + i) * out_h * out_w * filters)
                    copy_strip(
                        shift(pointer(frame), i * image_step), image, out_h, out_w, filters,
                        first_row, rows_in, first_w, cols_in,
                    )  # fmt: skip
                source = pointer(frame)
            run, runs = n, count_w
            if tap_w == 1 and groups == 1:
                run, runs = count_w * n, np.int64(1)
            for g in range(groups):
                correlate(
                    shift(target, g * k), height * width * channels, window.stride_h * width * channels,
                    window.stride_w * channels, shift(source, g * n), image_step, row_step, filters,
                    images, rows, cols, count_h, tap_h * row_step, runs, tap_w * filters, run,
                    shift(weights, g * depth * padded), tile, depth * tile, shift(pointer(scratch), zeros), k, 0,
                )  # fmt: skip
            keep(frame)
