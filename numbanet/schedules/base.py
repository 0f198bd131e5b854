"""What a schedule is, how it warms up, and how lengths of time are given to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple, TypeAlias

from numbanet.configurable import Configurable, check_whole
from numbanet.errors import ModelError

Factor: TypeAlias = Callable[[int], float]
# Steps; below 1 a part of the run; or a text: "3 epochs", "500 steps".
Length: TypeAlias = float | str

_TEXT = re.compile(r"(?P<count>\d+(\.\d*)?|\.\d+)\s*(?P<unit>epochs?|steps?)")


class Run(NamedTuple):
    """What is known of the training run: its steps, and those of an epoch; None where not known."""

    steps: int | None
    epoch: int | None = None


@dataclass(repr=False, eq=False)
class Schedule(Configurable):
    """Base of all schedules: a `warmup`, over which the rate grows evenly, and a curve that begins after it."""

    _: KW_ONLY
    warmup: Length = 0.0

    def __post_init__(self) -> None:
        """Check the arguments."""
        self.check_length("warmup", self.warmup, none=True)

    def plan(self, steps: int | None, epoch_steps: int | None = None) -> Factor:
        """step -> factor, for a run of `steps` steps, `epoch_steps` an epoch; None where not known.

        Step s of w steps of warm-up has (s + 1) / (w + 1) times the factor that the curve begins with.
        """
        warmup = self.in_steps("warmup", self.warmup, Run(steps, epoch_steps))
        if steps is not None:
            warmup = min(warmup, steps - 1)  # even the shortest run reaches its full rate
        curve = self.curve(Run(None if steps is None else steps - warmup, epoch_steps))
        if warmup <= 0:
            return curve
        top = curve(0)
        return lambda step: top * (step + 1) / (warmup + 1) if step < warmup else curve(step - warmup)

    def curve(self, run: Run) -> Factor:
        """Step after the warm-up -> factor; `run` is what is left of it then."""
        raise NotImplementedError

    def check_length(self, field: str, value: Any, *, none: bool = False) -> None:
        """Raise `ModelError` unless `value` is a length of time; with `none`, 0 is one, too."""
        number = _count(value)[0] if isinstance(value, str) else value
        positive = isinstance(number, (int, float)) and not isinstance(number, bool) and 0 <= number < float("inf")
        if not positive or (number == 0 and not none):
            raise ModelError(
                f"{type(self).__name__}: {field}: expected steps, a part of the run such as 0.3, or a text such as "
                f"'3 epochs', found {value!r}."
            )

    def in_steps(self, field: str, value: Length, run: Run) -> int:
        """A length of time as a whole number of steps; at least 1, unless it is 0."""
        name = type(self).__name__
        if isinstance(value, str):
            count, unit = _count(value)
            if unit == "step":
                return round(count)
            if run.epoch is None:
                raise ModelError(
                    f"{name}: {field} {value!r}: the length of an epoch is not known. Give it in steps, or train "
                    "with fit."
                )
            return max(1, round(count * run.epoch)) if count else 0
        if value >= 1 or value == 0:
            return int(value)
        if run.steps is None:
            raise ModelError(
                f"{name}: {field} {value} is a part of the run, whose length is not known. Give it in steps, or "
                "train with fit."
            )
        return max(1, round(value * run.steps))


@dataclass(repr=False, eq=False)
class WholeRun(Schedule):
    """Base of schedules over a run whose length must be known.

    `steps`: that length, warm-up and all; `fit` knows it, a `TrainStep` of one's own does not.
    """

    _: KW_ONLY
    steps: int | None = None

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        if self.steps is not None:
            self.steps = check_whole(type(self).__name__, "steps", self.steps, 1)

    def plan(self, steps: int | None, epoch_steps: int | None = None) -> Factor:
        """For a run of `steps` steps, unless the schedule has its own length."""
        steps = self.steps or steps
        if steps is None:
            name = type(self).__name__
            raise ModelError(
                f"{name}: the length of the run is not known. Give it, {name}(steps=...), or train with fit."
            )
        return super().plan(steps, epoch_steps)


def _count(text: str) -> tuple[float, str]:
    """ "3 epochs" -> (3.0, "epoch"); (nan, "") for what is no length."""
    match = _TEXT.fullmatch(text.strip())
    return (float(match["count"]), match["unit"].rstrip("s")) if match else (float("nan"), "")
