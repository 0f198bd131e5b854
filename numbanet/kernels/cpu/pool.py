"""Pooling: the largest or the mean of a window that slides over an image, and their gradients.

All outputs are overwritten (`=`). Shapes: x, dx (n, h, w, c); y, dy (n, oh, ow, c); `window` is geometry's, without
dilation. Padding is never the largest; whether a mean counts it as zeros, `count_padding` says.

Channels never meet, so a register holds as many channels of one pixel as it has lanes, and the pixels of a window
follow one another. The place of the largest is found again from x in the backward pass, and no index is stored: where
windows lie side by side that is no slower, and saves memory and the forward pass its writes. Of equals the first in
the window, row by row, is the largest; NaN is larger than any number, so that it is seen, and of several NaN the first.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import CHUNK, is_small
from numbanet.kernels.cpu.registers import (
    add,
    both,
    choose,
    exceeds,
    fill,
    is_number,
    larger,
    load,
    multiply,
    same,
    store,
)
from numbanet.kernels.cpu.simd import pointer, shift, vector_lanes
from numbanet.kernels.jit import helper, kernel

ENOUGH = 8  # lines from which there is work for all threads without cutting through the channels,
CHANNELS = 16  # which are cut at multiples of this: a cache line of float32
IN_WINDOW = 0  # as a divisor: the pixels of the window that lie on the image
COUNTABLE = 2**24  # pixels of a window up to which a float32 tells their numbers apart


# A run of windows that are alike: `count` of them, `step` apart in x and one pixel apart in y, each with rows x
# columns pixels that lie on the image. `row` and `pixel` are the steps in memory to the next row and the next pixel.
# `spill` is as `spill_room` says. A maximum has no divisor: it is handed one so that both fit into the same loops.


@helper
def spill_room(pixel, channels, lanes):
    """How many numbers behind a pixel's channels may be overwritten for each window still to come in the run.

    Where a pixel fits into one register, those are the next pixels, and are written after it: a whole register then
    goes to memory more quickly than a part of it, and what it spills over does not stay.
    """
    return pixel if channels == pixel and channels <= lanes else 0


@helper
def largest(y, x, count, step, row, pixel, rows, columns, divisor, channels, spill):
    """For each window, y[0:channels] = the largest of the pixels."""
    nan = fill(x, np.nan)
    for j in range(count):
        for k in range(0, channels, vector_lanes(x)):
            here, n = shift(x, j * step + k), channels - k + (count - 1 - j) * spill
            best = load(here, n)
            numbers = is_number(best)
            for p in range(rows):
                for q in range(columns):
                    value = load(shift(here, p * row + q * pixel), n)
                    best = larger(value, best)
                    numbers = both(numbers, is_number(value))
            store(shift(y, j * pixel + k), choose(numbers, best, nan), n)


@helper
def mean(y, x, count, step, row, pixel, rows, columns, divisor, channels, spill):
    """For each window, y[0:channels] = the sum of the pixels over `divisor`."""
    share = fill(x, 1.0 / divisor)
    for j in range(count):
        for k in range(0, channels, vector_lanes(x)):
            here, n = shift(x, j * step + k), channels - k + (count - 1 - j) * spill
            total = fill(x, 0)
            for p in range(rows):
                line = fill(x, 0)  # a sum of sums loses fewer digits than one long sum
                for q in range(columns):
                    line = add(line, load(shift(here, p * row + q * pixel), n))
                total = add(total, line)
            store(shift(y, j * pixel + k), multiply(total, share), n)


@helper
def to_largest(dx, dy, x, count, step, row, pixel, rows, columns, divisor, accumulate, channels, spill):
    """For each window, dx = or +=: dy[0:channels] for the largest of the pixels, 0 for the others."""
    nothing = fill(x, 0)
    for j in range(count):
        for k in range(0, channels, vector_lanes(x)):
            here, n = shift(x, j * step + k), channels - k + (count - 1 - j) * spill
            best, place = load(here, n), nothing
            numbers = is_number(best)
            for p in range(rows):
                for q in range(columns):
                    value = load(shift(here, p * row + q * pixel), n)
                    place = choose(both(exceeds(value, best), numbers), fill(x, p * columns + q), place)
                    best = larger(value, best)
                    numbers = both(numbers, is_number(value))
            gradient, target = load(shift(dy, j * pixel + k), n), shift(dx, j * step + k)
            for p in range(rows):
                for q in range(columns):
                    at = shift(target, p * row + q * pixel)
                    share = choose(same(place, fill(x, p * columns + q)), gradient, nothing)
                    store(at, add(load(at, n), share) if accumulate else share, n)


@helper
def to_all(dx, dy, x, count, step, row, pixel, rows, columns, divisor, accumulate, channels, spill):
    """For each window, dx = or +=: dy[0:channels] over `divisor`, for each of the pixels."""
    part = fill(dx, 1.0 / divisor)
    for j in range(count):
        for k in range(0, channels, vector_lanes(dx)):
            target, n = shift(dx, j * step + k), channels - k + (count - 1 - j) * spill
            share = multiply(load(shift(dy, j * pixel + k), n), part)
            for p in range(rows):
                for q in range(columns):
                    at = shift(target, p * row + q * pixel)
                    store(at, add(load(at, n), share) if accumulate else share, n)


@helper
def clear(dx, row, pixel, rows, columns, channels):
    """dx = 0 for rows x columns pixels."""
    zeros = fill(dx, 0)
    for p in range(rows):
        for q in range(columns):
            for k in range(0, channels, vector_lanes(dx)):
                store(shift(dx, p * row + q * pixel + k), zeros, channels - k)


# Many windows: `channels` channels, from `channel` on, of the lines `first` to `last` - 1. A line is a row of one
# image's windows. The loops are made for the function in their middle: a function handed to a kernel as an
# argument would keep it out of the cache.


@helper
def on_image(i, stride, before, kernel, size):
    """Window i along an axis of `size` pixels: (its first pixel on the image, how many of its pixels are on it)."""
    start = i * stride - before
    return max(start, 0), min(start + kernel, size) - max(start, 0)


@helper
def run_length(j, ow, window, w):
    """How many windows of a line are alike from window j on: those within the image are, the others stand alone."""
    last = (w + window.left - window.kernel_w) // window.stride_w  # window that lies within the image at its right
    return min(last + 1, ow) - j if j * window.stride_w >= window.left and j <= last else 1


def over_windows(reduction):
    """The loops that fill lines of y with the reduction of x's windows."""

    @helper
    def lines(y, x, window, divisor, first, last, channel, channels):
        (_, h, w, c), (_, oh, ow, _) = x.shape, y.shape
        row, step, spill = w * c, window.stride_w * c, spill_room(c, channels, vector_lanes(pointer(x)))
        for line in range(first, last):
            image, i = line // oh, line % oh
            top, rows = on_image(i, window.stride_h, window.top, window.kernel_h, h)
            j = 0
            while j < ow:
                count = run_length(j, ow, window, w)
                left, columns = on_image(j, window.stride_w, window.left, window.kernel_w, w)
                target = shift(pointer(y), (line * ow + j) * c + channel)
                source = shift(pointer(x), ((image * h + top) * w + left) * c + channel)
                shared_by = rows * columns if divisor == IN_WINDOW else divisor
                if rows == 2 and columns == 2:  # literals make a version of their own, with its loops unrolled
                    reduction(target, source, count, step, row, c, 2, 2, shared_by, channels, spill)
                else:
                    reduction(target, source, count, step, row, c, rows, columns, shared_by, channels, spill)
                j += count

    return lines


def into_windows(distribution):
    """The loops that fill dx with the distribution of dy's lines over its windows.

    Windows that lie `apart` write their pixels, each once. Windows that overlap add to pixels cleared just before
    the first of them comes, while they are on their way into the cache anyway; their lines are all those of an image.
    """

    @helper
    def lines(dx, dy, x, window, divisor, apart, first, last, channel, channels):
        (_, h, w, c), (_, oh, ow, _) = dx.shape, dy.shape
        row, step, kernel_h, kernel_w = w * c, window.stride_w * c, window.kernel_h, window.kernel_w
        spill = spill_room(c, channels, vector_lanes(pointer(dx))) if apart else 0
        unwritten = ow * kernel_w if apart else 0  # the first column that is still to be cleared
        for line in range(first, last):
            image, i = line // oh, line % oh
            corner = image * h * row + channel
            top, rows = on_image(i, window.stride_h, window.top, kernel_h, h)
            done = min((i - 1) * window.stride_h - window.top + kernel_h, h) if i else 0
            clear(shift(pointer(dx), corner + done * row + unwritten * c), row, c, top + rows - done, w - unwritten,
                  channels)  # fmt: skip
            j = 0
            while j < ow:
                count = run_length(j, ow, window, w)
                left, columns = on_image(j, window.stride_w, window.left, kernel_w, w)
                at = corner + top * row + left * c
                target, source = shift(pointer(dx), at), shift(pointer(x), at)
                gradient = shift(pointer(dy), (line * ow + j) * c + channel)
                shared_by = rows * columns if divisor == IN_WINDOW else divisor
                if apart and rows == 2 and columns == 2:
                    distribution(
                        target, gradient, source, count, step, row, c, 2, 2, shared_by, False, channels, spill
                    )  # fmt: skip
                elif not apart and rows == 3 and columns == 3:
                    distribution(
                        target, gradient, source, count, step, row, c, 3, 3, shared_by, True, channels, spill
                    )  # fmt: skip
                else:
                    distribution(
                        target, gradient, source, count, step, row, c, rows, columns, shared_by, not apart, channels,
                        spill,
                    )  # fmt: skip
                j += count
            if i == oh - 1:
                below = top + rows
                clear(shift(pointer(dx), corner + below * row), row, c, h - below, w, channels)

    return lines


max_lines, mean_lines = over_windows(largest), over_windows(mean)
max_gradient_lines, mean_gradient_lines = into_windows(to_largest), into_windows(to_all)


# All windows: what the threads share.


@helper
def fits(y, x, window):
    """Whether the shapes agree, and each window of y has a pixel of x under it."""
    (n, h, w, c), (m, oh, ow, d) = x.shape, y.shape
    return (
        n == m and c == d and min(h, w, oh, ow, window.stride_h, window.stride_w) > 0
        and window.dilation_h == 1 and window.dilation_w == 1
        and 0 <= window.top < window.kernel_h and (oh - 1) * window.stride_h - window.top < h
        and 0 <= window.left < window.kernel_w and (ow - 1) * window.stride_w - window.left < w
    )  # fmt: skip


@helper
def lie_apart(y, x, window):
    """Whether the windows lie side by side on the image: none overlaps another, and none reaches into padding."""
    return (
        window.stride_h == window.kernel_h and window.stride_w == window.kernel_w
        and window.top == 0 and y.shape[1] * window.kernel_h <= x.shape[1]
        and window.left == 0 and y.shape[2] * window.kernel_w <= x.shape[2]
    )  # fmt: skip


@helper
def cut(lines, together, channels, size):
    """Parts for the threads, of images of `size` elements: (how many, lines in a part, channels in a part).

    Lines are kept `together` in groups of so many. Where there are few groups, channels are cut as well.
    """
    height, breadth = lines, channels
    if not is_small(size):
        groups = lines // together
        height = max(1, groups * CHUNK // size) * together
        breadth = min(channels, (channels * groups + ENOUGH * CHANNELS - 1) // (ENOUGH * CHANNELS) * CHANNELS)
    down, across = (lines + height - 1) // max(1, height), (channels + breadth - 1) // max(1, breadth)
    return down * across, height, breadth


@helper
def part(index, lines, channels, height, breadth):
    """Part `index`: (first line, last line + 1, first channel, channels)."""
    across = (channels + breadth - 1) // breadth
    line, channel = index // across * height, index % across * breadth
    return line, min(line + height, lines), channel, min(breadth, channels - channel)


@kernel
def max_pool2d_forward(y, x, window):
    """y = the largest pixel of each window, channel by channel."""
    if not fits(y, x, window):
        raise ValueError("max_pool2d_forward: the shapes of y, x (n, h, w, c) and the window do not fit")
    lines, channels, zero = y.shape[0] * y.shape[1], y.shape[3], np.int64(0)
    count, height, breadth = cut(lines, np.int64(1), channels, x.size)
    if count <= 1:
        max_lines(y, x, window, zero, zero, lines, zero, channels)
        return
    for index in prange(count):
        first, last, channel, wide = part(np.int64(index), lines, channels, height, breadth)
        max_lines(y, x, window, zero, first, last, channel, wide)


@kernel
def max_pool2d_backward(dx, dy, x, window):
    """dx = dy at the largest pixel of each window, 0 elsewhere."""
    if not fits(dy, x, window) or dx.shape != x.shape:
        raise ValueError("max_pool2d_backward: the shapes of dx, dy, x (n, h, w, c) and the window do not fit")
    if window.kernel_h * window.kernel_w > COUNTABLE:
        raise ValueError("max_pool2d_backward: the window has more than 2**24 pixels")
    apart = lie_apart(dy, dx, window)
    lines, channels, zero = dy.shape[0] * dy.shape[1], dy.shape[3], np.int64(0)
    count, height, breadth = cut(lines, 1 if apart else dy.shape[1], channels, dx.size)
    if count <= 1:
        max_gradient_lines(dx, dy, x, window, zero, apart, zero, lines, zero, channels)
        return
    for index in prange(count):
        first, last, channel, wide = part(np.int64(index), lines, channels, height, breadth)
        max_gradient_lines(dx, dy, x, window, zero, apart, first, last, channel, wide)


@kernel
def avg_pool2d_forward(y, x, window, count_padding):
    """y = the mean pixel of each window, channel by channel."""
    if not fits(y, x, window):
        raise ValueError("avg_pool2d_forward: the shapes of y, x (n, h, w, c) and the window do not fit")
    divisor = window.kernel_h * window.kernel_w if count_padding else IN_WINDOW
    lines, channels, zero = y.shape[0] * y.shape[1], y.shape[3], np.int64(0)
    count, height, breadth = cut(lines, np.int64(1), channels, x.size)
    if count <= 1:
        mean_lines(y, x, window, divisor, zero, lines, zero, channels)
        return
    for index in prange(count):
        first, last, channel, wide = part(np.int64(index), lines, channels, height, breadth)
        mean_lines(y, x, window, divisor, first, last, channel, wide)


@kernel
def avg_pool2d_backward(dx, dy, window, count_padding):
    """dx = an equal share of the dy of each window that the pixel is in."""
    if not fits(dy, dx, window):
        raise ValueError("avg_pool2d_backward: the shapes of dx, dy (n, h, w, c) and the window do not fit")
    divisor = window.kernel_h * window.kernel_w if count_padding else IN_WINDOW
    apart = lie_apart(dy, dx, window)
    lines, channels, zero = dy.shape[0] * dy.shape[1], dy.shape[3], np.int64(0)
    count, height, breadth = cut(lines, 1 if apart else dy.shape[1], channels, dx.size)
    if count <= 1:
        mean_gradient_lines(dx, dy, dx, window, divisor, apart, zero, lines, zero, channels)
        return
    for index in prange(count):
        first, last, channel, wide = part(np.int64(index), lines, channels, height, breadth)
        mean_gradient_lines(dx, dy, dx, window, divisor, apart, first, last, channel, wide)
