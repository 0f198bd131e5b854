"""Dropout: the oracle's mask exactly, and a mask that looks random."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference
from numbanet.kernels.geometry import channel_dropout_scratch

from .helpers import DTYPES, adversarial, assert_within, both, eps, out, tiny

COUNT = 100_003
words = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, -1, 2**31, 2**32, 2**32 - 1]))


def mask(rate: float = 0.5, seed: int = 1, step: int = 1, stream: int = 0, count: int = COUNT) -> Any:
    """Which elements are kept."""
    y = np.full(count, np.nan)
    cpu.dropout(y, np.ones(count), rate, seed, np.array([step]), stream)
    return y != 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 7, 16_384, 16_385, COUNT])
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.999])
def test_against_the_oracle(size: int, rate: float, dtype: Any) -> None:
    """The mask bit for bit; the factor 1 / (1 - rate) and the product are rounded once each."""
    x = (1 + np.random.default_rng(14).random(size)).astype(dtype)  # no zeros: a zero in y was dropped
    [(got, want)] = both("dropout", out(size, dtype), x, rate, 7, np.array([3]), 2)
    np.testing.assert_array_equal(got == 0, want == 0)
    assert_within(got, want, 1.5 * eps(dtype) * want)


@settings(adversarial)
@given(seed=words, step=words, stream=st.integers(0, 2**31), rate=st.floats(0, 1, exclude_max=True),
       size=st.integers(0, 200), dtype=st.sampled_from(DTYPES))  # fmt: skip
def test_any_key(seed: int, step: int, stream: int, rate: float, size: int, dtype: Any) -> None:
    x = np.linspace(1, 2, size).astype(dtype)
    [(got, want)] = both("dropout", out(size, dtype), x, rate, seed, np.array([step]), stream)
    np.testing.assert_array_equal(got == 0, want == 0)
    assert_within(got, want, 1.5 * eps(dtype) * np.abs(want) + tiny(dtype))


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_to_the_last_bit(seed: int) -> None:
    """One element is dropped from some rate k / 2^32 on: the same k for the kernel and the oracle."""
    x, step = np.ones(1), np.array([1])

    def first_dropped(kernels: Any) -> int:
        low, high, y = 0, 2**32 - 1, np.empty(1)  # kept at low, dropped at high
        while high - low > 1:
            middle = (low + high) // 2
            kernels.dropout(y, x, middle / 2**32, seed, step, 0)
            low, high = (middle, high) if y[0] else (low, middle)
        return high

    assert first_dropped(cpu) == first_dropped(reference)


def test_rate_zero_keeps_everything() -> None:
    x = np.random.default_rng(15).standard_normal(COUNT).astype(np.float32)
    y = np.empty_like(x)
    cpu.dropout(y, x, 0.0, 1, np.array([1]), 0)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9])
def test_the_share_dropped(rate: float) -> None:
    """Within 5 standard deviations; so is the share of every 64th, 7th and neighbouring pair."""
    for stream in range(5):
        kept = mask(rate, stream=stream)
        for part in (kept, kept[::64], kept[3::7], kept[: COUNT // 2]):
            assert abs(part.mean() - (1 - rate)) < 5 * (rate * (1 - rate) / part.size) ** 0.5
        pairs = kept[1:] & kept[:-1]
        assert abs(pairs.mean() - (1 - rate) ** 2) < 8 * ((1 - rate) ** 2 / pairs.size) ** 0.5


def test_masks_of_other_steps_streams_and_seeds_are_independent() -> None:
    """Two masks of one half agree in one half of the places: within 5 standard deviations of that, shifted too."""
    base = mask()
    others = [mask(step=s) for s in (0, 2, 3, 1 + 2**32)] + [mask(stream=s) for s in (1, 2, 3)]
    others += [mask(seed=s) for s in (0, 2, -1, 1 + 2**32)] + [mask(seed=2, step=0), mask(step=0, stream=1)]
    for other in others:
        for shift in (0, 1, 2, 64, 784):
            agreement = (base[shift:] == other[: COUNT - shift]).mean()
            assert abs(agreement - 0.5) < 5 * 0.5 / (COUNT - shift) ** 0.5
    for shift in (1, 2, 3, 16, 64, 128, 784, 1024):  # nor does a mask repeat itself
        assert abs((base[shift:] == base[:-shift]).mean() - 0.5) < 5 * 0.5 / (COUNT - shift) ** 0.5


def test_the_mask_depends_on_the_index_alone() -> None:
    """Not on how many elements there are: a last, smaller batch is a prefix."""
    whole = mask()
    for count in (1, 100, 16_384, 16_385, 50_000):
        np.testing.assert_array_equal(mask(count=count), whole[:count])


def test_backward_is_the_same_call() -> None:
    x, dy = np.full(COUNT, 3.0, np.float32), np.full(COUNT, 5.0, np.float32)
    y, dx = np.empty_like(x), np.empty_like(x)
    for output, array in ((y, x), (dx, dy)):
        cpu.dropout(output, array, 0.3, 11, np.array([4]), 1)
    np.testing.assert_array_equal(y != 0, dx != 0)
    np.testing.assert_allclose(dx * 3, y * 5, rtol=2 * eps(np.float32))


def test_nan_passes_where_kept_and_in_place() -> None:
    x = np.full(1000, np.nan)
    cpu.dropout(x, x, 0.5, 1, np.array([1]), 0)
    np.testing.assert_array_equal(np.isnan(x), mask(count=1000))


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError):
        cpu.dropout(np.empty(3), np.ones(4), 0.5, 1, np.array([1]), 0)


IMAGES = ((0, 3, 4), (1, 1, 1), (3, 1, 7), (4, 25, 3), (2, 9, 300), (200, 49, 16))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", IMAGES)
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.999])
def test_channels_against_the_oracle(rate: float, shape: tuple[int, int, int], dtype: Any) -> None:
    x = (1 + np.random.default_rng(16).random(shape)).astype(dtype)
    scratch = out(channel_dropout_scratch(shape[2]), dtype)
    (got, want), _ = both("channel_dropout", out(shape, dtype), x, rate, 7, np.array([3]), 2, scratch)
    np.testing.assert_array_equal(got == 0, want == 0)
    assert_within(got, want, 1.5 * eps(dtype) * want)


def test_channels_are_dropped_as_a_whole_and_by_the_mask_of_elements() -> None:
    n, pixels, channels = 50, 30, 20
    x, y = np.ones((n, pixels, channels)), np.empty((n, pixels, channels))
    cpu.channel_dropout(y, x, 0.4, 1, np.array([1]), 0, np.empty(channel_dropout_scratch(channels)))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    np.testing.assert_array_equal(y[:, 0].reshape(-1) != 0, mask(0.4, count=n * channels))


def test_nan_passes_where_its_channel_is_kept_and_in_place() -> None:
    x, scratch = np.full((40, 25, 8), np.nan), np.empty(channel_dropout_scratch(8))
    cpu.channel_dropout(x, x, 0.5, 1, np.array([1]), 0, scratch)
    kept = mask(count=320).reshape(40, 1, 8)
    np.testing.assert_array_equal(np.isnan(x), np.broadcast_to(kept, x.shape))
    assert (x[~np.isnan(x)] == 0).all()


def test_shapes_of_channels_must_agree() -> None:
    x, step, scratch = np.ones((4, 3, 8)), np.array([1]), np.empty(channel_dropout_scratch(8))
    for y, room in ((np.ones((4, 3, 7)), scratch), (x.copy(), scratch[:-1])):
        with pytest.raises(ValueError):
            cpu.channel_dropout(y, x, 0.5, 1, step, 0, room)
