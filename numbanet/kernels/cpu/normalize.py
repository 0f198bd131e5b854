"""Normalization of data by a fixed mean and standard deviation for each feature.

All outputs are overwritten (`=`). x, y (n, features); mean, inverse_std (features,).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import CHUNK
from numbanet.kernels.jit import kernel


@kernel
def normalize(y, x, mean, inverse_std):
    """y = (x - mean) * inverse_std."""
    if y.shape != x.shape or mean.size != x.shape[1] or inverse_std.size != x.shape[1]:
        raise ValueError("normalize: the shapes of y, x (n, f), mean and inverse_std (f,) do not fit")
    height = max(1, CHUNK // max(1, x.shape[1]))
    for index in prange((x.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, x.shape[0])):
            out, row = y[i], x[i]
            for j in range(row.size):
                out[j] = (row[j] - mean[j]) * inverse_std[j]


@kernel
def normalize_backward(dx, dy, inverse_std):
    """dx = dy * inverse_std."""
    if dx.shape != dy.shape or inverse_std.size != dy.shape[1]:
        raise ValueError("normalize_backward: the shapes of dx, dy (n, f) and inverse_std (f,) do not fit")
    height = max(1, CHUNK // max(1, dy.shape[1]))
    for index in prange((dy.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, dy.shape[0])):
            out, row = dx[i], dy[i]
            for j in range(row.size):
                out[j] = row[j] * inverse_std[j]
