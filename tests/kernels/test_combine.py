"""Sums with an activation, shares, and columns side by side, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu
from numbanet.kernels.codes import FUSED, LINEAR, RELU

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, normal, out

SIZES = (0, 1, 33, 16_384, 16_385, 30_011)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", sorted(FUSED))
def test_add_activation(activation: int, dtype: Any) -> None:
    """One rounding of the sum, which slopes of at most 1 don't enlarge; sigmoid and tanh add their own 2 ulp."""
    rng = np.random.default_rng(41)
    for size in SIZES:
        a, b = normal(rng, size, dtype), normal(rng, size, dtype)
        a[size // 2 : size // 2 + 1] = np.nan
        a[size // 3 : size // 3 + 1] = -np.inf
        [(got, want)] = both("add_activation", out(size, dtype), a, b, activation)
        own = 0 if activation in (LINEAR, RELU) else 2 * np.abs(np.nan_to_num(want))
        assert_within(got, want, eps(dtype) * (np.nan_to_num(np.abs(a.astype(np.float64) + b), posinf=0) + own))


@pytest.mark.parametrize("dtype", DTYPES)
def test_scale(dtype: Any) -> None:
    """The factor and the product are rounded once each; y may be x."""
    rng = np.random.default_rng(45)
    for size in SIZES:
        x = normal(rng, size, dtype)
        x[size // 2 : size // 2 + 1] = np.nan
        [(got, want)] = both("scale", out(size, dtype), x, 1 / 3)
        assert_within(got, want, eps(dtype) * np.nan_to_num(np.abs(want)))
        cpu.scale(x, x, 1 / 3)
        np.testing.assert_array_equal(x, got)
    with pytest.raises(ValueError, match="scale: y and x differ"):
        cpu.scale(np.ones(3), np.ones(2), 1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", sorted(FUSED))
def test_the_sum_may_lie_where_an_input_lay(activation: int, dtype: Any) -> None:
    rng = np.random.default_rng(42)
    for size in SIZES:
        a, b, want = normal(rng, size, dtype), normal(rng, size, dtype), np.empty(size, dtype)
        cpu.add_activation(want, a, b, activation)
        left, right, doubled, twice = a.copy(), b.copy(), a.copy(), np.empty(size, dtype)
        cpu.add_activation(left, left, b, activation)
        cpu.add_activation(right, a, right, activation)
        np.testing.assert_array_equal(left, want)
        np.testing.assert_array_equal(right, want)
        cpu.add_activation(doubled, doubled, doubled, activation)
        cpu.add_activation(twice, a, a.copy(), activation)
        np.testing.assert_array_equal(doubled, twice)


# (rows, y's columns, x's columns, y_first, x_first, columns)
COPIES = (
    (1, 1, 1, 0, 0, 1), (5, 7, 3, 2, 0, 3), (5, 3, 7, 0, 4, 3), (4, 6, 6, 1, 2, 3), (0, 4, 4, 0, 0, 4), (3, 4, 4, 4, 4, 0),
    (2, 9001, 9000, 1, 0, 9000), (700, 100, 36, 64, 0, 36), (700, 36, 100, 0, 64, 36), (20_000, 3, 2, 1, 1, 1),
)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("copy", COPIES)
def test_copy_columns(copy: tuple[int, ...], dtype: Any) -> None:
    """`both` compares the columns beside them too, which stay what they were."""
    n, width, x_width, *numbers = copy
    rng = np.random.default_rng(43)
    [(got, want)] = both(
        "copy_columns", Out(normal(rng, (n, width), dtype)), normal(rng, (n, x_width), dtype), *numbers
    )
    np.testing.assert_array_equal(got, want)


@settings(adversarial, max_examples=40)
@given(widths=st.lists(st.integers(1, 40), min_size=1, max_size=5), n=st.integers(0, 50), seed=st.integers(0, 2**32))
def test_side_by_side_and_apart_again(widths: list[int], n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [normal(rng, (n, width), np.float32) for width in widths]
    whole = np.full((n, sum(widths)), np.nan, np.float32)
    firsts = np.cumsum([0, *widths])
    for part, first in zip(parts, firsts, strict=False):
        cpu.copy_columns(whole, part, first, 0, part.shape[1])
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))
    for part, first in zip(parts, firsts, strict=False):
        back = np.empty_like(part)
        cpu.copy_columns(back, whole, 0, first, part.shape[1])
        np.testing.assert_array_equal(back, part)


def test_shapes_must_agree() -> None:
    three, four = np.ones(3), np.ones(4)
    for wrong in ((four, three, three), (three, four, three), (three, three, four)):
        with pytest.raises(ValueError):
            cpu.add_activation(*wrong, LINEAR)
    y, x = np.ones((2, 5)), np.ones((2, 3))
    for numbers in ((3, 0, 3), (0, 1, 3), (-1, 0, 2), (0, -1, 2), (0, 0, -1), (0, 0, 4)):
        with pytest.raises(ValueError):
            cpu.copy_columns(y, x, *numbers)
    with pytest.raises(ValueError):
        cpu.copy_columns(y, np.ones((3, 3)), 0, 0, 3)
