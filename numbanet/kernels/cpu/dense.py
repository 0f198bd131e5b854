"""Dense (fully connected) layer: y = activation(x w + b) and its gradients.

All outputs are overwritten (`=`). Shapes: x (n, in), w (in, out), b (out,) or (0,) for no bias, y (n, out).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.codes import RELU, SIGMOID, TANH
from numbanet.kernels.cpu import vectormath
from numbanet.kernels.cpu.elementwise import chunks, is_small, span
from numbanet.kernels.cpu.gemm import divide, multiply_block, rectangle
from numbanet.kernels.cpu.microkernel import VECTORS
from numbanet.kernels.cpu.simd import pointer, shift, vector_lanes
from numbanet.kernels.jit import helper, kernel


@helper
def add_bias_and_activate(y, b, activation):
    """y = activation(y + b), on the part of y that a thread has just computed and still has in its cache."""
    for i in range(y.shape[0]):
        row = y[i]
        if b.size:
            for j in range(row.size):
                row[j] += b[j]
        if activation == RELU:
            for j in range(row.size):
                row[j] = vectormath.number(row[j], 0) if row[j] < 0 else row[j]
        elif activation == SIGMOID:
            for j in range(row.size):
                row[j] = vectormath.sigmoid(row[j])
        elif activation == TANH:
            for j in range(row.size):
                row[j] = vectormath.tanh(row[j])


@helper
def forward_part(y, x, w, b, activation, i, rows, j, columns):
    """y[i : i + rows, j : j + columns]."""
    one, width_in, width_out = np.int64(1), x.shape[1], y.shape[1]
    multiply_block(
        shift(pointer(y), i * width_out + j), width_out, shift(pointer(x), i * width_in), width_in, one,
        shift(pointer(w), j), width_out, one, rows, columns, width_in, 0,
    )  # fmt: skip
    add_bias_and_activate(y[i : i + rows, j : j + columns], b[j : j + columns], activation)


@kernel
def dense_forward(y, x, w, b, activation):
    """y = activation(x @ w + b), with `activation` one of codes.FUSED."""
    (n, width_in), width_out = x.shape, w.shape[1]
    if w.shape[0] != width_in or y.shape != (n, width_out) or (b.size and b.size != width_out):
        raise ValueError("dense_forward: the shapes of y (n, out), x (n, in), w (in, out), b (out,) do not fit")
    tile = VECTORS * vector_lanes(pointer(y))
    row_parts, column_parts = divide(n, width_out, width_in, tile)
    if row_parts * column_parts == 1:
        forward_part(y, x, w, b, activation, 0, n, 0, width_out)
        return
    for index in prange(row_parts * column_parts):
        i, rows, j, columns = rectangle(index, row_parts, column_parts, n, width_out, tile)
        forward_part(y, x, w, b, activation, i, rows, j, columns)


@helper
def chain(dz, dy, y, activation):
    """One chunk of dense_backward_activation."""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    if activation == RELU:
        for i in range(y.size):
            d = dy[i]  # read before the choice, which then is a blend and no branch
            dz[i] = zero if y[i] <= zero else d
    elif activation == SIGMOID:
        for i in range(y.size):
            dz[i] = dy[i] * y[i] * (one - y[i])
    elif activation == TANH:
        for i in range(y.size):
            dz[i] = dy[i] * (one - y[i] * y[i])
    else:
        for i in range(y.size):
            dz[i] = dy[i]


@kernel
def dense_backward_activation(dz, dy, y, activation):
    """dz = dy * activation'(z) for y = activation(z), from y; `activation` one of codes.FUSED, arrays flat.

    What `activation_backward` does for these four, and quicker to compile.
    """
    if dz.size != y.size or dy.size != y.size:
        raise ValueError("dense_backward_activation: dz, dy and y differ in size")
    if is_small(y.size):
        chain(dz, dy, y, activation)
        return
    for index in prange(chunks(y.size)):
        start, stop = span(index, y.size)
        chain(dz[start:stop], dy[start:stop], y[start:stop], activation)


@helper
def backward_input_part(dx, dy, w, i, rows, j, columns):
    """dx[i : i + rows, j : j + columns]."""
    one, width_in, width_out = np.int64(1), dx.shape[1], dy.shape[1]
    multiply_block(
        shift(pointer(dx), i * width_in + j), width_in, shift(pointer(dy), i * width_out), width_out, one,
        shift(pointer(w), j * width_out), one, width_out, rows, columns, width_out, 0,
    )  # fmt: skip


@kernel
def dense_backward_input(dx, dy, w):
    """dx = dy @ w.T."""
    (n, width_out), width_in = dy.shape, w.shape[0]
    if w.shape[1] != width_out or dx.shape != (n, width_in):
        raise ValueError("dense_backward_input: the shapes of dx (n, in), dy (n, out), w (in, out) do not fit")
    tile = VECTORS * vector_lanes(pointer(dx))
    row_parts, column_parts = divide(n, width_in, width_out, tile)
    if row_parts * column_parts == 1:
        backward_input_part(dx, dy, w, 0, n, 0, width_in)
        return
    for index in prange(row_parts * column_parts):
        i, rows, j, columns = rectangle(index, row_parts, column_parts, n, width_in, tile)
        backward_input_part(dx, dy, w, i, rows, j, columns)


@helper
def sum_rows(total, x):
    """total = the sum over x's rows, in the order of the rows."""
    total[:] = 0
    for i in range(x.shape[0]):
        row = x[i]
        for j in range(total.size):
            total[j] += row[j]


@helper
def backward_params_part(dw, db, x, dy, i, rows, j, columns):
    """dw[i : i + rows, j : j + columns]; whoever has the first rows also sums db[j : j + columns]."""
    one, width_in, width_out = np.int64(1), dw.shape[0], dw.shape[1]
    multiply_block(
        shift(pointer(dw), i * width_out + j), width_out, shift(pointer(x), i), one, width_in,
        shift(pointer(dy), j), width_out, one, rows, columns, x.shape[0], 0,
    )  # fmt: skip
    if db.size and i == 0:
        sum_rows(db[j : j + columns], dy[:, j : j + columns])


@kernel
def dense_backward_params(dw, db, x, dy):
    """dw = x.T @ dy; db = the sum of dy's rows (no bias: size 0)."""
    (n, width_in), width_out = x.shape, dy.shape[1]
    if dy.shape[0] != n or dw.shape != (width_in, width_out) or (db.size and db.size != width_out):
        raise ValueError(
            "dense_backward_params: the shapes of dw (in, out), db (out,), x (n, in), dy (n, out) do not fit"
        )
    tile = VECTORS * vector_lanes(pointer(dw))
    row_parts, column_parts = divide(width_in, width_out, n, tile)
    if row_parts * column_parts == 1:
        backward_params_part(dw, db, x, dy, 0, width_in, 0, width_out)
        return
    for index in prange(row_parts * column_parts):
        i, rows, j, columns = rectangle(index, row_parts, column_parts, width_in, width_out, tile)
        backward_params_part(dw, db, x, dy, i, rows, j, columns)
