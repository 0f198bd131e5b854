"""Pooling over images x (n, h, w, c) -> y (n, oh, ow, c), and its gradients. Outputs are overwritten (`=`).

`window` is a geometry.Window without dilation. Padding is never the largest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from numbanet.kernels.geometry import Window
from numbanet.kernels.reference.arrays import Array, quiet, wide

Place = tuple[slice, int, int]  # in y: all images, a row, a column
Pixels = tuple[slice, slice, slice]  # in x: all images, the rows and the columns of the window


def _windows(y: Array, x: Array, window: Window) -> Iterator[tuple[Place, Pixels]]:
    """Each place in y with the pixels of x under its window."""

    def pixels(i: int, stride: int, before: int, kernel: int, size: int) -> slice:
        start = i * stride - before
        return slice(max(start, 0), min(start + kernel, size))

    every = slice(None)
    for i in range(y.shape[1]):
        rows = pixels(i, window.stride_h, window.top, window.kernel_h, x.shape[1])
        for j in range(y.shape[2]):
            columns = pixels(j, window.stride_w, window.left, window.kernel_w, x.shape[2])
            yield (every, i, j), (every, rows, columns)


@quiet
def max_pool2d_forward(y: Array, x: Array, window: Window) -> None:
    """y = the largest pixel of each window; NaN where one of them is NaN."""
    for place, pixels in _windows(y, x, window):
        y[place] = np.max(x[pixels], axis=(1, 2))


@quiet
def max_pool2d_backward(dx: Array, dy: Array, x: Array, window: Window) -> None:
    """dx = dy at the first of the largest pixels of each window (the first NaN, if there is one), 0 elsewhere."""
    total = np.zeros(dx.shape)
    for place, pixels in _windows(dy, x, window):
        part = total[pixels]
        n, height, width, c = part.shape
        first = np.argmax(x[pixels].reshape(n, height * width, c), axis=1)  # to argmax, too, NaN is the largest
        images, channels = np.ogrid[:n, :c]
        part[images, first // width, first % width, channels] += wide(dy[place])
    dx[...] = total


def _divisor(pixels: NDArray[np.float64], window: Window, count_padding: bool) -> int:
    """What the mean over these pixels (n, rows, columns, c) divides by."""
    return window.kernel_h * window.kernel_w if count_padding else pixels.shape[1] * pixels.shape[2]


@quiet
def avg_pool2d_forward(y: Array, x: Array, window: Window, count_padding: bool) -> None:
    """y = the mean pixel of each window: over its pixels on the image, or, `count_padding`, over all of it."""
    for place, pixels in _windows(y, x, window):
        part = wide(x[pixels])
        y[place] = part.sum(axis=(1, 2)) / _divisor(part, window, count_padding)


@quiet
def avg_pool2d_backward(dx: Array, dy: Array, window: Window, count_padding: bool) -> None:
    """dx = the sum, over the windows that a pixel is in, of dy over what their mean divides by."""
    total = np.zeros(dx.shape)
    for place, pixels in _windows(dy, dx, window):
        part = total[pixels]
        part += wide(dy[place])[:, None, None] / _divisor(part, window, count_padding)
    dx[...] = total
