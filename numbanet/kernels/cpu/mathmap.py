"""The vector mathematics of `vectormath`, as kernels over flat arrays: y = f(x).

Overwritten (`=`); y may be x.
"""

from __future__ import annotations

from numba import prange

from numbanet.kernels.cpu import vectormath
from numbanet.kernels.cpu.elementwise import chunks, span
from numbanet.kernels.jit import helper, kernel


@helper
def exp_part(y, x):
    for i in range(x.size):
        y[i] = vectormath.exp(x[i])


@kernel
def exp(y, x):
    """y = e^x."""
    if y.size != x.size:
        raise ValueError("exp: y and x differ in size")
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        exp_part(y[start:stop], x[start:stop])


@helper
def tanh_part(y, x):
    for i in range(x.size):
        y[i] = vectormath.tanh(x[i])


@kernel
def tanh(y, x):
    """y = tanh x."""
    if y.size != x.size:
        raise ValueError("tanh: y and x differ in size")
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        tanh_part(y[start:stop], x[start:stop])


@helper
def sigmoid_part(y, x):
    for i in range(x.size):
        y[i] = vectormath.sigmoid(x[i])


@kernel
def sigmoid(y, x):
    """y = 1 / (1 + e^-x)."""
    if y.size != x.size:
        raise ValueError("sigmoid: y and x differ in size")
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        sigmoid_part(y[start:stop], x[start:stop])


@helper
def erf_part(y, x):
    for i in range(x.size):
        y[i] = vectormath.erf(x[i])


@kernel
def erf(y, x):
    """y = the error function of x."""
    if y.size != x.size:
        raise ValueError("erf: y and x differ in size")
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        erf_part(y[start:stop], x[start:stop])


@helper
def log1p01_part(y, x):
    for i in range(x.size):
        y[i] = vectormath.log1p01(x[i])


@kernel
def log1p01(y, x):
    """y = log(1 + x), for 0 <= x <= 1."""
    if y.size != x.size:
        raise ValueError("log1p01: y and x differ in size")
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        log1p01_part(y[start:stop], x[start:stop])
