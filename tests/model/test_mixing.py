"""Mixup and CutMix in training: what a step sees, and what it does not depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.data.mixing import Mix, get
from numbanet.errors import ModelError
from numbanet.layers import Dense, Flatten
from numbanet.losses import CrossEntropy
from numbanet.model import Sequential
from numbanet.optimizers import SGD
from numbanet.training.feed import Feed

from .helpers import BACKENDS, blobs, flat, small

TEXTS = {"mixup=0.2": Mix(0.2), "cutmix=1": Mix(cutmix=1.0), "mixup=0.4,cutmix=0.5": Mix(0.4, 0.5), "none": Mix()}


def pictures(n: int = 40) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    return (rng.random((n, 6, 5, 2)) * 0.2 + y[:, None, None, None] * 0.3).astype(np.float32), y


def picture_model(**options: Any) -> Sequential:
    return small(Flatten(), Dense(8, "relu"), Dense(3), input_shape=(6, 5, 2), **options)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text(text: str) -> None:
    assert get(text) == TEXTS[text]
    assert str(get(text)) == text
    assert get(None) == Mix() and not Mix()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mix", [Mix(0.3), Mix(cutmix=1.0), Mix(0.3, 1.0)], ids=str)
def test_a_batch_is_a_mixture_of_pairs_and_its_targets_say_which(mix: Mix, backend: str) -> None:
    x, y = pictures()
    model = picture_model(device=BACKENDS[backend])
    feed = Feed(model, x, y, CrossEntropy(), ("x", "y"), mix=mix)
    rows = np.random.default_rng(1).permutation(40)[:9]
    seen, targets = (np.array(array) for array in feed(rows))
    for i, row in enumerate(rows):
        partner = rows[len(rows) - 1 - i]
        share = float(targets[i] @ np.eye(3)[y[row]]) if y[row] != y[partner] else None
        assert targets[i].sum() == pytest.approx(1, abs=1e-6)
        assert np.all(targets[i][[c for c in range(3) if c not in (y[row], y[partner])]] == 0)
        if share is not None and not mix.cutmix:
            np.testing.assert_allclose(seen[i], share * x[row] + (1 - share) * x[partner], rtol=1e-4, atol=1e-6)
        if share is not None and not mix.mixup:
            assert np.mean(np.all(seen[i] == x[row], axis=2)) == pytest.approx(share, abs=1e-6)


def test_bytes_and_other_targets_can_be_mixed_too() -> None:
    x, y = pictures()
    for data, targets, loss in (
        ((x * 255).astype(np.uint8), y, "cross_entropy"),
        (x, np.eye(3)[y], "cross_entropy"),
        (x, np.eye(3)[y], "binary_cross_entropy"),
        (x, np.random.default_rng(0).normal(size=(40, 3)), "mse"),
    ):
        history = picture_model().fit(data, targets, epochs=2, batch_size=7, loss=loss, mix="mixup=0.2,cutmix=1")
        assert np.isfinite(history["loss"]).all()


def test_it_learns_what_is_not_mixed() -> None:
    x, y = blobs(300)
    model = small()
    model.fit(x, y, epochs=20, batch_size=16, optimizer=SGD(0.3), mix="mixup=0.4")
    assert model.evaluate(*blobs(50, seed=1))["accuracy"] > 0.95


def test_the_seed_decides() -> None:
    x, y = pictures()
    weights = []
    for seed in (1, 1, 2):
        model = picture_model(seed=seed)
        start = flat(model)
        model.fit(x, y, epochs=2, batch_size=16, mix="mixup=0.5,cutmix=1", optimizer=SGD(0.1))
        weights.append(flat(model) - start)
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


BAD: list[tuple[Any, str]] = [
    (lambda: Mix(-1), "Mix: mixup: expected a number from 0 to 1000, found -1"),
    (lambda: Mix(0.001), "Mix: mixup: expected 0 for none, or a number from 0.01 on"),
    (lambda: get("mixup"), "mixture mixup: expected a number, as in mixup=0.2"),
    (lambda: get("mixpu=1"), "unknown mixture 'mixpu'. Did you mean 'mixup'"),
    (lambda: get(0.2), "mix: expected a Mix, or a text"),  # type: ignore[arg-type]
    (lambda: small().fit(*blobs(8), mix="cutmix=1"), r"cutmix: expected images, .* of shape \(6,\)"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_is_refused(number: int) -> None:
    make, message = BAD[number]
    with pytest.raises(ModelError, match=message):
        make()
