"""A model's gradients against finite differences: whether backward really is the derivative of forward."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet import losses
from numbanet.configurable import check_whole
from numbanet.errors import ModelError
from numbanet.losses import Loss
from numbanet.model import Sequential
from numbanet.training.objective import Objective, mean
from numbanet.training.step import TrainStep

STEPS = (1e-5, 1e-6, 1e-7)
TOLERANCE = 1e-4
NOISE = 1e-9  # what a difference of losses of about 1 in float64 can be off, divided by such a step


@dataclass(frozen=True)
class GradientCheck:
    """One tensor: how many of its elements were checked, and the worst of them.

    `error` is |analytic - numeric|, relative to the larger of the two and to a thousandth of the tensor's largest
    gradient; `index`, `analytic` and `numeric` are those of the worst element.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    error: float
    index: tuple[int, ...]
    analytic: float
    numeric: float

    @property
    def good(self) -> bool:
        """Whether it is as right as float64 can tell."""
        return self.error <= TOLERANCE


def gradcheck(
    model: Sequential, x: Any, y: Any, *, loss: Loss | str | None = None, samples: int = 20, seed: int = 0
) -> list[GradientCheck]:
    """Check `samples` elements of each parameter, chosen by `seed`, and of an input of numbers, on the batch x, y.

    `model` computes in float64; `numbanet.twin.twin` makes such a copy of another. The loss is that of training:
    dropout has the same mask throughout, batch norm goes by the batch. Where a relu or a maximum has its kink within a
    step of a finite difference, a smaller step is tried. The model stays as it is. Raises `ModelError`.
    """
    if model.dtype != "float64":
        raise ModelError(f"gradcheck: expected a model in float64, got {model.dtype}: numbanet.twin makes one.")
    samples = check_whole("gradcheck", "samples", samples, 1)
    found = losses.get(loss if loss is not None else model.loss or "cross_entropy")
    step = TrainStep(model, "sgd", found)  # checks that model and loss fit
    state = np.array(model.backend.to_numpy(model.state_arena.values))
    targets = step.targets(y)
    batch = np.array(model.backend.to_numpy(model.enter(x)))
    if len(targets) != len(batch):
        raise ModelError(f"y: expected as many targets as examples, {len(batch)}, got {len(targets)}.")
    objective = Objective(model, found, targets)
    values, none = objective.losses(len(batch)), np.empty((0, 0))

    def value(dz: NDArray[Any] = none) -> float:
        totals = np.zeros(4)
        objective(totals, values, dz, model.forward(batch, train=True), targets)
        return mean(totals)

    try:
        dz = np.empty((len(batch), *model.output_shape))
        scale = max(1.0, abs(value(dz)))
        tokens = batch.dtype.kind == "i"  # they have no gradient
        dx = model.backward(dz, need_dx=not tokens)
        gradients = {name: np.array(array) for name, array in model.gradients().items()}
        tensors: list[tuple[str, Any, NDArray[Any]]] = [] if tokens else [("input", batch, np.array(dx))]
        tensors += [(name, array, gradients[name]) for name, array in model.parameters().items()]
        rng = np.random.default_rng(seed)
        return [_check(*tensor, value, samples, rng, scale) for tensor in tensors]
    finally:
        model.backend.copy(model.state_arena.values, state)


def _check(
    name: str,
    array: NDArray[Any],
    gradient: NDArray[Any],
    value: Callable[[], float],
    samples: int,
    rng: np.random.Generator,
    scale: float,
) -> GradientCheck:
    size = array.size
    chosen = np.arange(size) if size <= samples else rng.choice(size, samples, replace=False)
    floor = max(1e-3 * float(np.abs(gradient).max(initial=0.0)), scale * NOISE / TOLERANCE)
    worst = GradientCheck(name, array.shape, len(chosen), 0.0, (), 0.0, 0.0)
    for flat in chosen:
        index = tuple(int(i) for i in np.unravel_index(flat, array.shape))
        analytic = float(gradient[index])
        best = (math.inf, math.nan)
        for h in STEPS:
            numeric = _difference(array, index, h * max(1.0, abs(float(array[index]))), value)
            error = abs(analytic - numeric) / max(abs(analytic), abs(numeric), floor)
            best = min(best, (error if math.isfinite(error) else math.inf, numeric))
            if error <= TOLERANCE / 10:
                break
        if best[0] >= worst.error:
            worst = GradientCheck(name, array.shape, len(chosen), best[0], index, analytic, best[1])
    return worst


def _difference(array: NDArray[Any], index: tuple[int, ...], h: float, value: Callable[[], float]) -> float:
    kept = array[index]
    array[index] = kept + h
    above = value()
    array[index] = kept - h
    below = value()
    array[index] = kept
    return (above - below) / (2 * h)
