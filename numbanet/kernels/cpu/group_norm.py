"""Group normalization: y = (x - mean) / sqrt(variance + epsilon) gamma + beta, the moments being those of a group.

A group is some neighbouring channels of one example, over all its pixels (Wu and He, arXiv 1803.08494). A thread works
on one example at a time, and what it reads again it finds in its cache. The moments are sums around a pivot, the mean
of some pixels, as for batch normalization: one pass, and one more where that was far from the mean.

All outputs are overwritten (`=`). Shapes: x, y and their gradients (n, pixels, c); mean and inverse_std, which forward
hands to backward, (n, groups); gamma, beta and their gradients (c,). `scratch` has geometry.group_norm_scratch(c)
elements, whose contents do not matter.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.channels import add_parts, fold, inverse_root, lay_out, portion, wide_row
from numbanet.kernels.cpu.columns import combine_down, scale_down, sum_gradients_down, sum_moments_down
from numbanet.kernels.cpu.elementwise import is_small
from numbanet.kernels.cpu.simd import pointer, shift
from numbanet.kernels.geometry import GROUP_NORM_ROWS, GROUP_WIDE, ROW_PARTS
from numbanet.kernels.jit import helper, kernel

SAMPLE = 8  # pixels, spread evenly, whose mean is the pivot
FAR = 16.0  # squared standard deviations from the mean at which a pivot costs more than a digit


@helper
def check_groups(x, mean, inverse_std, gamma, beta, scratch):
    """Raise unless moments, numbers for each channel and scratch fit x."""
    (n, pixels, channels), groups = x.shape, mean.shape[1]
    if pixels == 0 or mean.shape[0] != n or inverse_std.shape != mean.shape or groups == 0 or channels % groups:
        raise ValueError("group_norm: mean and inverse_std must be (n, groups), x (n, pixels, a multiple of groups)")
    if channels == 0 or gamma.size != channels or beta.size != channels:
        raise ValueError("group_norm: gamma, beta and their gradients must be (c,) for x (n, pixels, c)")
    if scratch.size < GROUP_NORM_ROWS * wide_row(channels, GROUP_WIDE):
        raise ValueError("group_norm: scratch must have geometry.group_norm_scratch(c) elements")


@helper
def rooms(scratch, channels):
    """The scratch as wide rows: [what, part], eight for each part."""
    width = wide_row(channels, GROUP_WIDE)
    return scratch[: GROUP_NORM_ROWS * width].reshape((GROUP_NORM_ROWS // ROW_PARTS, ROW_PARTS, width))


# Groups are short and many: they are gone through by pointers, whose indices Numba need not check.


@helper
def sum_of_group(row, g, size):
    """The sum over the channels of group g, in float64."""
    of_group, total = shift(pointer(row), g * size), 0.0
    for j in range(size):
        total += np.float64(of_group[j])
    return total


@helper
def sum_of_products(row, other, g, size):
    """The same, of the products with another row."""
    a, b, total = shift(pointer(row), g * size), shift(pointer(other), g * size), 0.0
    for j in range(size):
        total += np.float64(a[j] * b[j])
    return total


@helper
def spread(row, value, g, size):
    """row[j] = value for the channels of group g."""
    of_group = shift(pointer(row), g * size)
    for j in range(size):
        of_group[j] = value


@helper
def sample_means(means, sums, x, groups):
    """means = for each channel the mean of its group, over some of the pixels x (pixels, c).

    The first pixel is taken off, so that a constant comes out as itself.
    """
    (pixels, channels), first = x.shape, x[0]
    step, size = (pixels + SAMPLE - 1) // SAMPLE, channels // groups
    count = x.dtype.type((pixels + step - 1) // step)
    for j in range(channels):
        sums[j] = 0
    for i in range(step, pixels, step):
        row = x[i]
        for j in range(channels):
            sums[j] += row[j] - first[j]
    for j in range(channels):
        sums[j] = first[j] + sums[j] / count
    for g in range(groups):
        spread(means, sum_of_group(sums, g, size) / size, g, size)


@helper
def example_moments(mean, inverse_std, x, epsilon, means, sums, squares):
    """mean and inverse_std (groups,) of one example x (pixels, c), and the means laid out."""
    channels, groups = x.shape[1], mean.size
    size, count = channels // groups, np.float64(x.size // groups)
    sample_means(means, sums, x, groups)
    for _ in range(2):
        far = False
        lay_out(means, means[:channels])
        sum_moments_down(sums, squares, x.reshape(-1), means, means.size)
        fold(sums, channels)
        fold(squares, channels)
        for g in range(groups):
            distance = sum_of_group(sums, g, size) / count
            variance = sum_of_group(squares, g, size) / count - distance * distance
            if distance * distance > FAR * variance:
                far = True
            mean[g] = np.float64(means[g * size]) + distance
            inverse_std[g] = inverse_root(0.0 if variance < 0 else variance, epsilon)
        for g in range(groups):
            spread(means, mean[g], g, size)
        if not far:
            break
    lay_out(means, means[:channels])


@helper
def lay_out_scale(scale, inverse_std, gamma):
    """scale = gamma over the standard deviation of the channel's group."""
    size = gamma.size // inverse_std.size
    for g in range(inverse_std.size):
        spread(scale, inverse_std[g], g, size)
    for j in range(gamma.size):
        scale[j] *= gamma[j]
    lay_out(scale, scale[: gamma.size])


@helper
def forward_examples(y, mean, inverse_std, x, gamma, beta, epsilon, room, part):
    """One example after another."""
    means, sums, squares = room[0, part], room[1, part], room[2, part]
    scale, offset = room[3, part], room[4, part]
    lay_out(offset, beta)
    for i in range(x.shape[0]):
        example_moments(mean[i], inverse_std[i], x[i], epsilon, means, sums, squares)
        lay_out_scale(scale, inverse_std[i], gamma)
        scale_down(y[i].reshape(-1), x[i].reshape(-1), means, scale, offset, means.size)


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
    for g in range(inverse_std.size):
        inverse = np.float64(inverse_std[g])
        spread(slope, -(inverse**3) * sum_of_products(gamma, products, g, size) / count, g, size)
        spread(offset, -inverse * sum_of_products(gamma, sums, g, size) / count, g, size)
    lay_out(slope, slope[: gamma.size])
    lay_out(offset, offset[: gamma.size])


@helper
def add_scaled(total, row, inverse_std):
    """total += row times the inverse_std of each channel's group."""
    size = total.size // inverse_std.size
    for g in range(inverse_std.size):
        into, of_group = shift(pointer(total), g * size), shift(pointer(row), g * size)
        for j in range(size):
            into[j] += of_group[j] * inverse_std[g]


@helper
def backward_examples(dx, dy, x, mean, inverse_std, gamma, room, part):
    """One example after another; their sums for dgamma and dbeta are left in the first two rows of the part."""
    dgamma, dbeta, means, scale = room[0, part], room[1, part], room[2, part], room[3, part]
    sums, products, slope, offset = room[4, part], room[5, part], room[6, part], room[7, part]
    channels, groups, width = gamma.size, mean.shape[1], means.size
    size, count = channels // groups, np.float64(x.shape[1] * channels // groups)
    dgamma[:] = 0
    dbeta[:] = 0
    for i in range(x.shape[0]):
        dy_flat, x_flat = dy[i].reshape(-1), x[i].reshape(-1)
        for g in range(groups):
            spread(means, mean[i, g], g, size)
        lay_out(means, means[:channels])
        lay_out_scale(scale, inverse_std[i], gamma)
        sum_gradients_down(sums, products, dy_flat, x_flat, means, width)
        fold(sums, channels)
        fold(products, channels)
        for j in range(channels):
            dbeta[j] += sums[j]
        add_scaled(dgamma[:channels], products, inverse_std[i])
        lay_out_terms(slope, offset, sums, products, inverse_std[i], gamma, count)
        combine_down(dx[i].reshape(-1), dy_flat, x_flat, means, scale, slope, offset, width)


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
