"""Running averages, against the oracle and a mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu

from .helpers import DTYPES, Out, assert_within, both, eps, normal


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 17, 16_384, 16_385, 100_003])
@pytest.mark.parametrize("rate", [0.0, 0.001, 0.5, 1.0])
def test_against_the_oracle(rate: float, size: int, dtype: Any) -> None:
    """A difference, a product and a sum, rounded once each; the rate as well."""
    rng = np.random.default_rng(40)
    a, b = normal(rng, size, dtype), normal(rng, size, dtype)
    [(got, want)] = both("average", Out(a), b, rate)
    assert_within(got, want, 2 * eps(dtype) * (np.abs(a) + np.abs(b)))
    if rate in (0.0, 1.0):
        np.testing.assert_array_equal(got, a if rate == 0 else b)


def test_a_rate_of_one_forgets_whatever_was_there() -> None:
    a, b = np.array([np.nan, np.inf, 1.0]), np.array([1.0, 2.0, np.nan])
    cpu.average(a, b, 1.0)
    np.testing.assert_array_equal(a, b)


def test_rates_of_one_over_n_are_the_mean() -> None:
    numbers = np.random.default_rng(41).standard_normal((9, 50_000))
    mean = np.full(50_000, np.nan)
    for count, row in enumerate(numbers, start=1):
        cpu.average(mean, row, 1 / count)
    np.testing.assert_allclose(mean, numbers.mean(axis=0), rtol=1e-13, atol=1e-14)


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        cpu.average(np.zeros(3), np.zeros(4), 0.5)
