"""Where branches meet: their sum, with an activation, their mean, and arrays side by side along the last axis.

All outputs are overwritten (`=`). `add_activation` and `scale` may write into an input. `copy_columns` leaves the
other columns of y as they are; one call for each branch puts arrays side by side, or takes them apart again.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.codes import RELU, SIGMOID, TANH
from numbanet.kernels.cpu.elementwise import CHUNK, chunks, is_small, span
from numbanet.kernels.cpu.vectormath import sigmoid, tanh
from numbanet.kernels.jit import helper, kernel


@helper
def add_and_activate(y, a, b, activation):
    """One chunk of add_activation."""
    zero = y.dtype.type(0)
    if activation == RELU:
        for i in range(y.size):
            total = a[i] + b[i]
            y[i] = zero if total < zero else total
    elif activation == SIGMOID:
        for i in range(y.size):
            y[i] = sigmoid(a[i] + b[i])
    elif activation == TANH:
        for i in range(y.size):
            y[i] = tanh(a[i] + b[i])
    else:
        for i in range(y.size):
            y[i] = a[i] + b[i]


@kernel
def add_activation(y, a, b, activation):
    """y = activation(a + b), with `activation` one of codes.FUSED; all flat."""
    if a.size != y.size or b.size != y.size:
        raise ValueError("add_activation: y, a and b differ in size")
    if is_small(y.size):
        add_and_activate(y, a, b, activation)
        return
    for index in prange(chunks(y.size)):
        start, stop = span(index, y.size)
        add_and_activate(y[start:stop], a[start:stop], b[start:stop], activation)


@helper
def multiply(y, x, factor):
    """One chunk of scale."""
    for i in range(y.size):
        y[i] = x[i] * factor


@kernel
def scale(y, x, factor):
    """y = x * factor, such as a sum's share for a mean; both flat."""
    if x.size != y.size:
        raise ValueError("scale: y and x differ in size")
    number = x.dtype.type(factor)
    if is_small(y.size):
        multiply(y, x, number)
        return
    for index in prange(chunks(y.size)):
        start, stop = span(index, y.size)
        multiply(y[start:stop], x[start:stop], number)


@helper
def copy_rows(y, x, y_first, x_first, columns, first, stop):
    """The rows from `first` to before `stop`."""
    for i in range(first, stop):
        out, row = y[i, y_first : y_first + columns], x[i, x_first : x_first + columns]
        for j in range(row.size):
            out[j] = row[j]


@kernel
def copy_columns(y, x, y_first, x_first, columns):
    """y[:, y_first : y_first + columns] = x[:, x_first : x_first + columns]; y (n, p) and x (n, q), not one array."""
    n = x.shape[0]
    inside = min(y_first, x_first, columns) >= 0 and y_first + columns <= y.shape[1] and x_first + columns <= x.shape[1]
    if y.shape[0] != n or not inside:
        raise ValueError("copy_columns: y (n, p) and x (n, q) differ in rows, or have not so many columns")
    if is_small(n * columns):
        copy_rows(y, x, y_first, x_first, columns, 0, n)
        return
    height = max(1, CHUNK // columns)
    for index in prange((n + height - 1) // height):
        first = np.int64(index) * height
        copy_rows(y, x, y_first, x_first, columns, first, min(first + height, n))
