"""Softmax and log-softmax over the last axis, forward and backward.

All outputs are overwritten (`=`). Arrays are (n, classes).
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import CHUNK
from numbanet.kernels.cpu.vectormath import exp, log_share
from numbanet.kernels.jit import helper, kernel


@helper
def row_blocks(rows, columns):
    """(blocks, rows in a block) to cut `rows` rows into chunks of about the usual size."""
    height = max(1, CHUNK // max(1, columns))
    return (rows + height - 1) // height, height


@helper
def largest(row):
    """The largest element of a row; a NaN in it wins."""
    top = row[0]
    for j in range(1, row.size):
        top = row[j] if not row[j] <= top else top
    return top


@helper
def shifted_exp_sum(out, row, top):
    """out = e^(row - top); returns its sum. For top = inf (or -inf) the result is NaN, as it must be."""
    total = row.dtype.type(0)
    for j in range(row.size):
        out[j] = exp(row[j] - top)
    for j in range(row.size):
        total += out[j]
    return total


@kernel
def softmax_forward(y, x):
    """y[i] = e^x[i] / sum e^x[i]."""
    if y.shape != x.shape or x.shape[1] == 0:
        raise ValueError("softmax_forward: y and x must have the same shape (n, classes), with classes > 0")
    blocks, height = row_blocks(x.shape[0], x.shape[1])
    for index in prange(blocks):
        block = np.int64(index)
        for i in range(block * height, min((block + 1) * height, x.shape[0])):
            row = y[i]
            total = shifted_exp_sum(row, x[i], largest(x[i]))
            for j in range(row.size):
                row[j] /= total


@kernel
def softmax_backward(dx, dy, y):
    """dx = y (dy - sum(dy y))."""
    if dx.shape != y.shape or dy.shape != y.shape:
        raise ValueError("softmax_backward: dx, dy and y must have the same shape")
    blocks, height = row_blocks(y.shape[0], y.shape[1])
    for index in prange(blocks):
        block = np.int64(index)
        for i in range(block * height, min((block + 1) * height, y.shape[0])):
            row, gradient, result = y[i], dy[i], dx[i]
            dot = row.dtype.type(0)
            for j in range(row.size):
                dot += row[j] * gradient[j]
            for j in range(row.size):
                result[j] = row[j] * (gradient[j] - dot)


@kernel
def log_softmax_forward(y, x):
    """y[i] = x[i] - log(sum e^x[i])."""
    if y.shape != x.shape or x.shape[1] == 0:
        raise ValueError("log_softmax_forward: y and x must have the same shape (n, classes), with classes > 0")
    blocks, height = row_blocks(x.shape[0], x.shape[1])
    for index in prange(blocks):
        block = np.int64(index)
        for i in range(block * height, min((block + 1) * height, x.shape[0])):
            row, source = y[i], x[i]
            top = largest(source)
            shift = row.dtype.type(math.log(sum_of_exp(source, top)))
            for j in range(row.size):
                row[j] = log_share(source[j], top, shift)


@helper
def sum_of_exp(row, top):
    """The sum of e^(row - top)."""
    total = row.dtype.type(0)
    for j in range(row.size):
        total += exp(row[j] - top)
    return total


@kernel
def log_softmax_backward(dx, dy, y):
    """dx = dy - e^y sum(dy)."""
    if dx.shape != y.shape or dy.shape != y.shape:
        raise ValueError("log_softmax_backward: dx, dy and y must have the same shape")
    blocks, height = row_blocks(y.shape[0], y.shape[1])
    for index in prange(blocks):
        block = np.int64(index)
        for i in range(block * height, min((block + 1) * height, y.shape[0])):
            row, gradient, result = y[i], dy[i], dx[i]
            total = row.dtype.type(0)
            for j in range(row.size):
                total += gradient[j]
            for j in range(row.size):
                result[j] = gradient[j] - exp(row[j]) * total
