"""Elementwise functions over flat arrays. Outputs are overwritten (`=`); y may be x."""

from __future__ import annotations

import math

import numpy as np

from numbanet.kernels.reference.arrays import Array, quiet, wide


@quiet
def exp(y: Array, x: Array) -> None:
    """y = e^x."""
    y[...] = np.exp(wide(x))


@quiet
def tanh(y: Array, x: Array) -> None:
    """y = tanh(x)."""
    y[...] = np.tanh(wide(x))


@quiet
def sigmoid(y: Array, x: Array) -> None:
    """y = 1 / (1 + e^-x), from the power that cannot overflow."""
    x = wide(x)
    small = np.exp(-np.abs(x))
    y[...] = np.where(x >= 0, 1 / (1 + small), small / (1 + small))


@quiet
def erf(y: Array, x: Array) -> None:
    """y = erf(x), the error function."""
    y[...] = np.fromiter(map(math.erf, wide(x).tolist()), np.float64, x.size)


@quiet
def log1p01(y: Array, x: Array) -> None:
    """y = log(1 + x), for 0 <= x <= 1 alone: what softplus and the losses need of it."""
    y[...] = np.log1p(wide(x))
