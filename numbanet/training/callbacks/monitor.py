"""Watching one number from epoch to epoch: which it is, and when it has become better."""

from __future__ import annotations

import math

from numbanet.configurable import check_number
from numbanet.errors import ModelError, unknown_name
from numbanet.training.callbacks.base import Progress

# Metrics of which more is better begin so, with or without `val_` before them; less of anything else is better.
RISING = ("accuracy", "top", "precision", "recall", "f1", "r2")


class Monitor:
    """The best value of `name`, such as "val_loss", and the epoch that had it.

    `mode`: "min", "max", or "auto" to go by the name. `min_delta`: what a value must be better by to count.
    `owner`: the callback's name, for errors.
    """

    def __init__(self, owner: str, name: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ModelError(f"{owner}: {unknown_name('mode', str(mode), ('auto', 'min', 'max'))}")
        check_number(owner, "min_delta", min_delta, 0.0)
        self.owner, self.name, self.min_delta = owner, name, min_delta
        self.rising = name.removeprefix("val_").startswith(RISING) if mode == "auto" else mode == "max"
        self.reset()

    def reset(self) -> None:
        """Nothing seen yet."""
        self.best = -math.inf if self.rising else math.inf
        self.epoch = 0

    def value(self, progress: Progress) -> float:
        """The number now. Raises `ModelError` where training does not measure it."""
        numbers = progress.numbers
        if self.name not in numbers:
            advice = " Pass validation_data, or watch another." if self.name.startswith("val_") else ""
            raise ModelError(f"{self.owner}: monitor: {unknown_name('number', self.name, numbers)}{advice}")
        return numbers[self.name]

    def improved(self, progress: Progress) -> bool:
        """Take in the epoch that has ended; whether it is the best so far. Never for NaN."""
        value = self.value(progress)
        better = value > self.best + self.min_delta if self.rising else value < self.best - self.min_delta
        if better:
            self.best, self.epoch = value, progress.epoch
        return better

    def state(self) -> dict[str, float | None]:
        """What `restore` takes: JSON has no infinity."""
        return {"best": self.best if math.isfinite(self.best) else None, "best_epoch": self.epoch}

    def restore(self, best: float | None, epoch: int) -> None:
        """Go on from there."""
        self.reset()
        if best is not None:
            self.best = best
        self.epoch = epoch
