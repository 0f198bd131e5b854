"""Elementwise activations, forward and backward, over flat arrays.

All outputs are overwritten (`=`); an output may be the input's own array. `activation` is one of `codes`;
`alpha` is the slope of leaky_relu and the alpha of elu, and ignored by the others.
"""

from __future__ import annotations

import math

from numba import prange

from numbanet.kernels.codes import (
    ELU,
    GELU,
    GELU_TANH,
    LEAKY_RELU,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
)
from numbanet.kernels.cpu.elementwise import chunks, is_small, span
from numbanet.kernels.cpu.vectormath import erf, erfc_above_1, exp, log1p01, number, sigmoid, tanh
from numbanet.kernels.jit import helper, kernel

SQRT_HALF = math.sqrt(0.5)
INVERSE_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


@helper
def normal_cdf(x):
    """The share of a standard normal distribution below x; its lower tail keeps its digits."""
    u = x * number(x, SQRT_HALF)
    middle = number(x, 1) + erf(u)
    return number(x, 0.5) * (middle if u > number(x, -1) else erfc_above_1(-u))


@helper
def gelu(x):
    """x times normal_cdf(x) (Hendrycks and Gimpel, arXiv 1606.08415)."""
    return x * normal_cdf(x)


@helper
def gelu_gradient(x):
    """d gelu / dx = cdf(x) + x pdf(x)."""
    return normal_cdf(x) + x * number(x, INVERSE_SQRT_2PI) * exp(number(x, -0.5) * x * x)


@helper
def gelu_tanh_argument(x):
    """sqrt(2 / pi) (x + 0.044715 x^3)."""
    return number(x, SQRT_2_OVER_PI) * x * (number(x, 1) + number(x, 0.044715) * x * x)


@helper
def gelu_tanh(x):
    """The tanh approximation of gelu from the same paper."""
    return number(x, 0.5) * x * (number(x, 1) + tanh(gelu_tanh_argument(x)))


@helper
def gelu_tanh_gradient(x):
    """Its derivative."""
    t = tanh(gelu_tanh_argument(x))
    slope = number(x, SQRT_2_OVER_PI) * (number(x, 1) + number(x, 3 * 0.044715) * x * x)
    return number(x, 0.5) * (number(x, 1) + t) + number(x, 0.5) * x * (number(x, 1) - t * t) * slope


@helper
def elu(x, alpha):
    """X above zero, alpha (e^x - 1) below; e^x - 1 by tanh(x/2), which keeps its digits near zero."""
    t = tanh(number(x, 0.5) * x)
    below = alpha * (t + t) / (number(x, 1) - t)
    return x if x > number(x, 0) else below


@helper
def softplus(x):
    """log(1 + e^x), without overflow."""
    return (x if x > number(x, 0) else number(x, 0)) + log1p01(exp(-abs(x)))


@helper
def activate(y, x, activation, alpha):
    """One chunk of activation_forward."""
    alpha = x.dtype.type(alpha)
    zero = x.dtype.type(0)
    if activation == RELU:
        for i in range(x.size):
            y[i] = zero if x[i] < zero else x[i]
    elif activation == LEAKY_RELU:
        for i in range(x.size):
            y[i] = alpha * x[i] if x[i] < zero else x[i]
    elif activation == ELU:
        for i in range(x.size):
            y[i] = elu(x[i], alpha)
    elif activation == GELU:
        for i in range(x.size):
            y[i] = gelu(x[i])
    elif activation == GELU_TANH:
        for i in range(x.size):
            y[i] = gelu_tanh(x[i])
    elif activation == SILU:
        for i in range(x.size):
            y[i] = x[i] * sigmoid(x[i])
    elif activation == SIGMOID:
        for i in range(x.size):
            y[i] = sigmoid(x[i])
    elif activation == TANH:
        for i in range(x.size):
            y[i] = tanh(x[i])
    elif activation == SOFTPLUS:
        for i in range(x.size):
            y[i] = softplus(x[i])
    else:
        for i in range(x.size):
            y[i] = x[i]


@kernel
def activation_forward(y, x, activation, alpha):
    """y = activation(x)."""
    if y.size != x.size:
        raise ValueError("activation_forward: y and x differ in size")
    if is_small(x.size):
        activate(y, x, activation, alpha)
        return
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        activate(y[start:stop], x[start:stop], activation, alpha)


@helper
def chain_from_output(dx, dy, y, activation, alpha):
    """One chunk of activation_backward, where the derivative follows from y."""
    one, zero = y.dtype.type(1), y.dtype.type(0)
    alpha = y.dtype.type(alpha)
    if activation == RELU:
        for i in range(y.size):
            d = dy[i]  # read before the choice, which then is a blend and no branch
            dx[i] = zero if y[i] <= zero else d
    elif activation == LEAKY_RELU:
        for i in range(y.size):
            d = dy[i]
            dx[i] = alpha * d if y[i] <= zero else d
    elif activation == ELU:
        for i in range(y.size):
            d = dy[i]
            dx[i] = d * (y[i] + alpha) if y[i] <= zero else d
    elif activation == SIGMOID:
        for i in range(y.size):
            dx[i] = dy[i] * y[i] * (one - y[i])
    elif activation == TANH:
        for i in range(y.size):
            dx[i] = dy[i] * (one - y[i] * y[i])
    elif activation == SOFTPLUS:
        for i in range(y.size):
            dx[i] = dy[i] * (one - exp(-y[i]))
    else:
        for i in range(y.size):
            dx[i] = dy[i]


@helper
def chain_from_input(dx, dy, x, activation):
    """One chunk of activation_backward, where the derivative needs x."""
    one = x.dtype.type(1)
    if activation == GELU:
        for i in range(x.size):
            dx[i] = dy[i] * gelu_gradient(x[i])
    elif activation == GELU_TANH:
        for i in range(x.size):
            dx[i] = dy[i] * gelu_tanh_gradient(x[i])
    elif activation == SILU:
        for i in range(x.size):
            s = sigmoid(x[i])
            dx[i] = dy[i] * s * (one + x[i] * (one - s))


@kernel
def activation_backward(dx, dy, x, y, activation, alpha):
    """dx = dy * activation'(x). Reads x for the activations in codes.NEEDS_INPUT, y for the others."""
    from_input = activation in (GELU, GELU_TANH, SILU)
    if dx.size != dy.size or (x.size if from_input else y.size) != dy.size:
        raise ValueError("activation_backward: dx, dy and the array it needs (x or y) differ in size")
    for index in prange(chunks(dy.size)):
        start, stop = span(index, dy.size)
        if from_input:
            chain_from_input(dx[start:stop], dy[start:stop], x[start:stop], activation)
        else:
            chain_from_output(dx[start:stop], dy[start:stop], y[start:stop], activation, alpha)
