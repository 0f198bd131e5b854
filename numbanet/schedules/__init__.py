"""How the learning rate changes from step to step.

A schedule is planned for a training run of so many steps and is then a function: step (0 for the first) ->
factor of the learning rate. `Adam(1e-3, schedule=Cosine(warmup=0.05))`; by name, `Adam(schedule="cosine")`; or as a
text, `Adam(schedule="step,every=3 epochs,factor=0.5")`.

What depends on how training goes, and not on the step alone, is a callback: `ReduceOnPlateau`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numbanet.configurable import choose, from_config
from numbanet.errors import ModelError
from numbanet.schedules.base import Factor, Length, Run, Schedule, WholeRun
from numbanet.schedules.decay import (
    Constant,
    Exponential,
    InverseSquareRoot,
    InverseTime,
    MultiStep,
    Polynomial,
    Step,
)
from numbanet.schedules.waves import Cosine, CosineRestarts, OneCycle

__all__ = [
    "CLASSES",
    "SCHEDULES",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "Factor",
    "InverseSquareRoot",
    "InverseTime",
    "Length",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "Run",
    "Schedule",
    "Step",
    "WholeRun",
    "get",
    "parse",
]

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "inverse_time": InverseTime,
    "inverse_square_root": InverseSquareRoot,
    "exponential": Exponential,
    "step": Step,
    "multi_step": MultiStep,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "one_cycle": OneCycle,
}
CLASSES = {kind.__name__: kind for kind in SCHEDULES.values()}


def get(choice: Schedule | str | Mapping[str, Any], **options: Any) -> Schedule:
    """A schedule by name, from a text or from its configuration; a schedule itself is passed through."""
    if isinstance(choice, Mapping):
        return from_config("schedule", CLASSES, choice)
    if isinstance(choice, str) and "," in choice:
        return parse(choice)
    return choose("schedule", Schedule, SCHEDULES, choice, **options)


def parse(text: str) -> Schedule:
    """A name, and what is to differ from its defaults: "multi_step,at=0.5:0.75,factor=0.2,warmup=1 epoch".

    A colon stands between the several times of `at`. Raises `ModelError`.
    """
    name, *parts = (part.strip() for part in text.split(","))
    options: dict[str, Any] = {}
    for part in parts:
        option, equals, value = (piece.strip() for piece in part.partition("="))
        if not (option and equals and value):
            raise ModelError(f"schedule {text!r}: expected name=value after each comma, found {part!r}.")
        if option in options:
            raise ModelError(f"schedule {text!r}: expected {option} once, found it twice.")
        several = [_value(piece) for piece in value.split(":")]
        options[option] = several if len(several) > 1 else several[0]
    return choose("schedule", Schedule, SCHEDULES, name, **options)


def _value(text: str) -> float | str:
    """A number where it is one; else the text, such as "3 epochs"."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
