"""What the tests of callbacks share: a small data set, a training by script, and a record of weights."""

from __future__ import annotations

from typing import Any

from numbanet.data.dataset import Dataset
from numbanet.optimizers import SGD
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.history import History
from numbanet.training.step import TrainStep

from .helpers import blobs, flat, small


def tiny_dataset(n: int = 40) -> Dataset:
    return Dataset("blobs", blobs(n), blobs(n // 2, seed=1), ("a", "b", "c"))


class Script:
    """A training whose numbers are written beforehand; the weights of epoch n are all n."""

    def __init__(self, *callbacks: Callback, epochs: int = 100) -> None:
        model = small()
        self.callbacks = callbacks
        self.step = TrainStep(model, SGD(0.5))
        self.progress = Progress(model, History(), epochs, 1, 8, snapshot=self.no_snapshot, step=self.step)

    def run(self, *losses: float, name: str = "val_loss", begin: bool = True, end: bool = True) -> int:
        """Play epochs with these numbers; returns how many were played."""
        progress, played = self.progress, 0
        self.tell("on_train_begin") if begin else None
        for value in losses:
            progress.epoch += 1
            progress.loss, progress.metrics = 1.0, {name: value}
            progress.history.append({"loss": 1.0, name: value})
            progress.model.arena.values[:] = progress.epoch
            self.tell("on_epoch_end")
            played += 1
            if progress.stop:
                break
        self.tell("on_train_end") if end else None
        return played

    @staticmethod
    def no_snapshot() -> Any:
        raise NotImplementedError

    def tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self.progress)


class Weights(Callback):
    """The weights after each step, and those that validation saw."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.validated: list[Any] = []

    def on_train_begin(self, progress: Progress) -> None:
        progress.step.updater.after.append(lambda: self.steps.append(flat(progress.model)))

    def on_epoch_end(self, progress: Progress) -> None:
        self.validated.append(flat(progress.model))
