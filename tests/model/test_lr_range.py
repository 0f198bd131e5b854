"""The learning-rate range test: it suggests a rate that works, and leaves no trace."""

from __future__ import annotations

import numpy as np
import pytest

from numbanet.errors import ModelError, TrainingError
from numbanet.layers import BatchNorm, Dense
from numbanet.optimizers import SGD
from numbanet.training.lr_range import lr_range

from .helpers import blobs, flat, small


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_suggestion_lies_where_the_loss_falls_and_below_where_it_climbs(optimizer: str) -> None:
    x, y = blobs(600)
    result = lr_range(small(), x, y, optimizer=optimizer, batch_size=32, high=1e4)
    assert result.rates[0] == pytest.approx(1e-6)
    np.testing.assert_allclose(result.rates[1:] / result.rates[:-1], result.rates[1] / result.rates[0])
    assert 1e-4 < result.suggestion < result.lowest < result.rates[-1]
    assert result.diverged and len(result.rates) == len(result.losses) == len(result.smoothed) < 200
    at = int(np.argmin(np.abs(result.rates - result.suggestion)))
    assert result.smoothed[at] < 0.95 * result.smoothed[0]
    model = small()
    rate = {"sgd": 0.1, "adam": 0.01}[optimizer]
    assert 0.03 < result.suggestion / rate < 30
    history = model.fit(
        x, y, epochs=3, batch_size=32, optimizer=SGD(result.suggestion) if optimizer == "sgd" else optimizer
    )
    assert history["loss"][-1] < history["loss"][0]


def test_nothing_is_changed() -> None:
    x, y = blobs(200)
    model = small(Dense(8), BatchNorm(), Dense(3))
    model.fit(x, y, epochs=2, batch_size=32)
    before, state, step, loss = flat(model), np.array(model.state_arena.values), int(model.step[0]), model.loss
    lr_range(model, x, y, batch_size=32, steps=30, optimizer=SGD(5.0, schedule="cosine", accumulate=3))
    assert np.array_equal(flat(model), before) and np.array_equal(model.state_arena.values, state)
    assert model.step[0] == step and model.loss is loss


def test_the_same_seed_the_same_answer() -> None:
    x, y = blobs(200)
    one, other = (lr_range(small(), x, y, batch_size=32, steps=40) for _ in range(2))
    assert np.array_equal(one.losses, other.losses) and one.suggestion == other.suggestion


def test_a_loss_that_only_falls() -> None:
    x, y = blobs(200)
    result = lr_range(small(), x, y, batch_size=32, steps=40, high=1e-2)
    assert not result.diverged and len(result.rates) == 40


def test_what_is_refused() -> None:
    x, y = blobs(40)
    with pytest.raises(ModelError, match=r"lr_range: expected a range from low to high, found 1 to 0\.1"):
        lr_range(small(), x, y, low=1, high=0.1)
    with pytest.raises(ModelError, match="lr_range: steps: expected a whole number from 20 on"):
        lr_range(small(), x, y, steps=3)
    with pytest.raises(TrainingError, match="the loss was not finite after"):
        lr_range(small(), x * 1e38, y, low=1e30, high=1e35)
