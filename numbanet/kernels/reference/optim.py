"""Optimizers: one step over flat arrays. Weights and the optimizer's own state are updated in place.

Every optimizer first prepares the gradient, in this order:

    g' = g * scale[0]                   the factor of clipping by the global norm (`clip_scale`), or 1
    g' = clip(g', -clip, clip)          if clip > 0
    g' = g' + l2 w + l1 sign(w)         coupled decay, for the first decay_end elements
    w  = w - rate[0] decay w            decoupled decay, for the first decay_end elements

`rate` and `scale` are float64[1], `step` int64[1], 1 for the first update. Semantics are PyTorch's.
"""

from __future__ import annotations

import math

import numpy as np

from numbanet.kernels.reference.arrays import Array, quiet, wide

NORM_CHUNK = 4096


def _prepare(
    w: Array, g: Array, rate: float, scale: Array,
    clip: float, l1: float, l2: float, decay: float, decay_end: int,
) -> tuple[Array, Array]:  # fmt: skip
    """The weights after decoupled decay and the gradient after clipping and coupled decay, in float64."""
    gradient, weights = wide(g) * scale[0], wide(w).copy()
    if clip > 0:
        gradient = np.clip(gradient, -clip, clip)
    decayed = weights[:decay_end]
    gradient[:decay_end] += l2 * decayed + l1 * np.sign(decayed)
    weights[:decay_end] = decayed - rate * decay * decayed
    return weights, gradient


@quiet
def sgd(
    w: Array, g: Array, rate: Array, scale: Array,
    clip: float, l1: float, l2: float, decay: float, decay_end: int,
) -> None:  # fmt: skip
    """w -= rate g'."""
    weights, gradient = _prepare(w, g, rate[0], scale, clip, l1, l2, decay, decay_end)
    w[...] = weights - rate[0] * gradient


@quiet
def momentum(
    w: Array, g: Array, velocity: Array, rate: Array, scale: Array, mu: float, nesterov: bool,
    clip: float, l1: float, l2: float, decay: float, decay_end: int,
) -> None:  # fmt: skip
    """velocity = mu velocity + g'; w -= rate velocity, or rate (g' + mu velocity) with `nesterov`."""
    weights, gradient = _prepare(w, g, rate[0], scale, clip, l1, l2, decay, decay_end)
    speed = mu * wide(velocity) + gradient
    velocity[...] = speed
    w[...] = weights - rate[0] * (gradient + mu * speed if nesterov else speed)


@quiet
def rmsprop(
    w: Array, g: Array, square: Array, velocity: Array, rate: Array, scale: Array,
    rho: float, epsilon: float, mu: float,
    clip: float, l1: float, l2: float, decay: float, decay_end: int,
) -> None:  # fmt: skip
    """RMSprop (Tieleman and Hinton 2012) with momentum; velocity may be empty where mu is 0.

    square = rho square + (1 - rho) g'^2; velocity = mu velocity + g' / (sqrt(square) + epsilon);
    w -= rate velocity.
    """
    weights, gradient = _prepare(w, g, rate[0], scale, clip, l1, l2, decay, decay_end)
    mean_square = rho * wide(square) + (1 - rho) * gradient**2
    square[...] = mean_square
    speed = gradient / (np.sqrt(mean_square) + epsilon)
    if velocity.size:
        speed = mu * wide(velocity) + speed
        velocity[...] = speed
    w[...] = weights - rate[0] * speed


@quiet
def adam(
    w: Array, g: Array, m: Array, v: Array, rate: Array, scale: Array, step: Array,
    beta1: float, beta2: float, epsilon: float,
    clip: float, l1: float, l2: float, decay: float, decay_end: int,
) -> None:  # fmt: skip
    """Adam (Kingma and Ba, arXiv 1412.6980); with `decay`, AdamW (Loshchilov and Hutter, arXiv 1711.05101).

    m = beta1 m + (1 - beta1) g'; v = beta2 v + (1 - beta2) g'^2;
    w -= rate (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon).
    """
    weights, gradient = _prepare(w, g, rate[0], scale, clip, l1, l2, decay, decay_end)
    first = beta1 * wide(m) + (1 - beta1) * gradient
    second = beta2 * wide(v) + (1 - beta2) * gradient**2
    m[...], v[...] = first, second
    mean = first / (1 - beta1 ** int(step[0]))
    deviation = np.sqrt(second / (1 - beta2 ** int(step[0])))
    w[...] = weights - rate[0] * mean / (deviation + epsilon)


@quiet
def clip_scale(scale: Array, partials: Array, g: Array, max_norm: float) -> None:
    """scale[0] = min(1, max_norm / (norm of g + 1e-6)): what clips the gradient by its global norm.

    scale float64[1]; partials, scratch: float64[ceil(g.size / 4096)], the sums of squares of g's chunks.
    """
    for chunk in range(len(partials)):
        partials[chunk] = np.sum(wide(g[chunk * NORM_CHUNK : (chunk + 1) * NORM_CHUNK]) ** 2)
    norm = math.sqrt(np.sum(partials))
    scale[0] = np.minimum(1.0, max_norm / (norm + 1e-6))
