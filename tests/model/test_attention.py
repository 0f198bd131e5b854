"""The attention layer: what a step may see, errors, save and load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.errors import ModelError

X = np.random.default_rng(70).standard_normal((3, 6, 8))


def attention(**options: Any) -> nn.Sequential:
    return nn.Sequential(nn.SelfAttention(2, **options), input_shape=(6, 8), dtype="float64")


def test_a_causal_step_does_not_see_what_comes_after_it() -> None:
    model, changed = attention(causal=True), X.copy()
    before = model.predict(X)
    changed[:, 4:] += 1
    after = model.predict(changed)
    np.testing.assert_array_equal(after[:, :4], before[:, :4])
    assert (np.abs(after[:, 4:] - before[:, 4:]).max(axis=2) > 1e-3).all()


def test_without_positions_the_order_makes_no_difference() -> None:
    model, order = attention(), np.random.default_rng(71).permutation(6)
    np.testing.assert_allclose(model.predict(X[:, order]), model.predict(X)[:, order], atol=1e-12)


def test_steps_that_fill_up_are_not_seen() -> None:
    model = nn.Sequential(nn.Masking(), nn.SelfAttention(2), input_shape=(6, 8), dtype="float64")
    short = nn.Sequential(nn.SelfAttention(2), input_shape=(4, 8), dtype="float64")
    for (_, target), source in zip(short.parameters().items(), model.parameters().values(), strict=True):
        target[...] = source
    x = X.copy()
    x[:, 4:] = 0
    np.testing.assert_allclose(model.predict(x)[:, :4], short.predict(x[:, :4]), atol=1e-12)


def test_dropout_is_of_training_alone_and_the_same_for_the_same_step() -> None:
    model = attention(dropout=0.5)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    first = model.forward(X, train=True).copy()
    np.testing.assert_array_equal(model.forward(X, train=True), first)
    model.step[0] += 1
    assert np.abs(model.forward(X, train=True) - first).max() > 1e-3


def test_save_and_load(tmp_path: Path) -> None:
    model = nn.Sequential(nn.SelfAttention(4, kv_heads=2, causal=True, bias=False), input_shape=(6, 8))
    model.save(tmp_path / "model.safetensors")
    loaded = nn.load(tmp_path / "model.safetensors")
    assert repr(loaded) == repr(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.SelfAttention(0), "heads: expected a whole number from 1 on, found 0"),
        (lambda: nn.SelfAttention(4, kv_heads=3), "expected a number that divides the 4 heads, found 3"),
        (lambda: nn.SelfAttention(4, dropout=1.0), "expected a number below 1"),
        (lambda: nn.Sequential(nn.SelfAttention(3), input_shape=(6, 8)), "3 heads can share evenly, got 8 of them"),
        (lambda: nn.Sequential(nn.SelfAttention(2), input_shape=(8,)), r"Put Reshape\(\(8, 1\)\) before it"),
    ],
)
def test_errors(make: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()
