"""The gradient of an embedding's table, against the oracle, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, Out, assert_within, both, eps, normal, out

CASES = [(1, 1, 1), (5, 3, 40), (300, 70, 1000), (2000, 33, 900), (9, 64, 3000), (4, 5, 0)]  # vocabulary, units, tokens
NONE = np.empty(0, np.int64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", [-1, 0])
@pytest.mark.parametrize("case", CASES)
def test_gradient(case: tuple[int, int, int], padding: int, dtype: Any) -> None:
    """As many roundings as a token appears; the rows of the step before are cleared, whatever they hold."""
    vocabulary, units, count = case
    rng = np.random.default_rng(81)
    tokens, dy = rng.integers(0, vocabulary, count), normal(rng, (count, units), dtype)
    stale = rng.integers(0, vocabulary, 20)
    table = np.zeros((vocabulary, units), dtype)
    table[stale] = np.nan
    (got, want), (touched, _) = both("embedding_backward", Out(table), out(count, np.int64), dy, tokens, stale, padding)
    size = np.zeros((vocabulary, units))
    np.add.at(size, tokens, np.abs(dy))
    assert_within(got, want, eps(dtype) * max(1, count) * size)
    np.testing.assert_array_equal(touched, tokens)
    if padding == 0:
        assert not got[0].any()


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
def test_step_after_step(kernels: Any) -> None:
    """Only the rows of the tokens, and of those before, are written; the result is as from a clean table."""
    rng = np.random.default_rng(82)
    table, touched = np.zeros((1000, 40)), np.empty(30, np.int64)
    stale = NONE
    for _ in range(4):
        tokens, dy = rng.integers(0, 500, 30), rng.standard_normal((30, 40))
        table[500:] = 7.0  # nobody's business
        kernels.embedding_backward(table, touched, dy, tokens, stale, -1)
        clean = np.zeros_like(table)
        np.add.at(clean, tokens, dy)
        np.testing.assert_allclose(table[:500], clean[:500], rtol=1e-14, atol=1e-14)
        assert (table[500:] == 7.0).all()
        stale = touched  # it may be the very array that is written next


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
def test_a_table_that_has_a_gradient_already(kernels: Any) -> None:
    """Without stale rows the gradient is added: so can a table serve another layer as well."""
    rng = np.random.default_rng(83)
    tokens, dy, before = rng.integers(0, 6, 50), rng.standard_normal((50, 3)), rng.standard_normal((6, 3))
    table, want = before.copy(), before.copy()
    kernels.embedding_backward(table, np.empty(50, np.int64), dy, tokens, NONE, 2)
    np.add.at(want, tokens[tokens != 2], dy[tokens != 2])
    np.testing.assert_allclose(table, want, rtol=1e-13)


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
def test_more_stale_rows_than_there_are(kernels: Any) -> None:
    table, tokens = np.full((3, 2), np.nan), np.array([1])
    kernels.embedding_backward(table, np.empty(1, np.int64), np.ones((1, 2)), tokens, np.array([0, 0, 1]), -1)
    np.testing.assert_array_equal(table, [[0, 0], [1, 1], [0, 0]])


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("bad", [-1, 5, 2**62])
def test_tokens_outside_the_table(kernels: Any, bad: int) -> None:
    """An error before anything is written, not memory of someone else, nor NumPy's -1 for the last."""
    table, good = np.ones((5, 2)), np.array([0, 1])
    for tokens, stale in ((np.array([0, bad]), NONE), (good, np.array([bad]))):
        with pytest.raises(IndexError):
            kernels.embedding_backward(table, np.empty(2, np.int64), np.ones((2, 2)), tokens, stale, -1)
    assert (table == 1).all()


def test_shapes_must_agree() -> None:
    table, tokens, dy = np.ones((5, 2)), np.array([0, 1]), np.ones((2, 2))
    for wrong in ((np.empty(3, np.int64), dy), (np.empty(2, np.int64), np.ones((3, 2))),
                  (np.empty(2, np.int64), np.ones((2, 3)))):  # fmt: skip
        with pytest.raises(ValueError, match="embedding_backward: dtable"):
            cpu.embedding_backward(table, *wrong, tokens, NONE, -1)
