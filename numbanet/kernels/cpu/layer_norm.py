"""Normalization of each row by itself, with a scale for each of its columns.

    layer_norm   y = (x - mean) / sqrt(variance + epsilon) gamma + beta      Ba et al., arXiv 1607.06450
    rms_norm     y = x / sqrt(mean of x^2 + epsilon) gamma                   Zhang and Sennrich, arXiv 1910.07467

A row is in the cache when it is read again, so forward is one pass over memory, and so is backward.

All outputs are overwritten (`=`). Shapes: x, y and their gradients (n, c); mean, inverse_std and inverse_rms, which
forward hands to backward, (n,); gamma, beta and their gradients (c,). `scratch` has geometry.layer_norm_scratch(c)
elements, whose contents do not matter.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.channels import add_parts, inverse_root, parts_of, portion
from numbanet.kernels.cpu.elementwise import is_small
from numbanet.kernels.cpu.softmax import row_blocks
from numbanet.kernels.cpu.vectormath import minus
from numbanet.kernels.geometry import ROW_PARTS
from numbanet.kernels.jit import helper, kernel


@helper
def check_rows(x, statistic, gamma, beta):
    """Raise unless what there is for each row and for each column fits x."""
    n, channels = x.shape
    if channels == 0 or statistic.size != n or gamma.size != channels or beta.size != channels:
        raise ValueError(
            "layer_norm, rms_norm: mean and inverse_std or inverse_rms must be (n,), gamma, beta and their gradients "
            "(c,), for x (n, c) with c > 0"
        )


@helper
def check_scratch(scratch, channels):
    if scratch.size < 2 * ROW_PARTS * channels:
        raise ValueError("layer_norm, rms_norm: scratch must have geometry.layer_norm_scratch(c) elements")


@helper
def layer_norm_rows(y, mean, inverse_std, x, gamma, beta, epsilon):
    """layer_norm_forward of some rows."""
    for i in range(x.shape[0]):
        row, out = x[i], y[i]
        first, total, squares = row[0], row.dtype.type(0), row.dtype.type(0)
        for j in range(row.size):
            total += minus(row[j], first)  # so that a constant row has exactly itself as its mean
        centre = row.dtype.type(first + total / row.size)
        for j in range(row.size):
            d = minus(row[j], centre)
            squares += d * d
        inverse = row.dtype.type(inverse_root(squares / row.size, epsilon))
        for j in range(row.size):
            out[j] = minus(row[j], centre) * inverse * gamma[j] + beta[j]
        mean[i], inverse_std[i] = centre, inverse


@kernel
def layer_norm_forward(y, mean, inverse_std, x, gamma, beta, epsilon):
    """y = (x - mean) inverse_std gamma + beta; inverse_std = 1 / sqrt(variance + epsilon)."""
    check_rows(x, mean, gamma, beta)
    if y.shape != x.shape or inverse_std.size != mean.size:
        raise ValueError("layer_norm_forward: y must have the shape of x (n, c), inverse_std that of mean (n,)")
    if is_small(x.size):
        layer_norm_rows(y, mean, inverse_std, x, gamma, beta, epsilon)
        return
    blocks, height = row_blocks(x.shape[0], x.shape[1])
    for index in prange(blocks):
        i = np.int64(index) * height
        layer_norm_rows(
            y[i : i + height], mean[i : i + height], inverse_std[i : i + height], x[i : i + height], gamma, beta,
            epsilon,
        )  # fmt: skip


@helper
def layer_norm_gradients(dx, dgamma, dbeta, dy, x, mean, inverse_std, gamma):
    """dx of some rows, and their sums."""
    dgamma[:] = 0
    dbeta[:] = 0
    share = x.dtype.type(1.0 / x.shape[1])
    for i in range(x.shape[0]):
        row, gradient, out, centre, inverse = x[i], dy[i], dx[i], mean[i], inverse_std[i]
        by_mean, by_variance = row.dtype.type(0), row.dtype.type(0)
        for j in range(row.size):
            d, xhat = gradient[j], minus(row[j], centre) * inverse
            dgamma[j] += d * xhat
            dbeta[j] += d
            by_mean += d * gamma[j]
            by_variance += d * gamma[j] * xhat
        by_mean *= share
        by_variance *= share
        for j in range(row.size):
            xhat = minus(row[j], centre) * inverse
            out[j] = (gradient[j] * gamma[j] - by_mean - xhat * by_variance) * inverse


@kernel
def layer_norm_backward(dx, dgamma, dbeta, dy, x, mean, inverse_std, gamma, scratch):
    """dbeta = the sum of dy over the rows, dgamma that of dy xhat.

    dx = (g - the row's mean of g - xhat times the row's mean of g xhat) inverse_std, where g = dy gamma.
    """
    check_rows(x, mean, gamma, gamma)
    check_rows(x, inverse_std, dgamma, dbeta)
    check_scratch(scratch, gamma.size)
    if dx.shape != x.shape or dy.shape != x.shape:
        raise ValueError("layer_norm_backward: dx and dy must have the shape of x (n, c)")
    n, channels = x.shape
    parts = min(max(1, n), parts_of(x.size))
    if parts == 1:
        layer_norm_gradients(dx, dgamma, dbeta, dy, x, mean, inverse_std, gamma)
        return
    sums = scratch[: 2 * ROW_PARTS * channels].reshape((2, ROW_PARTS, channels))
    for index in prange(parts):
        i, end = portion(index, parts, n)
        layer_norm_gradients(
            dx[i:end], sums[0, index], sums[1, index], dy[i:end], x[i:end], mean[i:end], inverse_std[i:end], gamma
        )
    add_parts(sums[0], parts, channels)
    add_parts(sums[1], parts, channels)
    for j in range(channels):
        dgamma[j] = sums[0, 0, j]
        dbeta[j] = sums[1, 0, j]


@helper
def rms_norm_rows(y, inverse_rms, x, gamma, epsilon):
    """rms_norm_forward of some rows."""
    for i in range(x.shape[0]):
        row, out = x[i], y[i]
        squares = row.dtype.type(0)
        for j in range(row.size):
            squares += row[j] * row[j]
        inverse = row.dtype.type(inverse_root(squares / row.size, epsilon))
        for j in range(row.size):
            out[j] = row[j] * inverse * gamma[j]
        inverse_rms[i] = inverse


@kernel
def rms_norm_forward(y, inverse_rms, x, gamma, epsilon):
    """y = x inverse_rms gamma; inverse_rms = 1 / sqrt(the row's mean of x^2 + epsilon)."""
    check_rows(x, inverse_rms, gamma, gamma)
    if y.shape != x.shape:
        raise ValueError("rms_norm_forward: y must have the shape of x (n, c)")
    if is_small(x.size):
        rms_norm_rows(y, inverse_rms, x, gamma, epsilon)
        return
    blocks, height = row_blocks(x.shape[0], x.shape[1])
    for index in prange(blocks):
        i = np.int64(index) * height
        rms_norm_rows(y[i : i + height], inverse_rms[i : i + height], x[i : i + height], gamma, epsilon)


@helper
def rms_norm_gradients(dx, dgamma, dy, x, inverse_rms, gamma):
    """dx of some rows, and their sum."""
    dgamma[:] = 0
    share = x.dtype.type(1.0 / x.shape[1])
    for i in range(x.shape[0]):
        row, gradient, out, inverse = x[i], dy[i], dx[i], inverse_rms[i]
        dot = row.dtype.type(0)
        for j in range(row.size):
            d, xhat = gradient[j], row[j] * inverse
            dgamma[j] += d * xhat
            dot += d * gamma[j] * xhat
        dot *= share
        for j in range(row.size):
            out[j] = (gradient[j] * gamma[j] - row[j] * inverse * dot) * inverse


@kernel
def rms_norm_backward(dx, dgamma, dy, x, inverse_rms, gamma, scratch):
    """dgamma = the sum of dy xhat over the rows; dx = (g - xhat times the row's mean of g xhat) inverse_rms.

    g = dy gamma, and xhat = x inverse_rms.
    """
    check_rows(x, inverse_rms, gamma, dgamma)
    check_scratch(scratch, gamma.size)
    if dx.shape != x.shape or dy.shape != x.shape:
        raise ValueError("rms_norm_backward: dx and dy must have the shape of x (n, c)")
    n, channels = x.shape
    parts = min(max(1, n), parts_of(x.size))
    if parts == 1:
        rms_norm_gradients(dx, dgamma, dy, x, inverse_rms, gamma)
        return
    sums = scratch[: ROW_PARTS * channels].reshape((ROW_PARTS, channels))
    for index in prange(parts):
        i, end = portion(index, parts, n)
        rms_norm_gradients(dx[i:end], sums[index], dy[i:end], x[i:end], inverse_rms[i:end], gamma)
    add_parts(sums, parts, channels)
    for j in range(channels):
        dgamma[j] = sums[0, j]
