"""Batch normalization: y = activation((x - mean) / sqrt(variance + epsilon) gamma + beta), for each channel.

Ioffe and Szegedy, arXiv 1502.03167. Training takes the fewest passes over memory there can be: one over x for the
moments, one for y; one over x and dy for dgamma and dbeta, which are also the two sums that dx needs, and one for dx.

Outputs are overwritten (`=`), running_mean and running_variance updated. Shapes: x, y and their gradients (n, c), n
counting examples and pixels alike; everything else (c,). `activation` is one of codes.FUSED; backward reads y for
sigmoid and tanh alone. `scratch` has geometry.batch_norm_scratch(c) elements, whose contents do not matter.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.channels import (
    add_parts,
    combine_gradients,
    inverse_root,
    lay_out,
    normalize_rows,
    parts_of,
    sum_gradients,
    sum_moments,
    wide_portion,
    wide_row,
)
from numbanet.kernels.cpu.elementwise import chunks, is_small
from numbanet.kernels.geometry import BATCH_NORM_ROWS, ROW_PARTS
from numbanet.kernels.jit import exact_helper, helper, kernel

SAMPLE = 16  # rows, spread evenly, whose mean is the pivot
FAR = 16.0  # squared standard deviations from the mean at which a pivot costs more than a digit


@helper
def check_channels(x, a, b, c, d, scratch):
    """Raise unless four arrays of a number for each channel, and the scratch, fit x."""
    channels = x.shape[1]
    if channels == 0 or a.size != channels or b.size != channels or c.size != channels or d.size != channels:
        raise ValueError("batch_norm: mean, variance, gamma, beta and their like must be (c,) for x (n, c)")
    if scratch.size < BATCH_NORM_ROWS * wide_row(channels):
        raise ValueError("batch_norm: scratch must have geometry.batch_norm_scratch(c) elements")


@helper
def wide_rows(scratch, channels):
    """The scratch as wide rows: three for each part, and five for what there is one of for each channel."""
    width = wide_row(channels)
    rows = scratch[: BATCH_NORM_ROWS * width].reshape((BATCH_NORM_ROWS, width))
    return rows[:ROW_PARTS], rows[ROW_PARTS : 2 * ROW_PARTS], rows[2 * ROW_PARTS : 3 * ROW_PARTS], rows[3 * ROW_PARTS :]


@exact_helper
def sample_mean(mean, x):
    """mean = that of some rows of x. The first row is taken off, so that a constant comes out as itself."""
    first, step = x[0], (x.shape[0] + SAMPLE - 1) // SAMPLE
    count = x.dtype.type((x.shape[0] + step - 1) // step)
    mean[:] = 0
    for i in range(0, x.shape[0], step):
        row = x[i]
        for j in range(mean.size):
            mean[j] += row[j] - first[j]
    for j in range(mean.size):
        mean[j] = first[j] + mean[j] / count


@helper
def finish_moments(mean, variance, sums, squares, n):
    """Variance, and mean out of the pivot, from the sums; returns whether a pivot was too far from its mean."""
    far = False
    for j in range(mean.size):
        distance = np.float64(sums[j]) / n
        spread = np.float64(squares[j]) / n - distance * distance
        if distance * distance > FAR * spread:
            far = True
        mean[j] = np.float64(mean[j]) + distance
        variance[j] = 0.0 if spread < 0 else spread
    return far


@helper
def update_running(running_mean, running_variance, mean, variance, momentum, n):
    """running = (1 - momentum) running + momentum new, where the variance is that of the population, with n - 1."""
    for j in range(mean.size):
        population = variance[j] * (n / (n - 1.0))
        running_mean[j] = (1.0 - momentum) * running_mean[j] + momentum * mean[j]
        running_variance[j] = (1.0 - momentum) * running_variance[j] + momentum * population


@kernel
def batch_norm_moments(mean, variance, running_mean, running_variance, x, momentum, scratch):
    """mean and variance = those of the n rows; running = (1 - momentum) running + momentum new, for both.

    What goes into the running variance is the estimate for the population, with n - 1, as in PyTorch.
    """
    n, channels = x.shape
    check_channels(x, mean, variance, running_mean, running_variance, scratch)
    if n < 2:
        raise ValueError("batch_norm_moments: one row has no variance: x must have two rows or more")
    sums, squares, _, constants = wide_rows(scratch, channels)
    flat, parts, pivot = x.reshape(-1), parts_of(x.size), constants[0]
    sample_mean(mean, x)
    for _ in range(2):
        lay_out(pivot, mean)
        if parts == 1:
            sum_moments(sums[0], squares[0], flat, pivot, channels)
        else:
            for index in prange(parts):
                start, stop = wide_portion(index, parts, flat.size, pivot.size)
                sum_moments(sums[index], squares[index], flat[start:stop], pivot, channels)
            add_parts(sums, parts, channels)
            add_parts(squares, parts, channels)
        # Should the sample have been an odd one, then once more around the mean itself.
        if not finish_moments(mean, variance, sums[0], squares[0], n):
            break
    update_running(running_mean, running_variance, mean, variance, momentum, n)


@helper
def lay_out_affine(constants, mean, variance, gamma, beta, epsilon):
    """constants[:3] = mean, scale and shift; returns them."""
    means, scale, shift = constants[0], constants[1], constants[2]
    for j in range(gamma.size):
        scale[j] = gamma[j] * inverse_root(variance[j], epsilon)
    lay_out(means, mean)
    lay_out(scale, scale[: gamma.size])
    lay_out(shift, beta)
    return means, scale, shift


@kernel
def batch_norm_forward(y, x, mean, variance, gamma, beta, epsilon, activation, scratch):
    """y = activation((x - mean) / sqrt(variance + epsilon) gamma + beta), with the batch's or the running moments."""
    check_channels(x, mean, variance, gamma, beta, scratch)
    if y.shape != x.shape:
        raise ValueError("batch_norm_forward: y must have the shape of x (n, c)")
    _, _, _, constants = wide_rows(scratch, gamma.size)
    means, scale, shift = lay_out_affine(constants, mean, variance, gamma, beta, epsilon)
    y_flat, x_flat = y.reshape(-1), x.reshape(-1)
    if is_small(x.size):
        normalize_rows(y_flat, x_flat, means, scale, shift, activation)
        return
    parts = chunks(x.size)
    for index in prange(parts):
        start, stop = wide_portion(index, parts, x_flat.size, means.size)
        normalize_rows(y_flat[start:stop], x_flat[start:stop], means, scale, shift, activation)


@kernel
def batch_norm_backward_params(dgamma, dbeta, dy, x, y, mean, variance, gamma, beta, epsilon, activation, scratch):
    """dbeta = the sum over the rows of dz; dgamma = that of dz (x - mean) / sqrt(variance + epsilon).

    dz is the gradient before the activation. The same for the batch's moments and for the running ones.
    """
    check_channels(x, mean, variance, gamma, beta, scratch)
    check_channels(x, dgamma, dbeta, gamma, beta, scratch)
    if dy.shape != x.shape or y.shape != x.shape:
        raise ValueError("batch_norm_backward_params: dy and y must have the shape of x (n, c)")
    channels, parts = gamma.size, parts_of(x.size)
    sums, products, room, constants = wide_rows(scratch, channels)
    means, scale, shift = lay_out_affine(constants, mean, variance, gamma, beta, epsilon)
    dy_flat, x_flat, y_flat = dy.reshape(-1), x.reshape(-1), y.reshape(-1)
    if parts == 1:
        sum_gradients(sums[0], products[0], room[0], dy_flat, x_flat, y_flat, means, scale, shift, activation, channels)
    else:
        for index in prange(parts):
            start, stop = wide_portion(index, parts, x_flat.size, means.size)
            sum_gradients(
                sums[index], products[index], room[index], dy_flat[start:stop], x_flat[start:stop],
                y_flat[start:stop], means, scale, shift, activation, channels,
            )  # fmt: skip
        add_parts(sums, parts, channels)
        add_parts(products, parts, channels)
    for j in range(channels):
        dbeta[j] = sums[0, j]
        dgamma[j] = products[0, j] * inverse_root(variance[j], epsilon)


@kernel
def batch_norm_backward_input(
    dx, dy, x, y, mean, variance, gamma, beta, dgamma, dbeta, epsilon, activation, train, scratch
):
    """dx = (dz - (dbeta + dgamma xhat) / n) gamma / sqrt(variance + epsilon), xhat being x normalized.

    dgamma and dbeta are those of `batch_norm_backward_params`. Unless `train`, mean and variance are constants, and
    the two sums fall away.
    """
    check_channels(x, mean, variance, gamma, beta, scratch)
    check_channels(x, dgamma, dbeta, gamma, beta, scratch)
    if dx.shape != x.shape or dy.shape != x.shape or y.shape != x.shape:
        raise ValueError("batch_norm_backward_input: dx, dy and y must have the shape of x (n, c)")
    _, _, room, constants = wide_rows(scratch, gamma.size)
    means, scale, shift = lay_out_affine(constants, mean, variance, gamma, beta, epsilon)
    slope, offset = constants[3], constants[4]
    share = (1.0 if train else 0.0) / max(1, x.shape[0])
    for j in range(gamma.size):
        inverse = inverse_root(variance[j], epsilon)
        slope[j] = -share * gamma[j] * inverse * inverse * dgamma[j]
        offset[j] = -share * gamma[j] * inverse * dbeta[j]
    lay_out(slope, slope[: gamma.size])
    lay_out(offset, offset[: gamma.size])
    dx_flat, dy_flat, x_flat, y_flat = dx.reshape(-1), dy.reshape(-1), x.reshape(-1), y.reshape(-1)
    parts = parts_of(x.size)
    if parts == 1:
        combine_gradients(dx_flat, room[0], dy_flat, x_flat, y_flat, means, scale, shift, slope, offset, activation)
        return
    for index in prange(parts):
        start, stop = wide_portion(index, parts, x_flat.size, means.size)
        combine_gradients(
            dx_flat[start:stop], room[index], dy_flat[start:stop], x_flat[start:stop], y_flat[start:stop], means,
            scale, shift, slope, offset, activation,
        )  # fmt: skip
