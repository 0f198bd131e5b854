"""The learning-rate range test (Smith, arXiv 1506.01186): train a few steps at ever higher rates, and look.

At rates that are too low the loss hardly moves, at good ones it falls, and beyond them it rises. What is left of the
model afterwards is what was there before.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet import losses, optimizers
from numbanet.configurable import check_number, check_whole
from numbanet.data import augment as augmentation
from numbanet.data import mixing
from numbanet.data.augment import Augment
from numbanet.data.batches import batches
from numbanet.data.mixing import Mix
from numbanet.errors import ModelError, TrainingError
from numbanet.losses import Loss
from numbanet.model import Sequential
from numbanet.optimizers import Optimizer
from numbanet.training.feed import Feed, examples
from numbanet.training.step import TrainStep

BEYOND = 4.0  # times the lowest smoothed loss: here training has diverged, and the test ends
ENOUGH = 10  # steps before which it does not


@dataclass(frozen=True)
class RangeTest:
    """The rates tried, float64 [k], the loss of the batch before each step, and the same smoothed.

    `suggestion`: where the smoothed loss falls fastest along the logarithm of the rate: high enough to learn fast, and
    some way below where it diverges. `lowest`: the rate of the lowest smoothed loss. `diverged`: whether the test
    ended because of that.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float
    lowest: float
    diverged: bool


def lr_range(
    model: Sequential,
    x: Any,
    y: Any = None,
    *,
    optimizer: Optimizer | str = "adam",
    loss: Loss | str = "cross_entropy",
    batch_size: int = 128,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    augment: Augment | str | None = None,
    mix: Mix | str | None = None,
) -> RangeTest:
    """Train `steps` batches of x, y (or a data set's) with rates from `low` to `high`, each the same factor higher.

    The optimizer's own rate and schedule do not count. Raises `ModelError`; `TrainingError` where the loss is not
    finite from the start.
    """
    check_number("lr_range", "low", low, 0.0, open_ends=True)
    check_number("lr_range", "high", high, 0.0, open_ends=True)
    steps = check_whole("lr_range", "steps", steps, 20)
    if not low < high:
        raise ModelError(f"lr_range: expected a range from low to high, found {low:g} to {high:g}.")
    rates = np.geomspace(low, high, steps)
    found = losses.get(loss)
    kept, loss_before = _weights(model), model.loss
    given = optimizers.get(optimizer)
    step = TrainStep(model, replace(given, lr=1.0, schedule=None, accumulate=1), found)
    x, y = examples(x, y)
    feed = Feed(model, x, y, found, ("x", "y"), augmentation.get(augment), mixing.get(mix))
    model.adapt(x, always=False)
    try:
        measured = _climb(step, feed, rates, check_whole("lr_range", "batch_size", batch_size, 1))
    finally:
        for array, values in kept:
            model.backend.copy(array, values)
        model.loss = loss_before
    if len(measured) < ENOUGH:
        raise TrainingError(
            f"the loss was not finite after {len(measured)} steps at rates from {low:g} on: there is nothing to "
            "suggest. Begin with a lower rate, or look for NaN or huge numbers in the data."
        )
    return _result(rates[: len(measured)], np.array(measured), diverged=len(measured) < steps)


def _climb(step: TrainStep, feed: Feed, rates: NDArray[np.float64], batch_size: int) -> list[float]:
    """The loss before each step, until it is far above the lowest."""
    model, to_numpy = step.model, step.model.backend.to_numpy
    epochs = (batches(feed.order(model.seed, epoch, True), batch_size) for epoch in itertools.count())
    rows = itertools.chain.from_iterable(epochs)
    measured: list[float] = []
    lowest, smooth = math.inf, 0.0
    for rate, chosen in zip(rates, rows, strict=False):
        step.updater.rate_factor = float(rate)
        step.totals[:] = 0.0
        step.run(*feed(chosen))
        totals = to_numpy(step.totals)
        value = float(totals[0] / totals[1])
        if not math.isfinite(value):
            break
        measured.append(value)
        smooth = 0.8 * smooth + 0.2 * value
        average = smooth / (1 - 0.8 ** len(measured))
        if len(measured) > ENOUGH and average > BEYOND * max(lowest, 1e-3):
            break
        lowest = min(lowest, average)
    return measured


def _result(rates: NDArray[np.float64], measured: NDArray[np.float64], diverged: bool) -> RangeTest:
    smoothed = _smooth(measured, max(2.0, len(measured) / 40))
    lowest = int(np.argmin(smoothed))
    slopes = np.gradient(smoothed, np.log(rates))
    # Uphill lies beyond the lowest loss, and a slope right at either end is the smoothing's.
    begin, end = min(2, lowest), max(lowest, min(3, len(rates)))
    steepest = begin + int(np.argmin(slopes[begin:end]))
    return RangeTest(rates, measured, smoothed, float(rates[steepest]), float(rates[lowest]), diverged)


def _smooth(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Averages around each value, weighted by a bell of this standard deviation: no lag, as a running mean has."""
    places = np.arange(len(values))
    weights = np.exp(-0.5 * ((places[:, None] - places) / width) ** 2)
    return np.asarray(weights @ values / weights.sum(axis=1))


def _weights(model: Sequential) -> list[tuple[Any, NDArray[Any]]]:
    """All that training changes in a model, with copies."""
    arrays = (model.arena.values, model.state_arena.values, model.step)
    return [(array, np.array(model.backend.to_numpy(array))) for array in arrays]
