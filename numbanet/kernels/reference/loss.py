"""Losses with their gradients, in PyTorch's semantics with reduction="mean".

`losses` and `dz` are overwritten (`=`); `dz` of shape (0, 0) means that no gradient is wanted. `totals`, four
float64, is added to (`+=`), so that it can gather an epoch:

    totals += (sum of losses, sum of weights, correct predictions, samples)

    mean loss = totals[0] / totals[1], accuracy = totals[2] / totals[3]
"""

from __future__ import annotations

import numpy as np

from numbanet.kernels.reference.arrays import Array, quiet, wide


def _log_softmax(z: Array) -> Array:
    centred = z - np.max(z, axis=1, keepdims=True)
    return np.asarray(centred - np.log(np.sum(np.exp(centred), axis=1, keepdims=True)))


def _finish(totals: Array, losses: Array, dz: Array, loss: Array, gradient: Array, weight: float, hits: float) -> None:
    """Write what all losses write; `gradient` is that of the sum of losses, `weight` the sum of weights."""
    losses[...] = loss
    if dz.size:
        # A batch in which every sample weighs nothing teaches nothing: no gradient, rather than 0 / 0.
        dz[...] = gradient / weight if weight != 0 else 0
    totals += (np.sum(loss), weight, hits, len(loss))


@quiet
def cross_entropy(
    totals: Array, losses: Array, dz: Array, z: Array, labels: Array, class_weights: Array, smoothing: float
) -> None:
    """Of logits z (n, c) with labels int64 (n,); class_weights (c,) or empty.

    loss_i = (1 - smoothing) weight[label] (-log p[label]) + smoothing / c sum_j weight[j] (-log p[j]); the
    mean is over the weights of the labels. A label that is not in 0 .. c - 1 raises ValueError.
    """
    n, c = z.shape
    if n == 0:
        return
    if np.any((labels < 0) | (labels >= c)):
        raise ValueError("cross_entropy: a label is outside 0 .. classes - 1")
    weights = wide(class_weights) if class_weights.size else np.ones(c)
    log_p = _log_softmax(wide(z))
    target = smoothing / c * weights + (1 - smoothing) * weights * np.eye(c)[labels]
    loss = -np.sum(np.where(target == 0, 0, target * log_p), axis=1)  # 0 * -inf is 0 here
    gradient = np.exp(log_p) * np.sum(target, axis=1, keepdims=True) - target
    hits = int(np.count_nonzero(np.argmax(z, axis=1) == labels))
    _finish(totals, losses, dz, loss, gradient, float(np.sum(weights[labels])), hits)


@quiet
def cross_entropy_probabilities(
    totals: Array, losses: Array, dz: Array, z: Array,
    probabilities: Array, class_weights: Array, smoothing: float,
) -> None:  # fmt: skip
    """Of logits z (n, c) with target probabilities (n, c); class_weights (c,) or empty.

    loss_i = sum_j weight[j] target[j] (-log p[j]), target = (1 - smoothing) probabilities + smoothing / c;
    the mean is over the samples, as in PyTorch. Correct: the largest logit is at the largest probability.
    """
    n, c = z.shape
    if n == 0:
        return
    weights = wide(class_weights) if class_weights.size else np.ones(c)
    log_p = _log_softmax(wide(z))
    target = weights * ((1 - smoothing) * wide(probabilities) + smoothing / c)
    loss = -np.sum(np.where(target == 0, 0, target * log_p), axis=1)
    gradient = np.exp(log_p) * np.sum(target, axis=1, keepdims=True) - target
    hits = int(np.count_nonzero(np.argmax(z, axis=1) == np.argmax(probabilities, axis=1)))
    _finish(totals, losses, dz, loss, gradient, n, hits)


@quiet
def mean_squared_error(totals: Array, losses: Array, dz: Array, z: Array, target: Array) -> None:
    """loss_i = mean over the features of (z - target)^2; z, target (n, f)."""
    n, f = z.shape
    difference = wide(z) - wide(target)
    _finish(totals, losses, dz, np.mean(difference**2, axis=1), 2 * difference / f, n, 0)


@quiet
def mean_absolute_error(totals: Array, losses: Array, dz: Array, z: Array, target: Array) -> None:
    """loss_i = mean over the features of |z - target|; z, target (n, f). The gradient at 0 is 0."""
    n, f = z.shape
    difference = wide(z) - wide(target)
    _finish(totals, losses, dz, np.mean(np.abs(difference), axis=1), np.sign(difference) / f, n, 0)


@quiet
def huber(totals: Array, losses: Array, dz: Array, z: Array, target: Array, delta: float) -> None:
    """Squares up to |z - target| = delta, straight lines beyond (Huber 1964); z, target (n, f)."""
    n, f = z.shape
    difference = wide(z) - wide(target)
    size = np.abs(difference)
    loss = np.where(size <= delta, difference**2 / 2, delta * (size - delta / 2))
    gradient = np.where(size <= delta, difference, delta * np.sign(difference))
    _finish(totals, losses, dz, np.mean(loss, axis=1), gradient / f, n, 0)


@quiet
def binary_cross_entropy(totals: Array, losses: Array, dz: Array, z: Array, target: Array) -> None:
    """loss_i = mean over the features of -target log p - (1 - target) log(1 - p), p = sigmoid(z).

    z, target (n, f). Correct: the share of the features in which z > 0 agrees with target > 0.5.
    """
    n, f = z.shape
    agree = np.sum(np.mean((z > 0) == (target > 0.5), axis=1))
    z, target = wide(z), wide(target)
    small = np.exp(-np.abs(z))
    loss = np.maximum(z, 0) - z * target + np.log1p(small)
    gradient = np.where(z >= 0, 1, small) / (1 + small) - target
    _finish(totals, losses, dz, np.mean(loss, axis=1), gradient / f, n, float(agree))
