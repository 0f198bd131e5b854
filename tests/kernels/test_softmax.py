"""Softmax and log-softmax, forward and backward, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, adversarial, assert_within, both, eps, out, tiny

Array = np.ndarray[Any, Any]
# One row, few and many; one class, primes, a whole vector; rows beyond one chunk (8192) and enough for two threads.
SHAPES = ((1, 1), (1, 10), (3, 1), (7, 2), (128, 10), (37, 53), (5, 1000), (3, 9001), (4099, 7), (0, 10))
logits = st.one_of(st.floats(-1e4, 1e4, width=32), st.sampled_from([1e4, -1e4, 0.0, 88.0, 104.0, -1e-40, -np.inf]))


def check_forward(x: Array) -> None:
    """The exponents x - max are rounded once (an error of |x - max| eps / 2, relative in the power), the powers to
    2 ulp, their sum of c terms to c eps / 2."""
    e, c = eps(x.dtype), x.shape[1]
    with np.errstate(invalid="ignore"):
        distance = np.abs(x - np.max(x, axis=1, keepdims=True, initial=-np.inf)).astype(np.float64)
    distance = np.minimum(np.nan_to_num(distance, posinf=800), 800)  # beyond, the power is 0 whatever the error
    [(got, want)] = both("softmax_forward", out(x.shape, x.dtype), x)
    assert_within(got, want, e * (c / 2 + 6 + distance) * want + 2 * tiny(x.dtype), "softmax")
    [(got, want)] = both("log_softmax_forward", out(x.shape, x.dtype), x)
    finite = np.where(np.isfinite(want), np.abs(want), 0)
    assert_within(got, want, e * (c / 2 + 6 + 2 * finite), "log_softmax")


def check_backward(x: Array, dy: Array) -> None:
    """The sum over c terms is off by at most (c + 2) eps times the sum of their sizes."""
    e, c = eps(x.dtype), x.shape[1]
    y, log_y = np.empty_like(x), np.empty_like(x)
    reference.softmax_forward(y, x)
    reference.log_softmax_forward(log_y, x)
    size, share = np.abs(dy.astype(np.float64)), y.astype(np.float64)
    [(got, want)] = both("softmax_backward", out(x.shape, x.dtype), dy, y)
    bound = e * share * (2 * size + (c + 2) * np.sum(size * share, axis=1, keepdims=True))
    assert_within(got, want, bound + tiny(x.dtype) * (1 + c * size), "softmax_backward")
    [(got, want)] = both("log_softmax_backward", out(x.shape, x.dtype), dy, log_y)
    total = np.sum(size, axis=1, keepdims=True)
    bound = e * (size + (c + 4) * np.exp(log_y.astype(np.float64)) * total)
    # A power that is denormal is off by up to 2 of the smallest, before it is multiplied.
    assert_within(got, want, bound + tiny(x.dtype) * (1 + 2 * total), "log_softmax_backward")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: tuple[int, int], dtype: Any) -> None:
    rng = np.random.default_rng(7)
    x = (rng.standard_normal(shape) * 5).astype(dtype)
    check_forward(x)
    check_backward(x, rng.standard_normal(shape).astype(dtype))


@settings(adversarial)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), rows=st.integers(1, 5), classes=st.integers(1, 20))
def test_adversarial_logits(data: Any, dtype: Any, rows: int, classes: int) -> None:
    x = data.draw(hnp.arrays(np.float32, (rows, classes), elements=logits)).astype(dtype)
    x[:, 0] = np.nan_to_num(x[:, 0], neginf=0)  # a row of nothing but -inf has no softmax
    check_forward(x)
    finite = np.maximum(x, dtype(-1e4))
    check_backward(finite, np.arange(x.size).reshape(x.shape).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax_forward", "log_softmax_forward"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("at", [0, 3, 18])
def test_nan_and_inf_spoil_their_row_alone(name: str, bad: float, at: int, dtype: Any) -> None:
    x = np.zeros((5, 19), dtype)
    x[2, at] = bad
    [(got, want)] = both(name, out(x.shape, dtype), x)
    assert np.isnan(got[2]).any() and np.isfinite(got[[0, 1, 3, 4]]).all()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


@pytest.mark.parametrize("name", ["softmax_backward", "log_softmax_backward"])
def test_nan_gradients_go_on(name: str) -> None:
    y, dy = np.full((3, 8), 0.125), np.ones((3, 8))
    dy[1, 5] = np.nan
    [(got, want)] = both(name, out((3, 8), np.float64), dy, y)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_sum_to_one(dtype: Any) -> None:
    x = (np.random.default_rng(8).standard_normal((200, 10)) * 30).astype(dtype)
    y = np.empty_like(x)
    cpu.softmax_forward(y, x)
    np.testing.assert_allclose(y.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=10 * eps(dtype))


def test_shapes_must_agree() -> None:
    a, b = np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)
    for name in ("softmax_forward", "log_softmax_forward"):
        with pytest.raises(ValueError):
            getattr(cpu, name)(a, b)
    for name in ("softmax_backward", "log_softmax_backward"):
        with pytest.raises(ValueError):
            getattr(cpu, name)(a, b, a)
        with pytest.raises(ValueError):
            getattr(cpu, name)(a, a, b)
