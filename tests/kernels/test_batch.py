"""Gathering a batch, and normalization, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, adversarial, assert_within, both, eps, normal, out

SHAPES = ((1, 1), (128, 784), (96, 784), (7, 13), (0, 5), (4, 0), (3, 9001), (9001, 3), (20_000, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("source", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_gather(shape: tuple[int, int], source: Any, dtype: Any) -> None:
    """The factor, and the product with it, are rounded once each."""
    rng = np.random.default_rng(11)
    data = (rng.random((300, shape[1])) * 255).astype(source)
    rows = rng.integers(0, 300, shape[0])
    for scale in (1.0, 1 / 255):
        [(got, want)] = both("gather", out(shape, dtype), data, rows, scale)
        # Data of float64 in a float32 network are rounded first: one half eps more.
        assert_within(got, want, 2 * eps(dtype) * np.abs(want))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_byte(dtype: Any) -> None:
    """0 is 0, 255 is 1, and whole numbers stay what they are."""
    data = np.arange(256, dtype=np.uint8).reshape(256, 1)
    rows = np.arange(255, -1, -1)
    [(got, _)] = both("gather", out((256, 1), dtype), data, rows, 1.0)
    np.testing.assert_array_equal(got[:, 0], rows)
    [(got, want)] = both("gather", out((256, 1), dtype), data, rows, 1 / 255)
    assert_within(got, want, eps(dtype) * want)
    assert got[255, 0] == 0 and got[0, 0] == 1


@settings(adversarial, max_examples=40)
@given(rows=st.lists(st.integers(0, 9), max_size=50), features=st.integers(0, 40))
def test_rows_may_repeat_in_any_order(rows: list[int], features: int) -> None:
    data = np.arange(10 * features, dtype=np.float32).reshape(10, features)
    index = np.array(rows, np.int64)
    [(got, want)] = both("gather", out((len(rows), features), np.float32), data, index, 1.0)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("shape", SHAPES)
def test_gather_tokens(shape: tuple[int, int]) -> None:
    """Whole numbers stay whole: tokens, and the labels of their steps."""
    rng = np.random.default_rng(14)
    data, rows = rng.integers(-1, 2**40, (300, shape[1])), rng.integers(0, 300, shape[0])
    [(got, want)] = both("gather", out(shape, np.int64), data, rows, 1.0)
    np.testing.assert_array_equal(got, data[rows])
    np.testing.assert_array_equal(want, data[rows])


@pytest.mark.parametrize("source", [np.int64, np.float32, np.float64])
def test_gather_labels(source: Any) -> None:
    labels = np.arange(1000, 1300).astype(source)
    rows = np.random.default_rng(12).integers(0, 300, 777)
    for count in (0, 1, 777):
        [(got, _)] = both("gather_labels", out(count, source), labels, rows[:count].copy())
        np.testing.assert_array_equal(got, labels[rows[:count]])


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("row", [-1, 10, 2**62])
def test_rows_outside_the_data(kernels: Any, row: int) -> None:
    """An error, not memory of someone else, nor NumPy's -1 for the last."""
    rows = np.array([3, row, 0])
    with pytest.raises(IndexError):
        kernels.gather(np.empty((3, 4), np.float32), np.ones((10, 4), np.uint8), rows, 1.0)
    with pytest.raises(IndexError):
        kernels.gather_labels(np.empty(3, np.int64), np.ones(10, np.int64), rows)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_normalize(shape: tuple[int, int], dtype: Any) -> None:
    """One difference and one product; the oracle's inputs are the same, so no cancellation is anyone's fault."""
    rng = np.random.default_rng(13)
    x, mean = normal(rng, shape, dtype), normal(rng, shape[1], dtype)
    inverse_std = (1 / (0.1 + rng.random(shape[1]))).astype(dtype)
    [(got, want)] = both("normalize", out(shape, dtype), x, mean, inverse_std)
    assert_within(got, want, 1.5 * eps(dtype) * np.abs(want))
    [(got, want)] = both("normalize_backward", out(shape, dtype), x, inverse_std)
    assert_within(got, want, eps(dtype) * np.abs(want))


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_stay_in_their_place(dtype: Any) -> None:
    x = np.zeros((4, 9), dtype)
    x[1, 2], x[3, 8] = np.nan, -np.inf
    ones = np.ones(9, dtype)
    for name, extra in (("normalize", (ones, ones)), ("normalize_backward", (ones,))):
        [(got, want)] = both(name, out(x.shape, dtype), x, *extra)
        np.testing.assert_array_equal(got, want)


def test_shapes_must_agree() -> None:
    x, three, four = np.ones((2, 3)), np.ones(3), np.ones(4)
    for wrong in ((x, x, four, three), (x, x, three, four), (x[:1], x, three, three)):
        with pytest.raises(ValueError):
            cpu.normalize(*wrong)
    for wrong in ((x, x, four), (x[:1], x, three)):
        with pytest.raises(ValueError):
            cpu.normalize_backward(*wrong)
    rows = np.zeros(2, np.int64)
    for batch in (np.ones((3, 3)), np.ones((2, 4))):
        with pytest.raises(ValueError):
            cpu.gather(batch, x, rows, 1.0)
    with pytest.raises(ValueError):
        cpu.gather_labels(np.ones(3), three, rows)
