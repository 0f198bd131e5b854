"""Losses and their gradients with respect to the network's output z, in one pass.

totals   float64 (4,), accumulated (`+=`): the weighted sum of the losses, the sum of the weights, correct
         predictions, samples. So totals[0] / totals[1] is the mean loss and totals[2] / totals[3] the accuracy,
         of one batch or of all since the totals were zeroed.
losses   (n,), overwritten: each sample's weighted loss.
dz       (n, f), overwritten: the gradient of the batch's mean loss; of shape (0, 0) where it is not wanted.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import CHUNK, is_small
from numbanet.kernels.cpu.softmax import largest, sum_of_exp
from numbanet.kernels.cpu.vectormath import exp, log1p01, log_share, minus, sigmoid
from numbanet.kernels.jit import exact_helper, helper, kernel


@helper
def add_up(totals, losses, weight, correct):
    """Add a batch to the totals, in the order of its samples."""
    total = 0.0
    for i in range(losses.size):
        total += np.float64(losses[i])
    totals[0] += total
    totals[1] += weight
    totals[2] += correct
    totals[3] += losses.size


@helper
def check_shapes(losses, dz, z):
    if losses.size != z.shape[0] or (dz.size and dz.shape != z.shape):
        raise ValueError("loss: losses must be (n,) and dz the shape of z (n, f), or empty")


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
def exp_below_top(e, z, first, last):
    """e = exp(z - the largest of its row), for the rows first .. last."""
    classes = z.shape[1]
    for i in range(first, last):
        row, out = z[i], e[i]
        top = largest(row)
        for j in range(classes):
            out[j] = row[j] - top
    flat = e.reshape(-1)[first * classes : last * classes]
    for k in range(flat.size):  # one long loop: rows are often shorter than a vector
        flat[k] = exp(flat[k])


@helper
def weight_of(class_weights, j):
    """The weight of class j; 1 where there are no weights."""
    return class_weights[j] if class_weights.size else class_weights.dtype.type(1)


@helper
def sum_of(row):
    total = row.dtype.type(0)
    for j in range(row.size):
        total += row[j]
    return total


@exact_helper  # with weights of one nothing else would keep LLVM from regrouping the terms
def smoothed_loss(row, top, log_total, class_weights):
    """The loss against the uniform distribution, times the number of classes."""
    loss = row.dtype.type(0)
    for j in range(row.size):
        loss -= weight_of(class_weights, j) * log_share(row[j], top, log_total)
    return loss


@helper
def scale_and_shift(row, factor, shift, class_weights):
    """row = factor * row - shift * class_weights."""
    for j in range(row.size):
        row[j] *= factor
    if shift > 0:
        for j in range(row.size):
            row[j] -= shift * weight_of(class_weights, j)


@helper
def cross_entropy_rows(losses, dz, z, labels, class_weights, numbers, first, last):
    """Samples first .. last of cross_entropy; returns how many are right."""
    smooth, sharp, scale, weight_sum = numbers
    correct = 0
    if dz.size:
        exp_below_top(dz, z, first, last)
    for i in range(first, last):
        row, label = z[i], labels[i]
        best = argmax(row)
        top = row[best]
        total = sum_of(dz[i]) if dz.size else sum_of_exp(row, top)
        log_total = z.dtype.type(math.log(total))
        own = sharp * weight_of(class_weights, label)
        losses[i] = -own * log_share(row[label], top, log_total)
        if smooth > 0:
            losses[i] += smooth * smoothed_loss(row, top, log_total, class_weights)
        correct += best == label
        if dz.size:
            scale_and_shift(dz[i], scale * (own + smooth * weight_sum) / total, scale * smooth, class_weights)
            dz[i, label] -= scale * own
    return correct


@kernel
def cross_entropy(totals, losses, dz, z, labels, class_weights, smoothing):
    """Cross-entropy of softmax(z) with class numbers: -log softmax(z)[label].

    z (n, c) logits; labels int64 (n,) in 0 .. c - 1; class_weights (c,), or (0,) for equal ones, in which case
    the mean is over the weights of the labels; smoothing mixes the one-hot target with the uniform one
    (Szegedy et al., arXiv 1512.00567). Weights and smoothing combine as in PyTorch.
    """
    check_shapes(losses, dz, z)
    n, classes = z.shape
    if labels.size != n or (class_weights.size and class_weights.size != classes):
        raise ValueError("cross_entropy: labels must be (n,) and class_weights (classes,) or empty")
    weight = 0.0
    for i in range(n):
        if labels[i] < 0 or labels[i] >= classes:
            raise ValueError("cross_entropy: a label lies outside 0 .. classes - 1")
        weight += class_weights[labels[i]] if class_weights.size else 1.0
    smooth = z.dtype.type(smoothing / classes)
    weight_sum = z.dtype.type(0 if class_weights.size else classes)
    for j in range(class_weights.size):
        weight_sum += class_weights[j]
    numbers = (smooth, z.dtype.type(1.0 - smoothing), z.dtype.type(1.0 / weight if weight != 0.0 else 0.0), weight_sum)
    correct = 0
    if is_small(z.size):
        correct += cross_entropy_rows(losses, dz, z, labels, class_weights, numbers, 0, n)
    else:
        height = rows_at_once(z)
        for index in prange((n + height - 1) // height):
            first = np.int64(index) * height
            last = min(first + height, n)
            correct += cross_entropy_rows(losses, dz, z, labels, class_weights, numbers, first, last)
    add_up(totals, losses, weight, correct)


@kernel
def cross_entropy_probabilities(totals, losses, dz, z, probabilities, class_weights, smoothing):
    """Cross-entropy of softmax(z) with a distribution for each sample: -sum p log softmax(z).

    z, probabilities (n, c); class_weights (c,) or (0,). The mean is over the samples, as in PyTorch.
    """
    check_shapes(losses, dz, z)
    n, classes = z.shape
    if probabilities.shape != z.shape or (class_weights.size and class_weights.size != classes):
        raise ValueError("cross_entropy_probabilities: probabilities must be (n, c), class_weights (c,) or empty")
    scale = z.dtype.type(1.0 / n)
    smooth = z.dtype.type(smoothing / classes)
    sharp = z.dtype.type(1.0 - smoothing)
    one = z.dtype.type(1)
    height = rows_at_once(z)
    correct = 0
    for index in prange((n + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, n)):
            row, target = z[i], probabilities[i]
            top = largest(row)
            total = sum_of_exp(row, top)
            log_total = z.dtype.type(math.log(total))
            loss, mass = z.dtype.type(0), z.dtype.type(0)
            for j in range(classes):
                p = (sharp * target[j] + smooth) * (class_weights[j] if class_weights.size else one)
                if p != z.dtype.type(0):  # 0 log 0 is 0, also where softmax underflows to 0
                    loss -= p * log_share(row[j], top, log_total)
                mass += p
            losses[i] = loss
            correct += argmax(row) == argmax(target)
            if dz.size:
                gradient = dz[i]
                for j in range(classes):
                    p = (sharp * target[j] + smooth) * (class_weights[j] if class_weights.size else one)
                    gradient[j] = scale * (mass * exp(row[j] - top) / total - p)
    add_up(totals, losses, np.float64(n), correct)


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
def mean_squared_error(totals, losses, dz, z, target):
    """The mean over features of (z - target)^2; z, target (n, f)."""
    check_shapes(losses, dz, z)
    if target.shape != z.shape:
        raise ValueError("mean_squared_error: z and target must have the same shape")
    scale = z.dtype.type(1.0 / z.size) if z.size else z.dtype.type(0)
    height = rows_at_once(z)
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            squared_error(losses, dz, z, target, scale, i)
    add_up(totals, losses, np.float64(z.shape[0]), 0)


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
    return


@kernel
def mean_absolute_error(totals, losses, dz, z, target):
    """The mean over features of |z - target|; its gradient is zero where the two are equal."""
    check_shapes(losses, dz, z)
    if target.shape != z.shape:
        raise ValueError("mean_absolute_error: z and target must have the same shape")
    scale = z.dtype.type(1.0 / z.size) if z.size else z.dtype.type(0)
    height = rows_at_once(z)
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            absolute_error(losses, dz, z, target, scale, i)
    add_up(totals, losses, np.float64(z.shape[0]), 0)


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
def huber(totals, losses, dz, z, target, delta):
    """Squared error / 2 up to a distance of `delta`, linear beyond (Huber, doi 10.1214/aoms/1177703732)."""
    check_shapes(losses, dz, z)
    if target.shape != z.shape:
        raise ValueError("huber: z and target must have the same shape")
    scale = z.dtype.type(1.0 / z.size) if z.size else z.dtype.type(0)
    bound = z.dtype.type(delta)
    height = rows_at_once(z)
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            huber_error(losses, dz, z, target, bound, scale, i)
    add_up(totals, losses, np.float64(z.shape[0]), 0)


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
def binary_cross_entropy(totals, losses, dz, z, target):
    """-t log sigmoid(z) - (1 - t) log(1 - sigmoid(z)), the mean over features, without overflow.

    z (n, f) logits, target (n, f) in 0 .. 1. A sample counts as correct in the share of its features that lie on
    the target's side of one half.
    """
    check_shapes(losses, dz, z)
    if target.shape != z.shape:
        raise ValueError("binary_cross_entropy: z and target must have the same shape")
    scale = z.dtype.type(1.0 / z.size) if z.size else z.dtype.type(0)
    height = rows_at_once(z)
    right = 0
    for index in prange((z.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, z.shape[0])):
            right += binary_error(losses, dz, z, target, scale, i)
    add_up(totals, losses, np.float64(z.shape[0]), right / max(1, z.shape[1]))
