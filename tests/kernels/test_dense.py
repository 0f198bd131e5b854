"""The dense layer's three kernels against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference
from numbanet.kernels.codes import FUSED, LINEAR, RELU, SIGMOID, TANH

from .helpers import DTYPES, adversarial, assert_within, both, eps, normal, out

Array = np.ndarray[Any, Any]
# (n, in, out): the workloads' layers and a last, smaller batch; primes; nothing; one; beyond every block.
SHAPES = (
    (128, 784, 128), (96, 784, 128), (128, 128, 10), (1, 784, 10), (37, 301, 53), (1, 1, 1), (2, 3, 1), (17, 1, 31),
    (0, 5, 4), (3, 0, 4), (3, 5, 0), (513, 19, 65), (400, 520, 210),
)  # fmt: skip


def check_forward(x: Array, w: Array, b: Array, activation: int) -> None:
    """(k + 3) eps (|x| |w| + |b|) as in the matrix product, and the bias. All activations have slopes of at most 1,
    so they don't enlarge it; sigmoid and tanh add their own 2 ulp."""
    n, width = x.shape[0], w.shape[1]
    [(got, want)] = both("dense_forward", out((n, width), x.dtype), x, w, b, activation)
    size = np.abs(x.astype(np.float64)) @ np.abs(w.astype(np.float64)) + (np.abs(b) if b.size else 0)
    own = 0 if activation in (LINEAR, RELU) else 2
    assert_within(got, want, eps(x.dtype) * ((len(w) + 3) * size + own * np.abs(want)))


def check_backward(x: Array, w: Array, dy: Array, bias: bool) -> None:
    """The bound of the matrix product; a sum of n terms for the bias."""
    (n, width_in), width_out, e = x.shape, w.shape[1], eps(x.dtype)
    wide_x, wide_w, wide_dy = (np.abs(a.astype(np.float64)) for a in (x, w, dy))
    [(got, want)] = both("dense_backward_input", out((n, width_in), x.dtype), dy, w)
    assert_within(got, want, (width_out + 3) * e * (wide_dy @ wide_w.T), "dx")
    dw, db = out((width_in, width_out), x.dtype), out(width_out if bias else 0, x.dtype)
    (dw_pair, db_pair) = both("dense_backward_params", dw, db, x, dy)
    assert_within(*dw_pair, (n + 3) * e * (wide_x.T @ wide_dy), "dw")
    assert_within(*db_pair, n * e * wide_dy.sum(axis=0) if bias else 0, "db")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: tuple[int, int, int], dtype: Any) -> None:
    n, width_in, width_out = shape
    rng = np.random.default_rng(9)
    x, w, b = (normal(rng, s, dtype) for s in ((n, width_in), (width_in, width_out), width_out))
    w /= max(1, width_in) ** 0.5
    for activation in sorted(FUSED):
        check_forward(x, w, b, activation)
        check_forward(x, w, b[:0].copy(), activation)
    dy = normal(rng, (n, width_out), dtype)
    check_backward(x, w, dy, bias=True)
    check_backward(x, w, dy, bias=False)


@settings(adversarial)
@given(n=st.integers(0, 40), width_in=st.integers(0, 70), width_out=st.integers(0, 70), bias=st.booleans(),
       activation=st.sampled_from(sorted(FUSED)), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32),
       scale=st.sampled_from([1e-3, 1.0, 1e3]))  # fmt: skip
def test_any_shape(n: int, width_in: int, width_out: int, bias: bool, activation: int, dtype: Any, seed: int,
                   scale: float) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    x, w = (normal(rng, s, dtype) * dtype(scale) for s in ((n, width_in), (width_in, width_out)))
    check_forward(x, w, normal(rng, width_out if bias else 0, dtype), activation)
    check_backward(x, w, normal(rng, (n, width_out), dtype), bias)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [LINEAR, RELU, SIGMOID, TANH])
def test_nan_and_infinity_go_through(activation: int, dtype: Any) -> None:
    x, w, b = np.ones((6, 5), dtype), np.ones((5, 40), dtype), np.zeros(40, dtype)
    x[1, 2], w[0, 39], b[7] = np.nan, np.inf, -np.inf
    [(got, want)] = both("dense_forward", out((6, 40), dtype), x, w, b, activation)
    special = ~np.isfinite(want)
    np.testing.assert_array_equal(got[special], want[special])
    np.testing.assert_array_equal(np.isfinite(got), ~special)
    assert np.isnan(got[1]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", sorted(FUSED))
def test_backward_through_the_activation(activation: int, dtype: Any) -> None:
    """1 - y is rounded relative to itself, 1 - y^2 relative to 1."""
    rng = np.random.default_rng(28)
    for size in (0, 1, 33, 16_384, 16_385, 30_011):
        y, dy = np.empty(size, dtype), normal(rng, size, dtype)
        reference.activation_forward(y, normal(rng, size, dtype), activation, 0.0)
        dy[size // 2 : size // 2 + 1] = np.nan
        y[size // 2 : size // 2 + 1] = 0.5
        [(got, want)] = both("dense_backward_activation", out(size, dtype), dy, y, activation)
        exact = activation in (LINEAR, RELU)
        assert_within(got, want, 0 if exact else 3 * eps(dtype) * np.nan_to_num(np.abs(dy)))
    with pytest.raises(ValueError):
        cpu.dense_backward_activation(np.ones(3, dtype), np.ones(4, dtype), np.ones(4, dtype), activation)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_gradients_go_on(dtype: Any) -> None:
    x, w, dy = np.ones((6, 5), dtype), np.ones((5, 40), dtype), np.ones((6, 40), dtype)
    dy[3, 33] = np.nan
    [(dx, _)] = both("dense_backward_input", out((6, 5), dtype), dy, w)
    assert np.isnan(dx[3]).all() and np.isfinite(dx[[0, 1, 2, 4, 5]]).all()
    [(dw, _), (db, _)] = both("dense_backward_params", out((5, 40), dtype), out(40, dtype), x, dy)
    assert np.isnan(dw[:, 33]).all() and np.isnan(db[33])
    assert np.isfinite(np.delete(dw, 33, 1)).all() and np.isfinite(np.delete(db, 33)).all()


def test_the_oracles_gradients_are_its_slopes() -> None:
    """Linear in each argument, so that central differences in float64 are exact up to rounding."""
    rng = np.random.default_rng(10)
    x, w, b, dy = (rng.standard_normal(s) for s in ((4, 3), (3, 5), (5,), (4, 5)))
    dx, dw, db = (np.empty_like(a) for a in (x, w, b))
    reference.dense_backward_input(dx, dy, w)
    reference.dense_backward_params(dw, db, x, dy)

    def loss() -> float:
        y = np.empty((4, 5))
        reference.dense_forward(y, x, w, b, LINEAR)
        return float(np.sum(y * dy))

    for array, gradient in ((x, dx), (w, dw), (b, db)):
        for at in np.ndindex(array.shape):
            before = array[at]
            array[at] = before + 0.5
            above = loss()
            array[at] = before - 0.5
            slope = above - loss()
            array[at] = before
            assert abs(slope - gradient[at]) < 1e-12


def test_shapes_must_agree() -> None:
    f = np.float32
    x, w, b, y = np.ones((2, 3), f), np.ones((3, 4), f), np.ones(4, f), np.ones((2, 4), f)
    for wrong in ((y, x, w, b[:3]), (y[:, :3].copy(), x, w, b), (y[:1], x, w, b), (y, x, w[:2], b)):
        with pytest.raises(ValueError):
            cpu.dense_forward(*wrong, LINEAR)
    for wrong in ((x, y, w[:2]), (x[:1], y, w), (x, y[:, :3].copy(), w)):
        with pytest.raises(ValueError):
            cpu.dense_backward_input(*wrong)
    for wrong in ((w, b[:3], x, y), (w[:2], b, x, y), (w, b, x[:1], y), (w, b, x, y[:, :3].copy())):
        with pytest.raises(ValueError):
            cpu.dense_backward_params(*wrong)
