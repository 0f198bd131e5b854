"""The bias by itself, with an activation, and its gradient, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu
from numbanet.kernels.codes import FUSED, LINEAR, RELU

from .helpers import DTYPES, Out, assert_within, both, eps, normal, out

SHAPES = [(1, 1, 1), (3, 5, 7), (2, 700, 33), (5, 1, 10_000), (7, 1001, 3), (0, 4, 3)]  # (n, pixels, channels)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_forward(shape: tuple[int, int, int], dtype: Any) -> None:
    """One rounding of the sum, and the activation's 2 ulp; their slopes are at most 1."""
    n, pixels, channels = shape
    rng = np.random.default_rng(43)
    y, b = normal(rng, (n * pixels, channels), dtype), normal(rng, channels, dtype)
    for activation in sorted(FUSED):
        for bias in (b, b[:0].copy()):
            [(got, want)] = both("bias_forward", Out(y), bias, activation)
            own = 0 if activation in (LINEAR, RELU) else 2
            size = np.abs(y) + (np.abs(bias) if bias.size else 0)
            assert_within(got, want, eps(dtype) * (size + own * np.abs(want)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_backward(shape: tuple[int, int, int], dtype: Any) -> None:
    n, pixels, channels = shape
    dy = normal(np.random.default_rng(44), shape, dtype)
    (got, want), partials = both("bias_backward", out(channels, dtype), out((n, channels), dtype), dy)
    assert_within(got, want, (n + pixels) * eps(dtype) * np.abs(dy).sum(axis=(0, 1), dtype=np.float64), "db")
    assert_within(*partials, pixels * eps(dtype) * np.abs(dy).sum(axis=1, dtype=np.float64), "partials")


def test_shapes_must_agree() -> None:
    f = np.float32
    with pytest.raises(ValueError, match="bias_forward: the shapes"):
        cpu.bias_forward(np.ones((2, 3), f), np.ones(2, f), LINEAR)
    dy = np.ones((2, 4, 3), f)
    for db, partials in ((np.ones(2, f), np.ones((2, 3), f)), (np.ones(3, f), np.ones((1, 3), f))):
        with pytest.raises(ValueError, match="bias_backward: the shapes"):
            cpu.bias_backward(db, partials, dy)
