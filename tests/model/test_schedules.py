"""Each schedule against its formula, lengths in every unit, warm-up, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbanet import schedules
from numbanet.errors import ModelError
from numbanet.optimizers import SGD
from numbanet.schedules import (
    CLASSES,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseSquareRoot,
    InverseTime,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
)
from numbanet.training.step import TrainStep

from .helpers import blobs, small

STEPS, EPOCH = 120, 10
pi = math.pi


def waves(s: int) -> float:
    """Periods of 10, 20, 40 ... steps."""
    start, period = 0, 10
    while s >= start + period:
        start, period = start + period, 2 * period
    return 0.1 + 0.9 * (1 + math.cos(pi * (s - start) / period)) / 2


FORMULAS: list[tuple[Schedule, Callable[[int], float]]] = [
    (Constant(), lambda s: 1.0),
    (InverseTime(0.5), lambda s: 1 / (1 + s / 2)),
    (InverseSquareRoot(warmup=0), lambda s: (1 + s) ** -0.5),
    (InverseSquareRoot(time=30, warmup=0), lambda s: (30 / (30 + s)) ** 0.5),
    (InverseSquareRoot(warmup=20), lambda s: min((s + 1) / 21, 1) if s < 20 else (20 / s) ** 0.5),
    (Exponential(0.9), lambda s: 0.9**s),
    (Exponential(0.5, every="2 epochs"), lambda s: 0.5 ** (s / 20)),
    (Step("2 epochs", 0.5), lambda s: 0.5 ** (s // 20)),
    (Step(7, 0.1), lambda s: 0.1 ** (s // 7)),
    (Step(0.25, 0.1), lambda s: 0.1 ** (s // 30)),
    (MultiStep((0.5, 0.75), 0.2), lambda s: 0.2 ** ((s >= 60) + (s >= 90))),
    (MultiStep((30, "6 epochs", "70 steps"), 0.2), lambda s: 0.2 ** ((s >= 30) + (s >= 60) + (s >= 70))),
    (Polynomial(), lambda s: 1 - s / 120),
    (Polynomial(2.0, 0.1), lambda s: 0.1 + 0.9 * (1 - s / 120) ** 2),
    (Cosine(warmup=0, end=0.2), lambda s: 0.2 + 0.8 * (1 + math.cos(pi * s / 120)) / 2),
    (CosineRestarts(0.25), lambda s: (1 + math.cos(pi * (s % 30) / 30)) / 2),
    (CosineRestarts("1 epoch", 2.0, 0.1), waves),
    (
        OneCycle(0.25, 10, 100),
        lambda s: (
            1 + (0.1 - 1) * (1 + math.cos(pi * s / 29)) / 2
            if s <= 29
            else 0.001 + 0.999 * (1 + math.cos(pi * (s - 29) / 90)) / 2
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FORMULAS)))
def test_the_formula(number: int) -> None:
    schedule, formula = FORMULAS[number]
    factor = schedule.plan(STEPS, EPOCH)
    found, expected = [factor(s) for s in range(STEPS)], [formula(s) for s in range(STEPS)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15, err_msg=repr(schedule))


def test_every_schedule_has_a_formula() -> None:
    assert {type(schedule) for schedule, _ in FORMULAS} == set(CLASSES.values())


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_warm_up_comes_before_the_curve(name: str) -> None:
    plain = schedules.get(name, warmup=0).plan(STEPS - 24, EPOCH)
    for warmup in (24, 0.2, "24 steps", "2.4 epochs"):
        if name == "inverse_square_root":
            plain = InverseSquareRoot(time=24, warmup=0).plan(None)
        factor = schedules.get(name, warmup=warmup).plan(STEPS, EPOCH)
        assert [factor(s) for s in range(24)] == pytest.approx([(s + 1) / 25 * plain(0) for s in range(24)])
        if name not in ("step", "multi_step", "cosine_restarts"):  # whose times are parts of what is left of the run
            assert [factor(24 + s) for s in range(96)] == pytest.approx([plain(s) for s in range(96)])


@pytest.mark.parametrize("schedule", [Polynomial(end=0.3), Cosine(end=0.3), OneCycle(divide=2, divide_end=4)])
def test_after_the_end_of_the_run(schedule: Schedule) -> None:
    factor = schedule.plan(50)
    assert [factor(s) for s in (50, 51, 1000)] == pytest.approx([factor(50)] * 3)
    assert factor(10_000) < factor(30)


@given(
    name=st.sampled_from(list(schedules.SCHEDULES)),
    warmup=st.one_of(st.integers(0, 30), st.floats(0, 0.99), st.sampled_from(["1 epoch", "2.5 epochs", "3 steps"])),
    steps=st.integers(1, 300),
    epoch=st.integers(1, 50),
)
def test_any_run_has_factors_from_zero_to_one(name: str, warmup: Any, steps: int, epoch: int) -> None:
    factor = schedules.get(name, warmup=warmup).plan(steps, epoch)
    found = [factor(s) for s in range(steps + 5)]
    assert all(0 <= f <= 1 + 1e-12 for f in found), found


def test_a_text_is_a_schedule() -> None:
    for text, schedule in (
        ("cosine", Cosine()),
        ("cosine,warmup=0.1,end=0.01", Cosine(warmup=0.1, end=0.01)),
        ("step,every=3 epochs,factor=0.5", Step("3 epochs", 0.5)),
        ("multi_step,at=0.5:0.75", MultiStep((0.5, 0.75))),
        ("multi_step, at = 10 epochs:20 epochs, warmup=1 epoch", MultiStep(("10 epochs", "20 epochs"), warmup="1 epoch")),
        ("polynomial,power=2,steps=100", Polynomial(2, steps=100)),
    ):  # fmt: skip
        assert repr(schedules.get(text)) == repr(schedule)
        assert repr(schedules.get(schedule.config() | {"type": type(schedule).__name__})) == repr(schedule)
    assert SGD(schedule="step,every=5").schedule.config() == Step(5).config()  # type: ignore[union-attr]


def test_the_step_knows_the_length_of_an_epoch() -> None:
    (x, y), model = blobs(16), small()
    step = TrainStep(model, SGD(0.5, schedule=Step("1 epoch", 0.1)), steps=6, epoch_steps=2)
    rates = []
    for _ in range(6):
        assert step.updater.next_rate == pytest.approx(0.5 * 0.1 ** (len(rates) // 2))
        step(x, y)
        rates.append(float(step.updater.rate[0]))
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])
    step.updater.rate_factor = 0.5
    assert step.updater.next_rate == pytest.approx(0.5 * 0.5e-3)
    step(x, y)
    assert step.updater.rate[0] == pytest.approx(0.5 * 0.5e-3)


def test_fit_tells_the_length_of_an_epoch() -> None:
    x, y = blobs(20)
    one, other = small(), small()
    one.fit(x, y, epochs=4, batch_size=8, optimizer=SGD(0.5, schedule="step,every=2 epochs"))
    other.fit(x, y, epochs=4, batch_size=8, optimizer=SGD(0.5, schedule=Step(6)))
    assert np.array_equal(one.arena.values, other.arena.values)


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: schedules.get("cosin"), "unknown schedule 'cosin'. Did you mean 'cosine'"),
    (lambda: schedules.get("step,every"), "expected name=value after each comma, found 'every'"),
    (lambda: schedules.get("step,every=2,every=3"), "expected every once"),
    (lambda: schedules.get("step,evry=2"), "schedule step: .*evry"),
    (lambda: Step("3 weeks"), "Step: every: expected steps, a part of the run such as 0.3, .* found '3 weeks'"),
    (lambda: Step(0), "Step: every: expected steps"),
    (lambda: Step(-1), "Step: every"),
    (lambda: Step(True), "Step: every"),
    (lambda: Step(float("nan")), "Step: every"),
    (lambda: MultiStep(()), "MultiStep: at: expected the times"),
    (lambda: MultiStep((0.5, "soon")), "MultiStep: at: .*'soon'"),
    (lambda: Cosine(warmup=-1), "Cosine: warmup: expected steps"),
    (lambda: Cosine(steps=0), "Cosine: steps: expected a whole number from 1 on"),
    (lambda: CosineRestarts(stretch=0.5), "CosineRestarts: stretch: expected a number from 1 on"),
    (lambda: OneCycle(rise=1.0), "OneCycle: rise: expected a number between 0 and 1"),
    (lambda: Polynomial(0), "Polynomial: power: expected a number above 0"),
    (lambda: Step("2 epochs").plan(100), "Step: every '2 epochs': the length of an epoch is not known"),
    (lambda: Step(0.5).plan(None), "Step: every 0.5 is a part of the run, whose length is not known"),
    (lambda: OneCycle().plan(None), r"OneCycle: the length of the run is not known. Give it, OneCycle\(steps=...\)"),
    (lambda: Constant(warmup=0.1).plan(None), "Constant: warmup 0.1 is a part of the run"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_is_refused(number: int) -> None:
    make, message = BAD[number]
    with pytest.raises(ModelError, match=message):
        make()
