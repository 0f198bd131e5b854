"""Schedules against PyTorch's, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseTime,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
)

from .torches import torch

STEPS, EPOCH = 60, 6
lr = torch.optim.lr_scheduler

PAIRS: list[tuple[Schedule, Any]] = [
    (Constant(), lambda o: lr.ConstantLR(o, 1.0)),
    (InverseTime(0.3), lambda o: lr.LambdaLR(o, lambda s: 1 / (1 + 0.3 * s))),
    (Exponential(0.93), lambda o: lr.ExponentialLR(o, 0.93)),
    (Step("2 epochs", 0.3), lambda o: lr.StepLR(o, 2 * EPOCH, 0.3)),
    (MultiStep((15, 40), 0.2), lambda o: lr.MultiStepLR(o, [15, 40], 0.2)),
    (Polynomial(1.7), lambda o: lr.PolynomialLR(o, STEPS, 1.7)),
    (Cosine(warmup=0, end=0.1), lambda o: lr.CosineAnnealingLR(o, STEPS, 0.1)),
    (CosineRestarts("1 epoch"), lambda o: lr.CosineAnnealingWarmRestarts(o, EPOCH)),
    (CosineRestarts(6, 2, 0.05), lambda o: lr.CosineAnnealingWarmRestarts(o, 6, 2, 0.05)),
    (OneCycle(), lambda o: lr.OneCycleLR(o, 1.0, STEPS, cycle_momentum=False)),
    (OneCycle(0.4, 5, 50), lambda o: lr.OneCycleLR(
        o, 1.0, STEPS, pct_start=0.4, div_factor=5, final_div_factor=50, cycle_momentum=False)),
    (Constant(warmup=9), lambda o: lr.LinearLR(o, 1 / 10, 1.0, 9)),
    (Cosine(warmup=9), lambda o: lr.SequentialLR(
        o, [lr.LinearLR(o, 1 / 10, 1.0, 9), lr.CosineAnnealingLR(o, STEPS - 9)], [9])),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_the_rates_of_a_run(number: int) -> None:
    schedule, make = PAIRS[number]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs, rates = make(optimizer), []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    factor = schedule.plan(STEPS, EPOCH)
    # PyTorch multiplies its rates up step by step, and its cosine twice over: some roundings a step.
    np.testing.assert_allclose([factor(s) for s in range(STEPS)], rates, rtol=1e-9, atol=1e-12, err_msg=repr(schedule))
