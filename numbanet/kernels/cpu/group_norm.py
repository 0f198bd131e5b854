"""Group normalization: y = (x - mean) / sqrt(variance + epsilon) gamma + beta, the moments being those of a group.

A group is some neighbouring channels of one example, over all its pixels (Wu and He, arXiv 1803.08494). A thread works
on one example at a time, and what it reads again it finds in its cache: for the mean, for the variance, and for y.

All outputs are overwritten (`=`). Shapes: x, y and their gradients (n, pixels, c); mean and inverse_std, which forward
hands to backward, (n, groups); gamma, beta and their gradients (c,). `scratch` has geometry.group_norm_scratch(c)
elements, whose contents do not matter.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.codes import LINEAR
from numbanet.kernels.cpu.channels import (
    add_parts,
    combine_gradients,
    inverse_root,
    lay_out,
    normalize_rows,
    portion,
    sum_gradients,
    sum_moments,
    wide_row,
)
from numbanet.kernels.cpu.elementwise import is_small
from numbanet.kernels.geometry import GROUP_NORM_ROWS, ROW_PARTS
from numbanet.kernels.jit import helper, kernel


@helper
def check_groups(x, mean, inverse_std, gamma, beta, scratch):
    """Raise unless moments, numbers for each channel and scratch fit x."""
    (n, pixels, channels), groups = x.shape, mean.shape[1]
    if pixels == 0 or mean.shape[0] != n or inverse_std.shape != mean.shape or groups == 0 or channels % groups:
        raise ValueError("group_norm: mean and inverse_std must be (n, groups), x (n, pixels, a multiple of groups)")
    if channels == 0 or gamma.size != channels or beta.size != channels:
        raise ValueError("group_norm: gamma, beta and their gradients must be (c,) for x (n, pixels, c)")
    if scratch.size < GROUP_NORM_ROWS * wide_row(channels):
        raise ValueError("group_norm: scratch must have geometry.group_norm_scratch(c) elements")


@helper
def rooms(scratch, channels):
    """The scratch as wide rows: [what, part], nine for each part."""
    width = wide_row(channels)
    return scratch[: GROUP_NORM_ROWS * width].reshape((GROUP_NORM_ROWS // ROW_PARTS, ROW_PARTS, width))


@helper
def sum_of_group(row, g, size):
    """The sum over the channels of group g, in float64."""
    total = 0.0
    for j in range(g * size, (g + 1) * size):
        total += np.float64(row[j])
    return total


@helper
def lay_out_means(means, mean, channels):
    """means = for each channel the mean of its group."""
    size = channels // mean.size
    for g in range(mean.size):
        of_group = means[g * size : (g + 1) * size]
        for j in range(size):
            of_group[j] = mean[g]
    lay_out(means, means[:channels])


@helper
def lay_out_scale(scale, inverse_std, gamma):
    """scale = gamma over the standard deviation of the channel's group."""
    size = gamma.size // inverse_std.size
    for g in range(inverse_std.size):
        of_group, gammas = scale[g * size : (g + 1) * size], gamma[g * size : (g + 1) * size]
        for j in range(size):
            of_group[j] = inverse_std[g] * gammas[j]
    lay_out(scale, scale[: gamma.size])


@helper
def example_moments(mean, inverse_std, x, epsilon, means, sums, squares, channels):
    """mean and inverse_std (groups,) of one example, and the means laid out."""
    groups = mean.size
    size, count = channels // groups, np.float64(x.size // groups)
    lay_out(means, x[:channels])
    sum_moments(sums, squares, x, means, channels)
    for g in range(groups):  # here each channel's pivot was its own first pixel
        mean[g] = sum_of_group(means, g, size) / size + sum_of_group(sums, g, size) / count
    lay_out_means(means, mean, channels)
    sum_moments(sums, squares, x, means, channels)
    for g in range(groups):
        lost = sum_of_group(sums, g, size) / count  # when the mean was rounded
        variance = sum_of_group(squares, g, size) / count - lost * lost
        inverse_std[g] = inverse_root(0.0 if variance < 0 else variance, epsilon)


@helper
def forward_examples(y, mean, inverse_std, x, gamma, beta, epsilon, room, part):
    """One example after another."""
    means, sums, squares = room[0, part], room[1, part], room[2, part]
    scale, shift = room[3, part], room[4, part]
    lay_out(shift, beta)
    for i in range(x.shape[0]):
        x_flat = x[i].reshape(-1)
        example_moments(mean[i], inverse_std[i], x_flat, epsilon, means, sums, squares, gamma.size)
        lay_out_scale(scale, inverse_std[i], gamma)
        normalize_rows(y[i].reshape(-1), x_flat, means, scale, shift, LINEAR)


@kernel
def group_norm_forward(y, mean, inverse_std, x, gamma, beta, epsilon, scratch):
    """y = (x - mean) inverse_std gamma + beta; inverse_std = 1 / sqrt(variance + epsilon)."""
    check_groups(x, mean, inverse_std, gamma, beta, scratch)
    if y.shape != x.shape:
        raise ValueError("group_norm_forward: y must have the shape of x (n, pixels, c)")
    n, room = x.shape[0], rooms(scratch, gamma.size)
    if is_small(x.size):
        forward_examples(y, mean, inverse_std, x, gamma, beta, epsilon, room, np.int64(0))
        return
    parts = min(ROW_PARTS, n)
    for index in prange(parts):
        i, end = portion(index, parts, n)
        forward_examples(
            y[i:end], mean[i:end], inverse_std[i:end], x[i:end], gamma, beta, epsilon, room, np.int64(index)
        )


@helper
def lay_out_terms(slope, offset, sums, products, inverse_std, gamma, count):
    """What the means over a group take from dx: offset by way of its mean, slope by way of its variance."""
    size = gamma.size // inverse_std.size
    for j in range(gamma.size):
        slope[j] = gamma[j] * products[j]
        offset[j] = gamma[j] * sums[j]
    for g in range(inverse_std.size):
        inverse = np.float64(inverse_std[g])
        by_variance = -(inverse**3) * sum_of_group(slope, g, size) / count
        by_mean = -inverse * sum_of_group(offset, g, size) / count
        for j in range(g * size, (g + 1) * size):
            slope[j] = by_variance
            offset[j] = by_mean
    lay_out(slope, slope[: gamma.size])
    lay_out(offset, offset[: gamma.size])


@helper
def backward_examples(dx, dy, x, mean, inverse_std, gamma, room, part):
    """One example after another; their sums for dgamma and dbeta are left in the first two rows of the part."""
    dgamma, dbeta, means, scale = room[0, part], room[1, part], room[2, part], room[3, part]
    sums, products, slope, offset = room[4, part], room[5, part], room[6, part], room[7, part]
    channels, groups, unused = gamma.size, mean.shape[1], room[8, part]
    size, count = channels // groups, np.float64(x.shape[1] * channels // groups)
    dgamma[:] = 0
    dbeta[:] = 0
    for i in range(x.shape[0]):
        dy_flat, x_flat = dy[i].reshape(-1), x[i].reshape(-1)
        lay_out_means(means, mean[i], channels)
        lay_out_scale(scale, inverse_std[i], gamma)
        sum_gradients(sums, products, unused, dy_flat, x_flat, x_flat, means, scale, scale, LINEAR, channels)
        for g in range(groups):
            for j in range(g * size, (g + 1) * size):
                dbeta[j] += sums[j]
                dgamma[j] += products[j] * inverse_std[i, g]
        lay_out_terms(slope, offset, sums, products, inverse_std[i], gamma, count)
        combine_gradients(
            dx[i].reshape(-1), unused, dy_flat, x_flat, x_flat, means, scale, scale, slope, offset, LINEAR
        )


@kernel
def group_norm_backward(dx, dgamma, dbeta, dy, x, mean, inverse_std, gamma, scratch):
    """dbeta = the sum of dy, dgamma that of dy xhat, over examples and pixels.

    dx = (g - the group's mean of g - xhat times the group's mean of g xhat) inverse_std, where g = dy gamma.
    """
    check_groups(x, mean, inverse_std, gamma, gamma, scratch)
    check_groups(x, mean, inverse_std, dgamma, dbeta, scratch)
    if dy.shape != x.shape or dx.shape != x.shape:
        raise ValueError("group_norm_backward: dx and dy must have the shape of x (n, pixels, c)")
    n, channels = x.shape[0], gamma.size
    room, parts = rooms(scratch, channels), 1 if is_small(x.size) else min(ROW_PARTS, n)
    if parts == 1:
        backward_examples(dx, dy, x, mean, inverse_std, gamma, room, np.int64(0))
    else:
        for index in prange(parts):
            i, end = portion(index, parts, n)
            backward_examples(
                dx[i:end], dy[i:end], x[i:end], mean[i:end], inverse_std[i:end], gamma, room, np.int64(index)
            )
        add_parts(room[0], parts, channels)
        add_parts(room[1], parts, channels)
    for j in range(channels):
        dgamma[j] = room[0, 0, j]
        dbeta[j] = room[1, 0, j]
