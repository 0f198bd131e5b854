"""Images made larger or smaller without a look at them: borders of zeros, and pixels repeated.

All outputs are overwritten (`=`). Images are (n, h, w, c).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.pool import cut, mean_gradient_lines, mean_lines, part
from numbanet.kernels.geometry import Window
from numbanet.kernels.jit import helper, kernel


@helper
def pad_line(y, x, left):
    """One row of pixels: y[j] = x[j - left], or 0 where x has no such pixel."""
    zero, c = y.dtype.type(0), y.shape[1]
    begin = min(max(left, 0), y.shape[0])
    end = max(begin, min(y.shape[0], x.shape[0] + left))
    out, row = y.reshape(-1), x.reshape(-1)
    out[: begin * c] = zero
    out[end * c :] = zero
    inside, source = out[begin * c : end * c], row[max(begin - left, 0) * c :]
    for k in range(inside.size):
        inside[k] = source[k]


@helper
def pad_lines(y, x, top, left, first, last):
    """Rows `first` to `last` - 1 of y's images, counted through all of them."""
    for line in range(first, last):
        image, i = line // y.shape[1], line % y.shape[1]
        if 0 <= i - top < x.shape[1]:
            pad_line(y[image, i], x[image, i - top], left)
        else:
            y[image, i].reshape(-1)[:] = y.dtype.type(0)


@kernel
def pad2d(y, x, top, left):
    """y[:, i, j] = x[:, i - top, j - left], or 0 where x has no such pixel.

    Numbers above zero put a border around x; below zero they cut one off, as the gradient does.
    """
    if y.shape[0] != x.shape[0] or y.shape[3] != x.shape[3]:
        raise ValueError("pad2d: y and x (n, h, w, c) must have the same n and c")
    lines, one = y.shape[0] * y.shape[1], np.int64(1)
    count, height, _ = cut(lines, one, one, y.size)
    if count <= 1:
        pad_lines(y, x, top, left, np.int64(0), lines)
        return
    for index in prange(count):
        first = np.int64(index) * height
        pad_lines(y, x, top, left, first, min(first + height, lines))


@helper
def repeats(large, small):
    """How often, (down, across), a pixel of the small image stands in the large one; (0, 0) if the shapes differ."""
    (n, h, w, c), (m, k, j, d) = large.shape, small.shape
    fits = n == m and c == d and k > 0 and j > 0 and h >= k and w >= j and h % k == 0 and w % j == 0
    return (h // k, w // j) if fits else (0, 0)


@kernel
def upsample2d_forward(y, x):
    """Each pixel of x as often, down and across, as y is larger: the nearest neighbour."""
    down, across = repeats(y, x)
    if down == 0:
        raise ValueError("upsample2d_forward: y (n, h * k, w * l, c) must be a multiple of x (n, h, w, c)")
    one, zero = np.int64(1), np.int64(0)
    window = Window(down, across, down, across, one, one, zero, zero)
    lines, channels = x.shape[0] * x.shape[1], x.shape[3]
    count, height, breadth = cut(lines, one, channels, y.size)
    if count <= 1:
        mean_gradient_lines(y, x, y, window, one, True, zero, lines, zero, channels)
        return
    for index in prange(count):
        first, last, channel, wide = part(np.int64(index), lines, channels, height, breadth)
        mean_gradient_lines(y, x, y, window, one, True, first, last, channel, wide)


@kernel
def upsample2d_backward(dx, dy):
    """Each pixel of dx is the sum of those of dy that it became."""
    down, across = repeats(dy, dx)
    if down == 0:
        raise ValueError("upsample2d_backward: dy (n, h * k, w * l, c) must be a multiple of dx (n, h, w, c)")
    one, zero = np.int64(1), np.int64(0)
    window = Window(down, across, down, across, one, one, zero, zero)
    lines, channels = dx.shape[0] * dx.shape[1], dx.shape[3]
    count, height, breadth = cut(lines, one, channels, dy.size)
    if count <= 1:
        mean_lines(dx, dy, window, one, zero, lines, zero, channels)
        return
    for index in prange(count):
        first, last, channel, wide = part(np.int64(index), lines, channels, height, breadth)
        mean_lines(dx, dy, window, one, first, last, channel, wide)
