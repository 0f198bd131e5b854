"""Attention, forward and backward, against the oracle: masks, lengths, groups of heads, dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu
from numbanet.kernels.heads import Heads, fused_heads, separate_heads

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, normal, out

Array = np.ndarray[Any, Any]
NO_MASK = np.empty((0, 0), np.uint8)
STEP = np.array([9])


def inputs(rng: np.random.Generator, n: int, t: int, s: int, heads: Heads, dtype: Any) -> tuple[Array, Array]:
    """q and kv: one array where the heads are those of a fused projection, else two."""
    columns = heads.heads * heads.size
    if heads.k:
        x = normal(rng, (n, t, columns + 2 * heads.kv_heads * heads.size), dtype)
        return x, x
    return normal(rng, (n, t, columns), dtype), normal(rng, (n, s, 2 * heads.kv_heads * heads.size), dtype)


def outputs(q: Array, heads: Heads) -> tuple[Out, Out]:
    n, t = q.shape[:2]
    return out((n, t, heads.heads * heads.size), q.dtype), out((n, heads.heads, t), q.dtype)


def check(rng: np.random.Generator, q: Array, kv: Array, *how: Any) -> None:
    """All three outputs against the oracle. `how`: from the mask on.

    A score is a sum of `size` products, rounded as often, and its error multiplies a weight. The gradients have two
    more such sums. Weights add up to 1, so sums over keys add little.
    """
    heads, rate = how[1], how[4]
    e, size = eps(q.dtype), heads.size
    pairs = both("attention_forward", *outputs(q, heads), q, kv, *how)
    large = float(np.abs(kv).max(initial=1)) / (1 - rate)
    score = float(np.abs(q).max(initial=1)) * large * (size + 8) / size**0.5
    for (got, want), name in zip(pairs, ("y", "lse"), strict=True):
        assert_within(got, want, e * (score + 8) * large, name)
    y, lse = (got for got, _ in pairs)
    dy = normal(rng, y.shape, y.dtype)
    start_q, start_kv = np.full_like(q, 7), np.full_like(kv, 7)  # what belongs to no head stays as it is
    pairs = both("attention_backward", Out(start_q), Out(start_kv), dy, y, lse, q, kv, *how)
    for (got, want), name in zip(pairs, ("dq", "dkv"), strict=True):
        bound = e * (score + 8) * large * (size + q.shape[1] ** 0.5 + 8) * 4 / (1 - rate)
        assert_within(got, want, bound, name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("n", "t", "heads"),
    [
        (5, 17, fused_heads(4, 4, 16)), (1, 1, fused_heads(1, 1, 1)), (2, 150, fused_heads(2, 2, 24)),
        (1, 300, fused_heads(2, 1, 64)), (2, 64, fused_heads(6, 2, 7)), (3, 33, fused_heads(4, 1, 32)),
        (0, 5, fused_heads(2, 2, 4)), (1, 129, fused_heads(1, 1, 100)),
    ],
)  # fmt: skip
def test_self_attention(n: int, t: int, heads: Heads, causal: bool, dtype: Any) -> None:
    rng = np.random.default_rng(60)
    q, kv = inputs(rng, n, t, t, heads, dtype)
    mask = (rng.random((n, t)) < 0.7).astype(np.uint8)
    check(rng, q, kv, NO_MASK, heads, causal, 0, 0.0, 5, STEP, 2)
    check(rng, q, kv, mask, heads, causal, 0, 0.2, 5, STEP, 2)


@settings(adversarial)
@given(n=st.integers(1, 3), t=st.integers(1, 70), s=st.integers(1, 140), groups=st.integers(1, 3),
       share=st.integers(1, 3), size=st.integers(1, 40), causal=st.booleans(), past=st.integers(0, 60),
       rate=st.sampled_from([0.0, 0.4]), masked=st.sampled_from([0.0, 0.3, 1.0]), scale=st.sampled_from([1e-3, 1.0, 30.0]),
       dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32))  # fmt: skip
def test_any_shape(n: int, t: int, s: int, groups: int, share: int, size: int, causal: bool, past: int, rate: float,
                   masked: float, scale: float, dtype: Any, seed: int) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    heads = separate_heads(groups * share, groups, size)
    q, kv = inputs(rng, n, t, s, heads, dtype)
    mask = (rng.random((n, s)) >= masked).astype(np.uint8) if masked else NO_MASK
    check(rng, q * dtype(scale), kv, mask, heads, causal, past, rate, seed, STEP, 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_queries_that_see_nothing(dtype: Any) -> None:
    """Zeros and -inf, and gradients of zero, whatever the inputs."""
    heads, rng = fused_heads(2, 2, 8), np.random.default_rng(61)
    q, kv = inputs(rng, 3, 40, 40, heads, dtype)
    mask = np.ones((3, 40), np.uint8)
    mask[1], mask[2, :5] = 0, 0
    how = (mask, heads, True, 0, 0.0, 0, STEP, 0)
    [(y, _), (lse, _)] = both("attention_forward", *outputs(q, heads), q, kv, *how)
    assert not y[1].any() and not y[2, :5].any() and np.isneginf(lse[1]).all() and np.isneginf(lse[2, :, :5]).all()
    assert np.isfinite(lse[0]).all() and y[2, 5:].any()
    dx = np.empty_like(q)
    cpu.attention_backward(dx, dx, np.ones_like(y), y, lse, q, kv, *how)
    assert np.isfinite(dx).all() and not dx[1].any() and not dx[2, :5].any()


def test_what_fills_up_has_no_influence() -> None:
    """Keys beyond the mask may hold anything, and an example gives the same bits however many follow it."""
    heads, rng = fused_heads(2, 2, 8), np.random.default_rng(62)
    q, kv = inputs(rng, 2, 50, 50, heads, np.float32)
    mask = np.ones((2, 50), np.uint8)
    mask[:, 30:] = 0
    how = (mask, heads, False, 0, 0.0, 0, STEP, 0)
    (first, _), (_, _) = both("attention_forward", *outputs(q, heads), q, kv, *how)
    other = q.copy()
    other[:, 30:, heads.k :] = 1e30
    (second, _), (_, _) = both("attention_forward", *outputs(q, heads), q, other, *how)
    np.testing.assert_array_equal(first, second)


def test_tiled_equals_untiled() -> None:
    """A row by itself, of one block of keys, and as one of many in long sequences: the same to the last digits."""
    heads, rng = fused_heads(2, 2, 32), np.random.default_rng(63)
    q, kv = inputs(rng, 1, 700, 700, heads, np.float64)
    how = (NO_MASK, heads, True, 0, 0.0, 0, STEP, 0)
    (whole, _), _ = both("attention_forward", *outputs(q, heads), q, kv, *how)
    for i in (0, 1, 127, 128, 500, 699):
        row = np.ascontiguousarray(q[:, i : i + 1])
        one = (NO_MASK, heads, True, i, 0.0, 0, STEP, 0)
        (alone, _), _ = both("attention_forward", *outputs(row, heads), row, kv, *one)
        np.testing.assert_allclose(alone[0, 0], whole[0, i], rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_scores(dtype: Any) -> None:
    """Scores far beyond what an exponential could hold: the largest takes all."""
    heads = separate_heads(1, 1, 2)
    q, kv = np.array([[[1e4, 0.0]]], dtype), np.zeros((1, 200, 4), dtype)
    kv[0, :, 0], kv[0, :, 2] = np.arange(200), np.arange(200)
    (y, _), (lse, _) = both("attention_forward", *outputs(q, heads), q, kv, NO_MASK, heads, False, 0, 0.0, 0, STEP, 0)
    assert y[0, 0, 0] == 199 and np.isfinite(lse).all()


def test_not_a_number_goes_through() -> None:
    heads, rng = fused_heads(1, 1, 4), np.random.default_rng(64)
    q, kv = inputs(rng, 1, 20, 20, heads, np.float32)
    q[0, 3, 0] = np.nan
    y, lse = np.empty((1, 20, 4), np.float32), np.empty((1, 1, 20), np.float32)
    cpu.attention_forward(y, lse, q, kv, NO_MASK, heads, False, 0, 0.0, 0, STEP, 0)
    assert np.isnan(y[0, 3]).all() and np.isfinite(np.delete(y, 3, axis=1)).all()


@pytest.mark.parametrize(
    ("shapes", "heads"),
    [
        (((2, 3, 8), (2, 3, 2), (2, 3, 8), (2, 3, 16)), separate_heads(2, 2, 4)),  # lse turned
        (((2, 3, 8), (2, 2, 3), (2, 3, 7), (2, 3, 16)), separate_heads(2, 2, 4)),
        (((2, 3, 8), (2, 2, 3), (2, 3, 8), (2, 3, 15)), separate_heads(2, 2, 4)),
        (((2, 3, 12), (2, 3, 3), (2, 3, 12), (2, 3, 16)), separate_heads(3, 2, 4)),  # no whole groups
        (((2, 3, 8), (2, 2, 3), (2, 3, 8), (1, 3, 16)), separate_heads(2, 2, 4)),
    ],
)
def test_shapes_that_do_not_fit(shapes: Any, heads: Heads) -> None:
    y, lse, q, kv = (np.zeros(shape, np.float32) for shape in shapes)
    with pytest.raises(ValueError):
        cpu.attention_forward(y, lse, q, kv, NO_MASK, heads, False, 0, 0.0, 0, STEP, 0)
