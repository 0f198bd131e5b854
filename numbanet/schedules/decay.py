"""Schedules that fall step by step, whether or not the end is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from numbanet.configurable import check_number
from numbanet.errors import ModelError
from numbanet.schedules.base import Factor, Length, Run, Schedule, WholeRun


@dataclass(repr=False, eq=False)
class Constant(Schedule):
    """The learning rate itself, always; after the warm-up, if there is one."""

    def curve(self, run: Run) -> Factor:
        """Always 1."""
        return lambda step: 1.0


@dataclass(repr=False, eq=False)
class InverseTime(Schedule):
    """1 / (1 + decay * step): the classic decaying rate of stochastic gradient descent."""

    decay: float = 1e-4

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        check_number("InverseTime", "decay", self.decay, 0.0)

    def curve(self, run: Run) -> Factor:
        """Whatever the length of the run."""
        decay = self.decay
        return lambda step: 1.0 / (1.0 + decay * step)


@dataclass(repr=False, eq=False)
class InverseSquareRoot(Schedule):
    """sqrt(t / (t + step)) after the warm-up: the schedule of the Transformer (arXiv 1706.03762).

    `time`, t: how long the rate takes to fall to 1 / sqrt(2); by default as long as the warm-up, which is the
    paper's schedule, or 1 step where there is no warm-up.
    """

    time: Length | None = None
    warmup: Length = 0.05

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        if self.time is not None:
            self.check_length("time", self.time)

    def plan(self, steps: int | None, epoch_steps: int | None = None) -> Factor:
        """The warm-up decides how fast the rate falls: it is asked for first."""
        warmup = self.in_steps("warmup", self.warmup, Run(steps, epoch_steps))
        self._time = max(1, warmup)
        if self.time is not None:
            self._time = self.in_steps("time", self.time, Run(steps, epoch_steps))
        return super().plan(steps, epoch_steps)

    def curve(self, run: Run) -> Factor:
        """Whatever the length of the run."""
        time = self._time
        return lambda step: math.sqrt(time / (time + step))


@dataclass(repr=False, eq=False)
class Exponential(Schedule):
    """rate ** step: smoothly down by the same ratio at each step. With `every`, by that ratio over such a length."""

    rate: float = 0.9995
    every: Length = 1

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        check_number("Exponential", "rate", self.rate, 0.0, 1.0)
        self.check_length("every", self.every)

    def curve(self, run: Run) -> Factor:
        """Whatever the length of the run."""
        rate, every = self.rate, self.in_steps("every", self.every, run)
        return lambda step: float(rate ** (step / every))


@dataclass(repr=False, eq=False)
class Step(Schedule):
    """Times `factor` after each `every`: `Step("10 epochs", 0.1)`, `Step(0.3)`."""

    every: Length = 0.3
    factor: float = 0.1

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        self.check_length("every", self.every)
        check_number("Step", "factor", self.factor, 0.0)

    def curve(self, run: Run) -> Factor:
        """Flat between its falls."""
        every, factor = max(1, self.in_steps("every", self.every, run)), self.factor
        return lambda step: float(factor ** (step // every))


@dataclass(repr=False, eq=False)
class MultiStep(Schedule):
    """Times `factor` at each of the times `at`: `MultiStep((0.5, 0.75))`, `MultiStep(("30 epochs", "60 epochs"))`."""

    at: Sequence[Length] = (0.5, 0.75)
    factor: float = 0.1

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        if isinstance(self.at, (str, int, float)):
            self.at = (self.at,)
        self.at = tuple(self.at)
        if not self.at:
            raise ModelError("MultiStep: at: expected the times of the falls, such as (0.5, 0.75), found none.")
        for time in self.at:
            self.check_length("at", time)
        check_number("MultiStep", "factor", self.factor, 0.0)

    def curve(self, run: Run) -> Factor:
        """Flat between its falls."""
        times, factor = [self.in_steps("at", time, run) for time in self.at], self.factor
        return lambda step: float(factor ** sum(step >= time for time in times))


@dataclass(repr=False, eq=False)
class Polynomial(WholeRun):
    """end + (1 - end) * (1 - done) ** power, `done` going from 0 to 1 over the run: a straight line for power 1."""

    power: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        check_number("Polynomial", "power", self.power, 0.0, open_ends=True)
        check_number("Polynomial", "end", self.end, 0.0, 1.0)

    def curve(self, run: Run) -> Factor:
        """Down to `end`, and `end` from there on."""
        assert run.steps is not None
        power, end, length = self.power, self.end, run.steps
        return lambda step: end + (1.0 - end) * float((1.0 - min(step / length, 1.0)) ** power)
