"""Mixup and CutMix against the oracle; the distribution of the shares; what does not depend on what."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu
from numbanet.kernels.mixing import TABLE, beta_quantiles

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, normal, out

NONE = np.empty(0)
SHAPES = ((28, 28, 1), (7, 5, 3), (1, 1, 40), (3, 400, 20))


def mixed(n: int, shape: tuple[int, int, int], mixup: Any, cutmix: Any, seed: int = 3, step: int = 5) -> Any:
    """A batch whose example i is full of i, mixed; and the shares."""
    x = np.repeat(np.arange(n, dtype=np.float64)[:, None], math.prod(shape), axis=1)
    shares = np.empty(n)
    cpu.mix_pairs(x, shares, shape, mixup, cutmix, seed, np.array([step]))
    return x, shares


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 40])
@pytest.mark.parametrize(("mixup", "cutmix"), [(0.2, 0), (0, 1.0), (1.5, 0.7)])
def test_against_the_oracle(mixup: float, cutmix: float, n: int, shape: tuple[int, int, int], dtype: Any) -> None:
    """The share is rounded once; a blend has two products and a sum."""
    x = normal(np.random.default_rng(42), (n, math.prod(shape)), dtype)
    tables = beta_quantiles(mixup), beta_quantiles(cutmix)
    (got, want), (shares, wanted) = both("mix_pairs", Out(x), out(n, dtype), shape, *tables, 11, np.array([4]))
    assert_within(shares, wanted, eps(dtype))
    assert_within(got, want, 3 * eps(dtype) * (np.abs(x) + np.abs(x[::-1])))


@settings(adversarial)
@given(
    seed=st.integers(-(2**63), 2**63 - 1), step=st.integers(0, 2**40), n=st.integers(0, 9),
    height=st.integers(1, 9), width=st.integers(1, 9), channels=st.integers(1, 4), which=st.integers(1, 3),
)  # fmt: skip
def test_any_key_and_shape(seed: int, step: int, n: int, height: int, width: int, channels: int, which: int) -> None:
    shape = (height, width, channels)
    x = np.random.default_rng(1).standard_normal((n, math.prod(shape)))
    tables = (beta_quantiles(0.4) if which & 1 else NONE, beta_quantiles(1.0) if which & 2 else NONE)
    (got, want), (shares, wanted) = both(
        "mix_pairs", Out(x), out(n, np.float64), shape, *tables, seed, np.array([step])
    )
    assert_within(shares, wanted, 1e-12)
    assert_within(got, want, 1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 5, 300])
def test_targets_against_the_oracle(n: int, dtype: Any) -> None:
    rng = np.random.default_rng(43)
    t, shares = rng.random((n, 10)).astype(dtype), rng.random(n).astype(dtype)
    shares = np.maximum(shares, shares[::-1])  # both of a pair have one
    [(got, want)] = both("blend_pairs", Out(t), shares)
    assert_within(got, want, 3 * eps(dtype))
    np.testing.assert_allclose(got.sum(axis=0), t.sum(axis=0), rtol=20 * eps(dtype), atol=n * eps(dtype))


def test_mixup_blends_and_says_how_much() -> None:
    n = 9
    x, shares = mixed(n, (4, 4, 1), beta_quantiles(0.4), NONE)
    i = np.arange(n)
    expected = shares * i + (1 - shares) * (n - 1 - i)
    np.testing.assert_allclose(x, np.repeat(expected[:, None], 16, axis=1), rtol=1e-12)
    assert shares[4] == 1 and np.array_equal(shares, shares[::-1])
    assert len(np.unique(shares[:4])) == 4


def test_cutmix_exchanges_rectangles_and_counts_their_pixels() -> None:
    n, (height, width, channels) = 500, (12, 8, 2)
    x, shares = mixed(n, (height, width, channels), NONE, beta_quantiles(1.0))
    for i in range(n):
        image = x[i].reshape(height, width, channels)
        assert np.array_equal(image[..., 0], image[..., 1])
        other = image[..., 0] == n - 1 - i
        assert np.all(other | (image[..., 0] == i))
        assert shares[i] == pytest.approx(1 - other.mean())
        rows, columns = other.any(axis=1), other.any(axis=0)
        assert np.array_equal(other, rows[:, None] & columns), "no rectangle"
        assert np.all(np.diff(np.flatnonzero(rows)) == 1) and np.all(np.diff(np.flatnonzero(columns)) == 1)
    assert 0.45 < shares.mean() < 0.75  # a half, but for what lies beyond the edge


def test_both_share_the_pairs_between_them() -> None:
    n = 4000
    x, _ = mixed(n, (4, 4, 1), beta_quantiles(1.0), beta_quantiles(1.0))
    blended = np.mean([np.any((row != i) & (row != n - 1 - i)) for i, row in enumerate(x[: n // 2])])
    assert abs(blended - 0.5) < 5 * 0.5 / math.sqrt(n // 2)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.4, 1.0, 2.0, 30.0])
def test_the_shares_follow_the_beta_distribution(alpha: float) -> None:
    """Mean, variance and, where the formula is short, the distribution: within 5 standard deviations."""
    table = beta_quantiles(alpha)
    assert len(table) == TABLE and np.all(np.diff(table) >= 0) and table[0] >= 0 and table[-1] <= 1
    np.testing.assert_allclose(table, 1 - table[::-1], atol=1e-9)
    _, shares = mixed(40_000, (1, 1, 1), table, NONE)
    drawn, variance = shares[:20_000], 1 / (4 * (2 * alpha + 1))
    assert abs(drawn.mean() - 0.5) < 5 * math.sqrt(variance / drawn.size)
    assert drawn.var() == pytest.approx(variance, rel=0.05)
    if alpha == 1.0:  # evenly
        assert np.abs(np.sort(drawn) - np.linspace(0, 1, drawn.size)).max() < 0.02
    if alpha == 2.0:  # 3 x^2 - 2 x^3
        x = np.sort(drawn)
        assert np.abs(3 * x**2 - 2 * x**3 - np.linspace(0, 1, x.size)).max() < 0.02


def test_no_table_for_nothing() -> None:
    assert beta_quantiles(0.0).size == 0


def test_seed_and_step_decide() -> None:
    table = beta_quantiles(0.4)
    _, base = mixed(200, (1, 1, 1), table, NONE)
    for other in (mixed(200, (1, 1, 1), table, NONE, seed=4), mixed(200, (1, 1, 1), table, NONE, step=6)):
        assert abs(np.corrcoef(base[:100], other[1][:100])[0, 1]) < 0.4
    assert np.array_equal(base, mixed(200, (1, 1, 1), table, NONE)[1])


def test_shapes_must_agree() -> None:
    x, table, step = np.ones((4, 12)), beta_quantiles(1.0), np.array([1])
    for shares, shape in ((np.ones(3), (2, 6, 1)), (np.ones(4), (2, 5, 1))):
        with pytest.raises(ValueError):
            cpu.mix_pairs(x, shares, shape, table, NONE, 1, step)
    with pytest.raises(ValueError, match="one table must be there"):
        cpu.mix_pairs(x, np.ones(4), (2, 6, 1), NONE, NONE, 1, step)
    with pytest.raises(ValueError):
        cpu.blend_pairs(x, np.ones(3))
