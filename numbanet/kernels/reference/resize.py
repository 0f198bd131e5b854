"""Zero padding and nearest-neighbour upsampling of images (n, h, w, c). Outputs are overwritten (`=`)."""

from __future__ import annotations

import numpy as np

from numbanet.kernels.reference.arrays import Array, quiet, wide


@quiet
def pad2d(y: Array, x: Array, top: int, left: int) -> None:
    """y[:, i, j] = x[:, i - top, j - left], or 0 where x has no such pixel; top and left of any sign."""
    y[...] = 0
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            if 0 <= i - top < x.shape[1] and 0 <= j - left < x.shape[2]:
                y[:, i, j] = x[:, i - top, j - left]


@quiet
def upsample2d_forward(y: Array, x: Array) -> None:
    """y (n, h * k, w * l, c): each pixel of x (n, h, w, c) k times down and l times across."""
    y[...] = x.repeat(y.shape[1] // x.shape[1], axis=1).repeat(y.shape[2] // x.shape[2], axis=2)


@quiet
def upsample2d_backward(dx: Array, dy: Array) -> None:
    """dx (n, h, w, c) = the sums of dy (n, h * k, w * l, c) over each pixel's k x l copies."""
    n, h, w, c = dx.shape
    dx[...] = np.sum(wide(dy).reshape(n, h, dy.shape[1] // h, w, dy.shape[2] // w, c), axis=(2, 4))
