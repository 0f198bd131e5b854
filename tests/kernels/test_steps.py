"""Steps of sequences: masks, and pooling over the real ones, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu
from numbanet.kernels.codes import LAST_STEP, MAX_OF_STEPS, MEAN_OF_STEPS

from .helpers import DTYPES, assert_within, both, eps, normal, out

HOW = (LAST_STEP, MEAN_OF_STEPS, MAX_OF_STEPS)
SHAPES = [(1, 1, 1), (3, 5, 7), (40, 11, 70), (2, 300, 33), (5, 1, 10), (0, 4, 3)]  # (n, t, f)
NO_MASK = np.empty((0, 0), np.uint8)


def masks(rng: np.random.Generator, n: int, t: int) -> list[np.ndarray[Any, Any]]:
    """None; steps missing anywhere, one example without any; ends missing, as where sequences were filled up."""
    anywhere = (rng.random((n, t)) < 0.6).astype(np.uint8)
    anywhere[:1] = 0
    ends = (np.arange(t) < rng.integers(1, t + 1, (n, 1))).astype(np.uint8)
    return [NO_MASK, anywhere, ends]


@pytest.mark.parametrize("dtype", [*DTYPES, np.int64])
@pytest.mark.parametrize("value", [0, 3])
def test_mask_steps(value: int, dtype: Any) -> None:
    x = np.random.default_rng(71).integers(0, 2, (60, 9, 3)).astype(dtype) * 3
    [(got, _)] = both("mask_steps", out((60, 9), np.uint8), x, float(value))
    np.testing.assert_array_equal(got, np.any(x != value, axis=2))
    assert {0, 1} == set(got.reshape(-1).tolist())


def test_a_step_of_nan_is_real() -> None:
    mask = np.empty((1, 2), np.uint8)
    cpu.mask_steps(mask, np.array([[[np.nan], [0.0]]]), 0.0)
    np.testing.assert_array_equal(mask, [[1, 0]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("how", HOW)
def test_pool_steps(how: int, shape: tuple[int, int, int], dtype: Any) -> None:
    """A copy is exact; a mean of t steps rounds t times. What stands in masked steps does not count, nor NaN."""
    n, t, f = shape
    rng = np.random.default_rng(72)
    for mask in masks(rng, n, t):
        x, dy = normal(rng, shape, dtype).round(1), normal(rng, (n, f), dtype)  # rounded: some are equal
        if mask.size:
            x[mask == 0] = np.nan
        bound = (t + 1) * eps(dtype) * np.nansum(np.abs(x), axis=1) / max(1, t) if how == MEAN_OF_STEPS else 0
        [(got, want)] = both("pool_steps_forward", out((n, f), dtype), x, mask, how)
        assert_within(got, want, bound * t if how == MEAN_OF_STEPS else 0, "y")
        [(got, want)] = both("pool_steps_backward", out(shape, dtype), dy, x, mask, how)
        assert_within(got, want, 2 * eps(dtype) * np.abs(want), "dx")
        if mask.size:
            assert not got[mask == 0].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_is_the_largest(dtype: Any) -> None:
    """The first one, so that a diverged network shows in y and in dx."""
    x = np.array([[[1.0], [np.nan], [3.0], [np.nan]]], dtype)
    [(got, _)] = both("pool_steps_forward", out((1, 1), dtype), x, NO_MASK, MAX_OF_STEPS)
    assert np.isnan(got).all()
    [(got, want)] = both("pool_steps_backward", out((1, 4, 1), dtype), np.ones((1, 1), dtype), x, NO_MASK, MAX_OF_STEPS)
    np.testing.assert_array_equal(got.reshape(-1), [0, 1, 0, 0])
    np.testing.assert_array_equal(want, got)


def test_shapes_must_agree() -> None:
    x, y = np.ones((2, 3, 4)), np.ones((2, 4))
    with pytest.raises(ValueError, match="mask_steps: the shapes"):
        cpu.mask_steps(np.ones((3, 2), np.uint8), x, 0.0)
    for wrong, mask in ((np.ones((2, 3)), NO_MASK), (np.ones((1, 4)), NO_MASK), (y, np.ones((2, 4), np.uint8))):
        with pytest.raises(ValueError, match="pool_steps: the shapes"):
            cpu.pool_steps_forward(wrong, x, mask, LAST_STEP)
        with pytest.raises(ValueError, match="pool_steps: the shapes"):
            cpu.pool_steps_backward(np.ones_like(x), wrong, x, mask, LAST_STEP)
    with pytest.raises(ValueError, match="pool_steps_backward: dx and x"):
        cpu.pool_steps_backward(np.ones((2, 3, 5)), y, x, NO_MASK, LAST_STEP)
