"""Gradient accumulation: what it equals, to the last bit and but for rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.errors import ModelError
from numbanet.layers import Dense, Dropout
from numbanet.losses import CrossEntropy
from numbanet.optimizers import SGD, Adam
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.step import TrainStep

from .helpers import BACKENDS, blobs, flat, small


@pytest.mark.parametrize("backend", BACKENDS)
def test_bit_by_bit_it_is_the_mean_of_the_gradients(backend: str) -> None:
    """m += w / W * (g - m), batch by batch, and then a step by m."""
    (x, y), kernels = blobs(24), BACKENDS[backend]
    model, by_hand = small(device=kernels), small(device=kernels)
    step, other = TrainStep(model, Adam(0.01, accumulate=3)), TrainStep(by_hand, Adam(0.01))
    gradients = TrainStep(small(device=kernels), SGD(0.0))
    gradients.model.arena.values[:] = model.arena.values
    before, mean = flat(model), np.zeros_like(flat(model))
    for number, rows in enumerate((slice(0, 8), slice(8, 18), slice(18, 24)), start=1):
        assert np.array_equal(flat(model), before)
        step(x[rows], y[rows])
        gradients(x[rows], y[rows])
        seen = rows.stop
        kernels.kernels.average(mean, gradients.model.arena.gradients, (rows.stop - rows.start) / seen)
        assert step.updater.count == number // 3
    by_hand.arena.gradients[:] = mean
    other.updater()
    assert np.array_equal(flat(model), flat(by_hand))
    assert not model.arena.gradients.any(), "left as the next backward pass needs them"


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy(0.1, (0.2, 1.0, 3.0)), "mse"], ids=str)
def test_but_for_rounding_it_is_one_large_batch(loss: Any) -> None:
    x, y = blobs(64)
    targets = np.eye(3)[y] if loss == "mse" else y
    one, several = small(dtype="float64"), small(dtype="float64")
    one.fit(x, targets, epochs=3, batch_size=32, optimizer=Adam(0.01), loss=loss, shuffle=False)
    several.fit(x, targets, epochs=3, batch_size=8, optimizer=Adam(0.01, accumulate=4), loss=loss, shuffle=False)
    np.testing.assert_allclose(flat(one), flat(several), rtol=1e-9, atol=1e-12)


def test_one_is_none() -> None:
    (x, y), one, other = blobs(40), small(), small()
    one.fit(x, y, epochs=2, batch_size=8, optimizer=Adam(0.01, accumulate=1))
    other.fit(x, y, epochs=2, batch_size=8, optimizer=Adam(0.01))
    assert np.array_equal(flat(one), flat(other))


def test_an_epoch_ends_with_a_step_and_the_schedule_counts_steps() -> None:
    """5 batches of an epoch are 2 steps: of 3 batches and of 2."""
    rates: list[float] = []

    class Rates(Callback):
        def on_train_begin(self, progress: Progress) -> None:
            updater = progress.step.updater
            updater.after.append(lambda: rates.append(float(updater.rate[0])))

    x, y = blobs(40)
    optimizer = SGD(1.0, schedule="step,every=1 epoch,factor=0.1", accumulate=3)
    small().fit(x, y, epochs=3, batch_size=8, optimizer=optimizer, callbacks=[Rates()])
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    rates.clear()
    optimizer = SGD(1.0, schedule="polynomial", accumulate=3)
    small().fit(x, y, epochs=3, batch_size=8, optimizer=optimizer, callbacks=[Rates()])
    assert rates == pytest.approx([1 - s / 6 for s in range(6)])


def test_it_can_be_taken_along_in_the_middle() -> None:
    x, y = blobs(48)
    layers = lambda: [Dense(8, "relu"), Dropout(0.3), Dense(3)]  # noqa: E731
    whole, halves = small(*layers()), small(*layers())
    step, first = (TrainStep(m, Adam(0.01, accumulate=4)) for m in (whole, halves))
    second = TrainStep(halves, Adam(0.01, accumulate=4))
    for start in range(0, 48, 8):
        step(x[start : start + 8], y[start : start + 8])
    for start in range(0, 16, 8):
        first(x[start : start + 8], y[start : start + 8])
    second.updater.load_state_dict(first.updater.state_dict())
    for start in range(16, 48, 8):
        second(x[start : start + 8], y[start : start + 8])
    step.updater.flush()
    second.updater.flush()
    second.updater.flush()
    assert np.array_equal(flat(whole), flat(halves))
    assert second.updater.count == 2


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_what_is_refused(count: Any) -> None:
    with pytest.raises(ModelError, match="Adam: accumulate: expected a whole number from 1 on"):
        Adam(accumulate=count)


def test_rows_of_an_embedding_that_a_later_batch_does_not_meet() -> None:
    """Their gradients in the mean of several batches must not linger in the next mean."""
    tokens = np.array([[0], [1], [2], [3]])
    target = np.ones((4, 2), np.float32)

    def trained(accumulate: int, batches: list[list[int]]) -> np.ndarray:
        model = nn.Sequential(nn.Embedding(4, 2), nn.Flatten(), input_shape=(1,), seed=0)
        step = nn.TrainStep(model, nn.SGD(0.1, accumulate=accumulate), "mse")
        for rows in batches:
            step(tokens[rows], target[rows])
        return np.array(model.parameters()["0_embedding.weight"])

    parts = trained(2, [[0], [1], [2], [3]])
    whole = trained(1, [[0, 1], [2, 3]])
    np.testing.assert_allclose(parts, whole, rtol=1e-6)


def test_tokens_cannot_be_mixed() -> None:
    layers = (nn.Embedding(4, 2), nn.Flatten(), nn.Dense(2))
    model = nn.Sequential(*layers, input_shape=(1,), seed=0)
    with pytest.raises(ModelError, match="mix: expected inputs that are numbers, found tokens in x"):
        model.fit(np.array([[0], [1]]), np.array([0, 1]), mix="mixup=0.2")
