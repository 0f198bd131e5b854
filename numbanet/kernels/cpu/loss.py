"""Losses of single outputs and their gradients with respect to the network's output z, in one pass.

totals   float64 (4,), accumulated (`+=`): the weighted sum of the losses, the sum of the weights, correct
         predictions, samples. So totals[0] / totals[1] is the mean loss and totals[2] / totals[3] the accuracy,
         of one batch or of all since the totals were zeroed.
losses   (n,), overwritten: each sample's weighted loss.
dz       (n, f), overwritten: the gradient of the batch's mean loss; of shape (0, 0) where it is not wanted.
mask     uint8 (n,), or (0,) for none: samples of 0, such as steps that only fill up a sequence, weigh nothing and
         are not counted.

`cross_entropy.py` has the losses over classes, with the same outputs.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import CHUNK
from numbanet.kernels.cpu.vectormath import exp, log1p01, minus, sigmoid
from numbanet.kernels.jit import helper, kernel


@helper
def add_up(totals, losses, weight, correct, samples):
    """Add a batch to the totals, in the order of its samples."""
    total = 0.0
    for i in range(losses.size):
        total += np.float64(losses[i])
    totals[0] += total
    totals[1] += weight
    totals[2] += correct
    totals[3] += samples


@helper
def check_shapes(losses, dz, z, mask):
    if losses.size != z.shape[0] or (dz.size and dz.shape != z.shape) or (mask.size and mask.size != z.shape[0]):
        raise ValueError("loss: losses must be (n,), dz the shape of z (n, f) or empty, and mask (n,) or empty")


@helper
def is_real(mask, i):
    """Whether sample i weighs anything."""
    return mask.size == 0 or mask[i] != 0


@helper
def count_real(mask, n):
    """How many of n samples weigh anything."""
    if mask.size == 0:
        return np.int64(n)
    count = np.int64(0)
    for i in range(n):
        count += mask[i] != 0
    return count


@helper
def leave_out(losses, dz, i):
    """No loss and no gradient for sample i."""
    losses[i] = losses.dtype.type(0)
    if dz.size:
        dz[i] = dz.dtype.type(0)


@helper
def share_of(z, count):
    """What one of the outputs of `count` samples weighs in the mean over them all."""
    return z.dtype.type(1.0 / (count * z.shape[1]) if count * z.shape[1] else 0.0)


@helper
def rows_at_once(z):
    """Rows of a chunk of about the usual size."""
    return max(1, CHUNK // max(1, z.shape[1]))


@helper
def argmax(row):
    """The index of the largest element; the first of equals, or of the NaNs."""
    best = 0
    for j in range(1, row.size):
        if not row[j] <= row[best] and row[best] == row[best]:
            best = j
    return best


@helper
def squared_error(losses, dz, z, target, scale, i):
    """Sample i of mean_squared_error."""
    row, wanted = z[i], target[i]
    loss = z.dtype.type(0)
    for j in range(row.size):
        loss += (row[j] - wanted[j]) * (row[j] - wanted[j])
    losses[i] = loss / z.dtype.type(row.size)
    if dz.size:
        gradient = dz[i]
        for j in range(row.size):
            gradient[j] = z.dtype.type(2) * scale * (row[j] - wanted[j])


@kernel
def mean_squared_error(totals, losses, dz, z, target, mask):
    """The mean over features of (z - target)^2; z, target (n, f)."""
    check_shapes(losses, dz, z, mask)
    if target.shape != z.shape:
        raise ValueError("mean_squared_error: z and target must have the same shape")
    count = count_real(mask, z.shape[0])
    scale = share_of(z, count)
    height = rows_at_once(z)
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            if is_real(mask, i):
                squared_error(losses, dz, z, target, scale, i)
            else:
                leave_out(losses, dz, i)
    add_up(totals, losses, np.float64(count), 0, count)


@helper
def absolute_error(losses, dz, z, target, scale, i):
    """Sample i of mean_absolute_error."""
    row, wanted = z[i], target[i]
    loss = z.dtype.type(0)
    for j in range(row.size):
        loss += abs(row[j] - wanted[j])
    losses[i] = loss / z.dtype.type(row.size)
    if dz.size:
        gradient = dz[i]
        for j in range(row.size):
            difference = row[j] - wanted[j]
            step = scale if difference > z.dtype.type(0) else -scale
            # difference * 0: zero where the two are equal, NaN where either is
            gradient[j] = step if difference != z.dtype.type(0) and difference == difference else difference


@kernel
def mean_absolute_error(totals, losses, dz, z, target, mask):
    """The mean over features of |z - target|; its gradient is zero where the two are equal."""
    check_shapes(losses, dz, z, mask)
    if target.shape != z.shape:
        raise ValueError("mean_absolute_error: z and target must have the same shape")
    count = count_real(mask, z.shape[0])
    scale = share_of(z, count)
    height = rows_at_once(z)
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            if is_real(mask, i):
                absolute_error(losses, dz, z, target, scale, i)
            else:
                leave_out(losses, dz, i)
    add_up(totals, losses, np.float64(count), 0, count)


@helper
def huber_error(losses, dz, z, target, delta, scale, i):
    """Sample i of huber."""
    row, wanted = z[i], target[i]
    half = z.dtype.type(0.5)
    loss = z.dtype.type(0)
    for j in range(row.size):
        distance = abs(row[j] - wanted[j])
        loss += half * distance * distance if distance <= delta else delta * (distance - half * delta)
    losses[i] = loss / z.dtype.type(row.size)
    if dz.size:
        gradient = dz[i]
        for j in range(row.size):
            difference = row[j] - wanted[j]
            bounded = delta if difference > delta else difference
            bounded = -delta if bounded < -delta else bounded
            gradient[j] = scale * bounded


@kernel
def huber(totals, losses, dz, z, target, mask, delta):
    """Squared error / 2 up to a distance of `delta`, linear beyond (Huber, doi 10.1214/aoms/1177703732)."""
    check_shapes(losses, dz, z, mask)
    if target.shape != z.shape:
        raise ValueError("huber: z and target must have the same shape")
    count = count_real(mask, z.shape[0])
    scale = share_of(z, count)
    bound = z.dtype.type(delta)
    height = rows_at_once(z)
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            if is_real(mask, i):
                huber_error(losses, dz, z, target, bound, scale, i)
            else:
                leave_out(losses, dz, i)
    add_up(totals, losses, np.float64(count), 0, count)


@helper
def binary_error(losses, dz, z, target, scale, i):
    """Sample i of binary_cross_entropy; returns how many of its features are right."""
    row, wanted = z[i], target[i]
    zero, half = z.dtype.type(0), z.dtype.type(0.5)
    loss = zero
    right = 0
    for j in range(row.size):
        positive = row[j] if row[j] > zero else zero
        loss += minus(positive, row[j] * wanted[j]) + log1p01(exp(-abs(row[j])))
        right += (row[j] > zero) == (wanted[j] > half)
    losses[i] = loss / z.dtype.type(row.size)
    if dz.size:
        gradient = dz[i]
        for j in range(row.size):
            gradient[j] = scale * (sigmoid(row[j]) - wanted[j])
    return right


@kernel
def binary_cross_entropy(totals, losses, dz, z, target, mask):
    """-t log sigmoid(z) - (1 - t) log(1 - sigmoid(z)), the mean over features, without overflow.

    z (n, f) logits, target (n, f) in 0 .. 1. A sample counts as correct in the share of its features that lie on
    the target's side of one half.
    """
    check_shapes(losses, dz, z, mask)
    if target.shape != z.shape:
        raise ValueError("binary_cross_entropy: z and target must have the same shape")
    count = count_real(mask, z.shape[0])
    scale = share_of(z, count)
    height = rows_at_once(z)
    right = 0
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            if is_real(mask, i):
                right += binary_error(losses, dz, z, target, scale, i)
            else:
                leave_out(losses, dz, i)
    add_up(totals, losses, np.float64(count), right / max(1, z.shape[1]), count)
