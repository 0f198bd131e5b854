"""Cross-entropy of softmax(z) and its gradient, in one pass.

The outputs and the mask are those of `loss`: totals (4,) is accumulated (`+=`), losses (n,) and dz (n, c) are
overwritten.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import is_small
from numbanet.kernels.cpu.loss import add_up, argmax, check_shapes, count_real, is_real, leave_out, rows_at_once
from numbanet.kernels.cpu.softmax import largest, sum_of_exp
from numbanet.kernels.cpu.vectormath import exp, log_share
from numbanet.kernels.jit import exact_helper, helper, kernel


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
def cross_entropy_rows(losses, dz, z, labels, mask, class_weights, numbers, ignore, first, last):
    """Samples first .. last of cross_entropy; returns how many are right."""
    smooth, sharp, scale, weight_sum = numbers
    correct = 0
    if dz.size:
        exp_below_top(dz, z, first, last)
    for i in range(first, last):
        row, label = z[i], labels[i]
        if label == ignore or not is_real(mask, i):
            leave_out(losses, dz, i)
            continue
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
def cross_entropy(totals, losses, dz, z, labels, mask, class_weights, smoothing, ignore):
    """Cross-entropy of softmax(z) with class numbers: -log softmax(z)[label].

    z (n, c) logits; labels int64 (n,) in 0 .. c - 1; class_weights (c,), or (0,) for equal ones, in which case
    the mean is over the weights of the labels; smoothing mixes the one-hot target with the uniform one
    (Szegedy et al., arXiv 1512.00567). Weights and smoothing combine as in PyTorch. A label of `ignore`, any int64,
    makes its sample one that the mask leaves out.
    """
    check_shapes(losses, dz, z, mask)
    n, classes = z.shape
    if labels.size != n or (class_weights.size and class_weights.size != classes):
        raise ValueError("cross_entropy: labels must be (n,) and class_weights (classes,) or empty")
    weight, count = 0.0, 0
    for i in range(n):
        if labels[i] == ignore or not is_real(mask, i):
            continue
        if labels[i] < 0 or labels[i] >= classes:
            raise ValueError("cross_entropy: a label lies outside 0 .. classes - 1")
        weight += class_weights[labels[i]] if class_weights.size else 1.0
        count += 1
    smooth = z.dtype.type(smoothing / classes)
    weight_sum = z.dtype.type(0 if class_weights.size else classes)
    for j in range(class_weights.size):
        weight_sum += class_weights[j]
    numbers = (smooth, z.dtype.type(1.0 - smoothing), z.dtype.type(1.0 / weight if weight != 0.0 else 0.0), weight_sum)
    correct = 0
    if is_small(z.size):
        correct += cross_entropy_rows(losses, dz, z, labels, mask, class_weights, numbers, ignore, 0, n)
    else:
        height = rows_at_once(z)
        for index in prange((n + height - 1) // height):
            first = np.int64(index) * height
            last = min(first + height, n)
            rows = cross_entropy_rows(losses, dz, z, labels, mask, class_weights, numbers, ignore, first, last)
            correct += rows
    add_up(totals, losses, weight, correct, count)


@kernel
def cross_entropy_probabilities(totals, losses, dz, z, probabilities, mask, class_weights, smoothing):
    """Cross-entropy of softmax(z) with a distribution for each sample: -sum p log softmax(z).

    z, probabilities (n, c); class_weights (c,) or (0,). The mean is over the samples, as in PyTorch.
    """
    check_shapes(losses, dz, z, mask)
    n, classes = z.shape
    if probabilities.shape != z.shape or (class_weights.size and class_weights.size != classes):
        raise ValueError("cross_entropy_probabilities: probabilities must be (n, c), class_weights (c,) or empty")
    count = count_real(mask, n)
    scale = z.dtype.type(1.0 / count if count else 0.0)
    smooth = z.dtype.type(smoothing / classes)
    sharp = z.dtype.type(1.0 - smoothing)
    one = z.dtype.type(1)
    height = rows_at_once(z)
    correct = 0
    for index in prange((n + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, n)):
            if not is_real(mask, i):
                leave_out(losses, dz, i)
                continue
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
    add_up(totals, losses, np.float64(count), correct, count)
