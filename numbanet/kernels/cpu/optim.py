"""Optimizers: each is one pass over the flat arena of parameters.

Updated in place: the weights w and the optimizer's own state. All arrays are flat and of one size.

What every optimizer takes after its own arguments, and in which order it is applied:
    scale      float64 (1,): the gradient is multiplied by it (`clip_scale` computes it; else 1)
    clip       then clipped to -clip .. clip; 0 or less: not
    l1, l2     then l1 sign(w) + l2 w is added        |  these three only for
    decay      w shrinks by rate * decay beforehand   |  w[:decay_end], the weights proper
rate is float64 (1,) and step int64 (1,), arrays so that a recorded GPU graph can read new values.

Moments that decay for thousands of steps end as denormal numbers, on which x86 is up to a hundred times slower:
each thread flushes them to zero while it works.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import chunks, span
from numbanet.kernels.cpu.simd import flush_denormals, restore_denormals
from numbanet.kernels.jit import helper, kernel

NORM_CHUNK = 4096  # elements for each partial sum of the gradient's norm


@helper
def bound_of(clip, real):
    """The bound on each element of the gradient: infinite where it is not clipped."""
    return real(clip) if clip > 0.0 else real(np.inf)


@helper
def gradient(w, g, scale, bound, l1, l2):
    """The gradient that the optimizer sees, of one element. Without branches: one loop serves every option."""
    zero = l1 - l1
    g = g * scale
    g = bound if g > bound else g
    g = -bound if g < -bound else g
    toward_zero = l1 if w > zero else (-l1 if w < zero else zero)
    return g + (l2 * w + toward_zero)


@helper
def decayed_part(start, stop, decay_end):
    """Where in start .. stop the weights proper end."""
    return max(start, min(stop, decay_end))


@helper
def sgd_part(w, g, rate, scale, bound, l1, l2, shrink):
    for i in range(w.size):
        w[i] = w[i] * shrink - rate * gradient(w[i], g[i], scale, bound, l1, l2)


@kernel
def sgd(w, g, rate, scale, clip, l1, l2, decay, decay_end):
    """w -= rate * g."""
    if g.size != w.size:
        raise ValueError("sgd: the arrays differ in size")
    real = w.dtype.type
    r, s, c, a, b, zero = real(rate[0]), real(scale[0]), bound_of(clip, real), real(l1), real(l2), real(0)
    shrink = real(1.0 - rate[0] * decay)
    for index in prange(chunks(w.size)):
        start, stop = span(index, w.size)
        mode = flush_denormals()
        middle = decayed_part(start, stop, decay_end)
        sgd_part(w[start:middle], g[start:middle], r, s, c, a, b, shrink)
        sgd_part(w[middle:stop], g[middle:stop], r, s, c, zero, zero, real(1))
        restore_denormals(mode)


@helper
def momentum_part(w, g, velocity, rate, scale, mu, nesterov, bound, l1, l2, shrink):
    if nesterov:
        for i in range(w.size):
            d = gradient(w[i], g[i], scale, bound, l1, l2)
            v = mu * velocity[i] + d
            velocity[i] = v
            w[i] = w[i] * shrink - rate * (d + mu * v)
    else:
        for i in range(w.size):
            v = mu * velocity[i] + gradient(w[i], g[i], scale, bound, l1, l2)
            velocity[i] = v
            w[i] = w[i] * shrink - rate * v


@kernel
def momentum(w, g, velocity, rate, scale, mu, nesterov, clip, l1, l2, decay, decay_end):
    """velocity = mu velocity + g; w -= rate * velocity, or with `nesterov` rate * (g + mu velocity).

    Sutskever et al., ICML 2013, in PyTorch's form (the rate outside the velocity).
    """
    if g.size != w.size or velocity.size != w.size:
        raise ValueError("momentum: the arrays differ in size")
    real = w.dtype.type
    r, s, c, a, b, zero = real(rate[0]), real(scale[0]), bound_of(clip, real), real(l1), real(l2), real(0)
    shrink, m = real(1.0 - rate[0] * decay), real(mu)
    for index in prange(chunks(w.size)):
        start, stop = span(index, w.size)
        mode = flush_denormals()
        mid = decayed_part(start, stop, decay_end)
        momentum_part(w[start:mid], g[start:mid], velocity[start:mid], r, s, m, nesterov, c, a, b, shrink)
        momentum_part(w[mid:stop], g[mid:stop], velocity[mid:stop], r, s, m, nesterov, c, zero, zero, real(1))
        restore_denormals(mode)


@helper
def rmsprop_part(w, g, square, velocity, rate, scale, rho, rest, epsilon, mu, bound, l1, l2, shrink):
    if velocity.size:
        for i in range(w.size):
            d = gradient(w[i], g[i], scale, bound, l1, l2)
            s = rho * square[i] + rest * d * d
            v = mu * velocity[i] + d / (math.sqrt(s) + epsilon)
            square[i] = s
            velocity[i] = v
            w[i] = w[i] * shrink - rate * v
    else:
        for i in range(w.size):
            d = gradient(w[i], g[i], scale, bound, l1, l2)
            s = rho * square[i] + rest * d * d
            square[i] = s
            w[i] = w[i] * shrink - rate * d / (math.sqrt(s) + epsilon)


@kernel
def rmsprop(w, g, square, velocity, rate, scale, rho, epsilon, mu, clip, l1, l2, decay, decay_end):
    """square = rho square + (1 - rho) g^2; w -= rate * g / (sqrt(square) + epsilon), with momentum mu if not 0.

    velocity has size 0 when mu is 0. Tieleman and Hinton, COURSERA lecture 6.5 (2012), in PyTorch's form.
    """
    if g.size != w.size or square.size != w.size or (velocity.size and velocity.size != w.size):
        raise ValueError("rmsprop: the arrays differ in size")
    real = w.dtype.type
    r, sc, c, a, b, zero = real(rate[0]), real(scale[0]), bound_of(clip, real), real(l1), real(l2), real(0)
    shrink, ro, rest, e, m = real(1.0 - rate[0] * decay), real(rho), real(1.0 - rho), real(epsilon), real(mu)
    for index in prange(chunks(w.size)):
        i, k = span(index, w.size)
        mode = flush_denormals()
        j = decayed_part(i, k, decay_end)
        rmsprop_part(w[i:j], g[i:j], square[i:j], velocity[i:j], r, sc, ro, rest, e, m, c, a, b, shrink)
        rmsprop_part(w[j:k], g[j:k], square[j:k], velocity[j:k], r, sc, ro, rest, e, m, c, zero, zero, real(1))
        restore_denormals(mode)


@helper
def adam_part(w, g, m, v, rate, root, scale, beta1, rest1, beta2, rest2, epsilon, bound, l1, l2, shrink):
    for i in range(w.size):
        d = gradient(w[i], g[i], scale, bound, l1, l2)
        mean = beta1 * m[i] + rest1 * d
        square = beta2 * v[i] + rest2 * d * d
        m[i] = mean
        v[i] = square
        w[i] = w[i] * shrink - rate * mean / (math.sqrt(square) * root + epsilon)


@kernel
def adam(w, g, m, v, rate, scale, step, beta1, beta2, epsilon, clip, l1, l2, decay, decay_end):
    """Adam (Kingma and Ba, arXiv 1412.6980); with `decay`, AdamW (Loshchilov and Hutter, arXiv 1711.05101).

    m and v are the running means of g and g^2; step[0] is 1 at the first update.
    """
    if g.size != w.size or m.size != w.size or v.size != w.size:
        raise ValueError("adam: the arrays differ in size")
    real = w.dtype.type
    s, c, a, b, zero = real(scale[0]), bound_of(clip, real), real(l1), real(l2), real(0)
    r = real(rate[0] / (1.0 - beta1 ** step[0]))
    root = real(1.0 / math.sqrt(1.0 - beta2 ** step[0]))
    shrink, e = real(1.0 - rate[0] * decay), real(epsilon)
    b1, r1, b2, r2 = real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2)
    for index in prange(chunks(w.size)):
        i, k = span(index, w.size)
        mode = flush_denormals()
        j = decayed_part(i, k, decay_end)
        adam_part(w[i:j], g[i:j], m[i:j], v[i:j], r, root, s, b1, r1, b2, r2, e, c, a, b, shrink)
        adam_part(w[j:k], g[j:k], m[j:k], v[j:k], r, root, s, b1, r1, b2, r2, e, c, zero, zero, real(1))
        restore_denormals(mode)


@helper
def sum_of_squares(g):
    total = g.dtype.type(0)
    for i in range(g.size):
        total += g[i] * g[i]
    return np.float64(total)


@kernel
def clip_scale(scale, partials, g, max_norm):
    """scale[0] = min(1, max_norm / (norm of g + 1e-6)): the factor that clips g to a norm of max_norm.

    partials float64 (ceil(g.size / 4096),) is scratch; scale float64 (1,). A norm that is not finite gives NaN,
    which the weights will show.
    """
    parts = (g.size + NORM_CHUNK - 1) // NORM_CHUNK
    if partials.size < parts:
        raise ValueError("clip_scale: partials is too small")
    for index in prange(parts):
        start = np.int64(index) * NORM_CHUNK
        partials[index] = sum_of_squares(g[start : min(start + NORM_CHUNK, g.size)])
    total = 0.0
    for i in range(parts):
        total += partials[i]
    factor = max_norm / (math.sqrt(total) + 1e-6)
    scale[0] = 1.0 if factor > 1.0 else factor
