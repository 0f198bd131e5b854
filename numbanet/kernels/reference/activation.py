"""Activations, softmax and log-softmax, forward and backward. Outputs are overwritten (`=`).

`activation_forward` and `activation_backward` work on flat arrays; the softmaxes on (rows, classes), each row
by itself. `y` may be `x`, and `dx` may be `dy`.
"""

from __future__ import annotations

import math

import numpy as np

from numbanet.kernels import codes
from numbanet.kernels.reference.arrays import Array, quiet, wide
from numbanet.kernels.reference.vectormath import sigmoid

GELU_CUBIC = 0.044715  # Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv 1606.08415


def _gelu_argument(x: Array) -> Array:
    return math.sqrt(2 / math.pi) * (x + GELU_CUBIC * x**3)


def _sigmoid_of(x: Array) -> Array:
    result = np.empty_like(x)
    sigmoid(result, x)
    return result


def _normal_cdf(x: Array) -> Array:
    """Phi(x), the normal distribution's share below x: by erfc, which keeps the digits of the lower tail."""
    return np.fromiter(map(math.erfc, (-x / math.sqrt(2)).tolist()), np.float64, x.size) / 2


@quiet
def activation_forward(y: Array, x: Array, activation: int, alpha: float) -> None:
    """y = act(x). alpha: the slope of LEAKY_RELU below zero, the depth of ELU; ignored by the others."""
    x = wide(x)
    match activation:
        case codes.LINEAR:
            y[...] = x
        case codes.RELU:
            y[...] = np.maximum(x, 0)
        case codes.LEAKY_RELU:
            y[...] = np.where(x > 0, x, alpha * x)
        case codes.ELU:
            y[...] = np.where(x > 0, x, alpha * np.expm1(x))
        case codes.GELU:
            y[...] = x * _normal_cdf(x)
        case codes.GELU_TANH:
            y[...] = x * (1 + np.tanh(_gelu_argument(x))) / 2
        case codes.SILU:
            y[...] = x * _sigmoid_of(x)
        case codes.SIGMOID:
            y[...] = _sigmoid_of(x)
        case codes.TANH:
            y[...] = np.tanh(x)
        case codes.SOFTPLUS:
            y[...] = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
        case _:
            raise ValueError("activation_forward: unknown activation code")


@quiet
def activation_backward(dx: Array, dy: Array, x: Array, y: Array, activation: int, alpha: float) -> None:
    """dx = dy * act'(x). The activations in codes.NEEDS_INPUT read the input x, the others the output y."""
    dy, x, y = wide(dy), wide(x), wide(y)
    match activation:
        case codes.LINEAR:
            dx[...] = dy
        case codes.RELU:
            dx[...] = np.where(y > 0, dy, 0)
        case codes.LEAKY_RELU:
            dx[...] = np.where(y > 0, dy, alpha * dy)
        case codes.ELU:
            dx[...] = np.where(y > 0, dy, dy * (y + alpha))
        case codes.GELU:
            density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
            dx[...] = dy * (_normal_cdf(x) + x * density)
        case codes.GELU_TANH:
            tanh = np.tanh(_gelu_argument(x))
            slope = math.sqrt(2 / math.pi) * (1 + 3 * GELU_CUBIC * x * x)
            dx[...] = dy * ((1 + tanh) / 2 + x * (1 - tanh * tanh) * slope / 2)
        case codes.SILU:
            share = _sigmoid_of(x)
            dx[...] = dy * share * (1 + x * (1 - share))
        case codes.SIGMOID:
            dx[...] = dy * y * (1 - y)
        case codes.TANH:
            dx[...] = dy * (1 - y * y)
        case codes.SOFTPLUS:
            dx[...] = dy * -np.expm1(-y)  # sigmoid(x) = 1 - e^-softplus(x)
        case _:
            raise ValueError("activation_backward: unknown activation code")


@quiet
def softmax_forward(y: Array, x: Array) -> None:
    """y = e^x / sum e^x over the last axis; x, y (n, c)."""
    if x.size == 0:
        return
    powers = np.exp(wide(x) - np.max(wide(x), axis=1, keepdims=True))
    y[...] = powers / np.sum(powers, axis=1, keepdims=True)


@quiet
def softmax_backward(dx: Array, dy: Array, y: Array) -> None:
    """dx = y * (dy - sum(dy * y)); all (n, c)."""
    dy, y = wide(dy), wide(y)
    dx[...] = y * (dy - np.sum(dy * y, axis=1, keepdims=True))


@quiet
def log_softmax_forward(y: Array, x: Array) -> None:
    """y = x - log sum e^x over the last axis; x, y (n, c)."""
    if x.size == 0:
        return
    centred = wide(x) - np.max(wide(x), axis=1, keepdims=True)
    y[...] = centred - np.log(np.sum(np.exp(centred), axis=1, keepdims=True))


@quiet
def log_softmax_backward(dx: Array, dy: Array, y: Array) -> None:
    """dx = dy - e^y * sum(dy); all (n, c)."""
    dy, y = wide(dy), wide(y)
    dx[...] = dy - np.exp(y) * np.sum(dy, axis=1, keepdims=True)
