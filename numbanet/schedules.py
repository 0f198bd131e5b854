"""How the learning rate changes from step to step.

A schedule is planned for a training run of so many steps and is then a function: step (0 for the first) ->
factor of the learning rate. `Adam(1e-3, schedule=Cosine(warmup=0.05))`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from numbanet.configurable import Configurable, check_number, choose, from_config
from numbanet.errors import ModelError

Factor: TypeAlias = Callable[[int], float]


class Schedule(Configurable):
    """Base of all schedules."""

    def plan(self, steps: int | None) -> Factor:
        """step -> factor, for a run of `steps` steps; None where its length is not known."""
        raise NotImplementedError


class Constant(Schedule):
    """The learning rate itself, always."""

    def plan(self, steps: int | None) -> Factor:
        """Always 1."""
        return lambda step: 1.0


class InverseTime(Schedule):
    """1 / (1 + decay * step): the classic decaying rate of stochastic gradient descent."""

    def __init__(self, decay: float = 1e-4) -> None:
        check_number("InverseTime", "decay", decay, 0.0)
        self.decay = decay

    def plan(self, steps: int | None) -> Factor:
        """Whatever the length of the run."""
        decay = self.decay
        return lambda step: 1.0 / (1.0 + decay * step)


class Exponential(Schedule):
    """rate ** step: smoothly down by the same ratio at each step."""

    def __init__(self, rate: float = 0.9995) -> None:
        check_number("Exponential", "rate", rate, 0.0, 1.0)
        self.rate = rate

    def plan(self, steps: int | None) -> Factor:
        """Whatever the length of the run."""
        rate = self.rate
        return lambda step: float(rate**step)


class Step(Schedule):
    """Times `factor` after each `every` steps. `every` below 1 is a part of the whole run."""

    def __init__(self, every: float = 0.3, factor: float = 0.1) -> None:
        check_number("Step", "every", every, 0.0, open_ends=True)
        check_number("Step", "factor", factor, 0.0)
        self.every = every
        self.factor = factor

    def plan(self, steps: int | None) -> Factor:
        """For a run of `steps` steps."""
        every, factor = max(1, _in_steps("Step: every", self.every, steps)), self.factor
        return lambda step: float(factor ** (step // every))


class Cosine(Schedule):
    """Half a cosine from 1 down to `end`, after a linear warm-up (Loshchilov and Hutter, arXiv 1608.03983).

    `warmup`: steps of the warm-up, or below 1 a part of the whole run. `steps`: length of the run; `fit`
    knows it, a `TrainStep` of one's own does not. Beyond its length the factor stays `end`.
    """

    def __init__(self, warmup: float = 0.05, end: float = 0.0, steps: int | None = None) -> None:
        check_number("Cosine", "warmup", warmup, 0.0)
        check_number("Cosine", "end", end, 0.0, 1.0)
        if steps is not None:
            check_number("Cosine", "steps", steps, 1)
        self.warmup = warmup
        self.end = end
        self.steps = steps

    def plan(self, steps: int | None) -> Factor:
        """For a run of `steps` steps, unless the schedule has its own length."""
        steps = self.steps or steps
        if steps is None:
            raise ModelError(
                "Cosine: the length of the run is not known. Give it, Cosine(steps=...), or train with fit."
            )
        warmup = min(_in_steps("Cosine: warmup", self.warmup, steps), steps - 1)
        end, length = self.end, steps - warmup

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / (warmup + 1)
            done = min((step - warmup) / length, 1.0)
            return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * done))

        return factor


def _in_steps(what: str, value: float, steps: int | None) -> int:
    """A number of steps: as it is from 1 on; below, that part of the run."""
    if value >= 1 or value == 0:
        return int(value)
    if steps is None:
        raise ModelError(
            f"{what} {value} is a part of the run, whose length is not known. Give it in steps, or train with fit."
        )
    return round(value * steps)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "inverse_time": InverseTime,
    "exponential": Exponential,
    "step": Step,
    "cosine": Cosine,
}
CLASSES = {kind.__name__: kind for kind in SCHEDULES.values()}


def get(choice: Schedule | str | Mapping[str, Any], **options: Any) -> Schedule:
    """A schedule by name or from its configuration; a schedule itself is passed through."""
    if isinstance(choice, Mapping):
        return from_config("schedule", CLASSES, choice)
    return choose("schedule", Schedule, SCHEDULES, choice, **options)
