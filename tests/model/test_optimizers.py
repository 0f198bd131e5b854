"""Optimizers against their formulas in NumPy, schedules, clipping, state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numbanet import optimizers, schedules
from numbanet.errors import ModelError
from numbanet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from numbanet.schedules import Constant, Cosine, Exponential, InverseTime, Schedule, Step
from numbanet.training.step import TrainStep

from .helpers import blobs, flat, small

OPTIMIZERS: list[Optimizer] = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    SGD(0.1, l1=0.01, l2=0.1, clip_value=0.05),
    RMSprop(0.01, l2=0.1),
    RMSprop(0.01, momentum=0.5, clip_norm=0.3),
    Adam(0.01),
    Adam(0.01, l1=0.01, l2=0.1, clip_norm=0.1, clip_value=0.02),
    AdamW(0.01, weight_decay=0.1, schedule=InverseTime(0.1)),
]


def by_hand(o: Any, w: NDArray[Any], g: NDArray[Any], s: dict[str, Any], t: int, rate: float, weights: Any) -> None:
    """The formulas, as PyTorch documents them; `weights` marks what is decayed."""
    if o.clip_norm:
        g = g * min(1.0, o.clip_norm / (math.sqrt((g**2).sum()) + 1e-6))
    if o.clip_value:
        g = np.clip(g, -o.clip_value, o.clip_value)
    g = g + weights * (o.l2 * w + o.l1 * np.sign(w))
    w *= 1 - rate * o.weight_decay * weights
    if isinstance(o, SGD):
        s["v"] = o.momentum * s.get("v", 0) + g
        w -= rate * (g + o.momentum * s["v"] if o.nesterov else s["v"])
    elif isinstance(o, RMSprop):
        s["s"] = o.rho * s.get("s", 0) + (1 - o.rho) * g**2
        s["v"] = o.momentum * s.get("v", 0) + g / (np.sqrt(s["s"]) + o.epsilon)
        w -= rate * s["v"]
    else:
        s["m"] = o.beta1 * s.get("m", 0) + (1 - o.beta1) * g
        s["s"] = o.beta2 * s.get("s", 0) + (1 - o.beta2) * g**2
        m, v = s["m"] / (1 - o.beta1**t), s["s"] / (1 - o.beta2**t)
        w -= rate * m / (np.sqrt(v) + o.epsilon)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_ten_steps(optimizer: Optimizer) -> None:
    x, y = blobs(32)
    model = small(dtype="float64")
    step = TrainStep(model, optimizer)
    weights = np.arange(model.arena.values.size) < model.arena.decay_end
    factor = optimizer.schedule.plan(10) if isinstance(optimizer.schedule, Schedule) else lambda step: 1.0
    state: dict[str, Any] = {}
    expected = flat(model)
    for t in range(1, 11):
        model.arena.values[:] = expected  # so that differences cannot add up to other gradients
        step(x, y)
        by_hand(optimizer, expected, flat_gradient(model), state, t, optimizer.lr * factor(t - 1), weights)
        np.testing.assert_allclose(flat(model), expected, rtol=1e-9, atol=1e-12)


OWN_RATES: dict[str, Any] = {name: {"lr": 0.01} for name in ("rmsprop", "adam", "adamw")}


def flat_gradient(model: Any) -> NDArray[Any]:
    return np.array(model.arena.gradients)


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_every_optimizer_learns(name: str) -> None:
    x, y = blobs(200)
    model = small()
    model.fit(x, y, epochs=30, batch_size=16, optimizer=optimizers.get(name, **OWN_RATES.get(name, {})))
    assert model.evaluate(x, y)["accuracy"] > 0.97


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_state_can_be_taken_along(optimizer: Optimizer) -> None:
    (x, y), whole, halves = blobs(32), small(), small()
    step = TrainStep(whole, optimizer, steps=10)
    for _ in range(10):
        step(x, y)
    first = TrainStep(halves, optimizer, steps=10)
    for _ in range(5):
        first(x, y)
    second = TrainStep(halves, optimizer, steps=10)
    second.updater.load_state_dict(first.updater.state_dict())
    for _ in range(5):
        second(x, y)
    assert np.array_equal(flat(whole), flat(halves))
    with pytest.raises(ModelError, match="expected the state"):
        second.updater.load_state_dict({"step": np.array([1]), "q": np.zeros(3)})


def test_an_optimizer_object_is_only_a_configuration() -> None:
    (x, y), optimizer = blobs(32), Adam(0.01)
    one, other = small(), small()
    one.fit(x, y, optimizer=optimizer)
    other.fit(x, y, optimizer=optimizer)
    assert np.array_equal(flat(one), flat(other))
    assert repr(optimizer) == "Adam(lr=0.01)"
    assert repr(AdamW(schedule=Cosine(end=0.1))) == "AdamW(schedule=Cosine(end=0.1))"
    assert repr(optimizers.get("nesterov", lr=0.5)) == "SGD(lr=0.5, momentum=0.9, nesterov=True)"
    assert AdamW(schedule="cosine").config() == {
        "lr": 1e-3,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "schedule": {"type": "Cosine", "warmup": 0.05, "end": 0.0, "steps": None},
        "l1": 0.0,
        "l2": 0.0,
        "weight_decay": 0.01,
        "clip_norm": None,
        "clip_value": None,
        "accumulate": 1,
    }


def test_schedules() -> None:
    assert Constant().plan(None)(7) == 1
    assert InverseTime(0.5).plan(None)(4) == pytest.approx(1 / 3)
    assert Exponential(0.5).plan(None)(3) == pytest.approx(0.125)
    step = Step(every=10, factor=0.1).plan(None)
    assert [step(i) for i in (0, 9, 10, 20)] == pytest.approx([1, 1, 0.1, 0.01])
    part = Step(every=0.5, factor=0.1).plan(20)
    assert [part(i) for i in (0, 9, 10)] == pytest.approx([1, 1, 0.1])
    cosine = Cosine(warmup=0.1, end=0.2).plan(100)
    assert [cosine(i) for i in (0, 9, 10, 55, 100, 1000)] == pytest.approx([1 / 11, 10 / 11, 1, 0.6, 0.2, 0.2])
    assert Cosine(warmup=0, steps=10).plan(None)(5) == pytest.approx(0.5)
    assert Cosine(warmup=5).plan(3)(2) == 1.0  # a run that is shorter than its warm-up still ends at the rate
    assert repr(schedules.get({"type": "Step", "every": 5})) == "Step(every=5)"


def test_the_rate_follows_the_schedule() -> None:
    (x, y), model = blobs(64), small()
    step = TrainStep(model, SGD(0.5, schedule=Cosine(warmup=2)), steps=4)
    rates = []
    for _ in range(4):
        step(x, y)
        rates.append(float(step.updater.rate[0]))
    factor = Cosine(warmup=2).plan(4)
    assert rates == [0.5 * factor(i) for i in range(4)]


BAD: list[tuple[Any, str]] = [
    (lambda: Adam(-1), "Adam: lr: expected a number from 0 on, found -1"),
    (lambda: Adam("fast"), "Adam: lr: expected a number"),
    (lambda: Adam(float("nan")), "found nan"),
    (lambda: Adam(float("inf")), "found inf"),
    (lambda: AdamW(beta1=1.0), "AdamW: beta1: expected a number below 1"),
    (lambda: Adam(beta2=1.5), "beta2: expected a number from 0 to 1"),
    (lambda: SGD(momentum=2), "SGD: momentum: expected a number from 0 to 1"),
    (lambda: SGD(nesterov=True), "nesterov needs a momentum"),
    (lambda: SGD(clip_norm=0), "clip_norm: expected a number above 0"),
    (lambda: SGD(schedule="cosin"), "unknown schedule 'cosin'. Did you mean 'cosine'"),
    (lambda: optimizers.get("adam", momentum=0.9), "optimizer adam: .*momentum"),
    (lambda: Cosine(end=2), "Cosine: end: expected a number from 0 to 1"),
    (lambda: TrainStep(small(), Adam(schedule="cosine")), r"length of the run is not known.*Cosine\(steps=...\)"),
    (lambda: TrainStep(small(), Adam(schedule=Step())), "part of the run, whose length is not known"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_arguments(number: int) -> None:
    make, message = BAD[number]
    with pytest.raises(ModelError, match=message):
        make()
