"""Losses with their gradients, in PyTorch's semantics with reduction="mean".

`losses` and `dz` are overwritten (`=`); `dz` of shape (0, 0) means that no gradient is wanted. `totals`, four
float64, is added to (`+=`), so that it can gather an epoch:

    totals += (sum of losses, sum of weights, correct predictions, samples)

    mean loss = totals[0] / totals[1], accuracy = totals[2] / totals[3]

`mask`, uint8 (n,) or empty for none: samples of 0 weigh nothing and are not counted.
"""

from __future__ import annotations

import numpy as np

from numbanet.kernels.reference.arrays import Array, quiet, wide


def _log_softmax(z: Array) -> Array:
    centred = z - np.max(z, axis=1, keepdims=True)
    return np.asarray(centred - np.log(np.sum(np.exp(centred), axis=1, keepdims=True)))


def _real(mask: Array, n: int) -> Array:
    """Which of n samples the mask leaves in."""
    return mask != 0 if mask.size else np.ones(n, bool)


def _finish(
    totals: Array, losses: Array, dz: Array,
    real: Array, loss: Array, gradient: Array, weights: Array, hits: Array,
) -> None:  # fmt: skip
    """Write what all losses write, from what each sample gives; `gradient` is that of the sum of losses."""
    weight = np.sum(weights[real])
    losses[...] = np.where(real, loss, 0)
    if dz.size:
        # A batch in which every sample weighs nothing teaches nothing: no gradient, rather than 0 / 0.
        dz[...] = np.where(real[:, None], gradient / weight, 0) if weight != 0 else 0
    totals += (np.sum(losses), weight, np.sum(hits[real]), np.count_nonzero(real))


@quiet
def cross_entropy(
    totals: Array, losses: Array, dz: Array, z: Array,
    labels: Array, mask: Array, class_weights: Array, smoothing: float, ignore: int,
) -> None:  # fmt: skip
    """Of logits z (n, c) with labels int64 (n,); class_weights (c,) or empty.

    loss_i = (1 - smoothing) weight[label] (-log p[label]) + smoothing / c sum_j weight[j] (-log p[j]); the
    mean is over the weights of the labels. A label of `ignore` leaves its sample out as the mask does; any other
    that is not in 0 .. c - 1 raises ValueError.
    """
    n, c = z.shape
    if n == 0:
        return
    real = _real(mask, n) & (labels != ignore)
    if np.any((labels[real] < 0) | (labels[real] >= c)):
        raise ValueError("cross_entropy: a label is outside 0 .. classes - 1")
    labels = np.where(real, labels, 0)
    weights = wide(class_weights) if class_weights.size else np.ones(c)
    log_p = _log_softmax(wide(z))
    target = smoothing / c * weights + (1 - smoothing) * weights * np.eye(c)[labels]
    loss = -np.sum(np.where(target == 0, 0, target * log_p), axis=1)  # 0 * -inf is 0 here
    gradient = np.exp(log_p) * np.sum(target, axis=1, keepdims=True) - target
    _finish(totals, losses, dz, real, loss, gradient, weights[labels], np.argmax(z, axis=1) == labels)


@quiet
def cross_entropy_probabilities(
    totals: Array, losses: Array, dz: Array, z: Array,
    probabilities: Array, mask: Array, class_weights: Array, smoothing: float,
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
    hits = np.argmax(z, axis=1) == np.argmax(probabilities, axis=1)
    _finish(totals, losses, dz, _real(mask, n), loss, gradient, np.ones(n), hits)


def _mean_over_samples(totals: Array, losses: Array, dz: Array, mask: Array, loss: Array, gradient: Array) -> None:
    """`_finish` for a loss in which all samples weigh the same and none is right or wrong."""
    n = len(loss)
    _finish(totals, losses, dz, _real(mask, n), loss, gradient, np.ones(n), np.zeros(n))


@quiet
def mean_squared_error(totals: Array, losses: Array, dz: Array, z: Array, target: Array, mask: Array) -> None:
    """loss_i = mean over the features of (z - target)^2; z, target (n, f)."""
    f = z.shape[1]
    difference = wide(z) - wide(target)
    _mean_over_samples(totals, losses, dz, mask, np.mean(difference**2, axis=1), 2 * difference / f)


@quiet
def mean_absolute_error(totals: Array, losses: Array, dz: Array, z: Array, target: Array, mask: Array) -> None:
    """loss_i = mean over the features of |z - target|; z, target (n, f). The gradient at 0 is 0."""
    f = z.shape[1]
    difference = wide(z) - wide(target)
    _mean_over_samples(totals, losses, dz, mask, np.mean(np.abs(difference), axis=1), np.sign(difference) / f)


@quiet
def huber(totals: Array, losses: Array, dz: Array, z: Array, target: Array, mask: Array, delta: float) -> None:
    """Squares up to |z - target| = delta, straight lines beyond (Huber 1964); z, target (n, f)."""
    f = z.shape[1]
    difference = wide(z) - wide(target)
    size = np.abs(difference)
    loss = np.where(size <= delta, difference**2 / 2, delta * (size - delta / 2))
    gradient = np.where(size <= delta, difference, delta * np.sign(difference))
    _mean_over_samples(totals, losses, dz, mask, np.mean(loss, axis=1), gradient / f)


@quiet
def binary_cross_entropy(totals: Array, losses: Array, dz: Array, z: Array, target: Array, mask: Array) -> None:
    """loss_i = mean over the features of -target log p - (1 - target) log(1 - p), p = sigmoid(z).

    z, target (n, f). Correct: the share of the features in which z > 0 agrees with target > 0.5.
    """
    n, f = z.shape
    agree = np.mean((z > 0) == (target > 0.5), axis=1)
    z, target = wide(z), wide(target)
    small = np.exp(-np.abs(z))
    loss = np.maximum(z, 0) - z * target + np.log1p(small)
    gradient = np.where(z >= 0, 1, small) / (1 + small) - target
    _finish(totals, losses, dz, _real(mask, n), np.mean(loss, axis=1), gradient / f, np.ones(n), agree)
