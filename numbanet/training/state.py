"""Where the loop stands, and how it gets back there: what `fit` counts, and what a snapshot is taken from."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from numbanet.errors import ModelError
from numbanet.serialize import description_of, fill, tensors_of
from numbanet.training.callbacks import Callbacks
from numbanet.training.history import History
from numbanet.training.metrics import Metric
from numbanet.training.snapshot import Memory, Snapshot, read_snapshot
from numbanet.training.step import TrainStep


class TrainingState:
    """The state of one training: `epoch` whole epochs done, and `batch` batches of the next one.

    `epoch_seconds`: spent on the epoch under way. `feed` says what makes a position mean the same batch again.
    """

    def __init__(
        self, step: TrainStep, metrics: Sequence[Metric], history: History, epochs: int, feed: dict[str, Any]
    ) -> None:
        self.epoch = 0
        self.batch = 0
        self.seconds = 0.0
        self.epoch_seconds = 0.0
        self._step, self._metrics, self._history = step, metrics, history
        self._epochs = epochs
        self._feed = {**feed, "seed": step.model.seed}
        self._kept: list[Memory] | None = None
        self._memories: list[Memory] = []

    def begin_epoch(self) -> None:
        """Sums at zero, unless the epoch was begun before."""
        if not self.batch:
            self._step.totals[:] = 0.0
            self.epoch_seconds = 0.0
            for metric in self._metrics:
                metric.reset()

    def end_batches(self) -> None:
        """The batches are done; validation, which may use the same metrics, changes nothing of this state."""
        self._kept = self._sums()

    def end_epoch(self) -> None:
        """The epoch is done, and the history has it."""
        self.epoch, self.batch, self.epoch_seconds, self._kept = self.epoch + 1, 0, 0.0, None

    def capture(self, callbacks: Callbacks, reason: str) -> Snapshot:
        """Copies of everything, between two batches or two epochs; `reason`: why the training is over, if it is."""
        model, updater = self._step.model, self._step.updater
        return Snapshot(
            model=description_of(model),
            tensors={name: np.array(array) for name, array in tensors_of(model).items()},
            optimizer=updater.state_dict(),
            epoch=self.epoch,
            batch=self.batch,
            epochs=self._epochs,
            feed=self._feed,
            totals=np.array(model.backend.to_numpy(self._step.totals)),
            metrics=self._kept if self._kept is not None else self._sums(),
            history={name: list(column) for name, column in self._history.items()},
            callbacks=callbacks.capture(),
            reason=reason,
            seconds=self.seconds,
            epoch_seconds=self.epoch_seconds,
        )

    def restore(self, source: Snapshot | str | PathLike[str]) -> str:
        """Go back to a snapshot, or to the one in a file; return the reason why the training is over, if it is.

        What callbacks remember waits for `restore_callbacks`. Raises `ModelError` or `ModelFileError`, and then has
        changed nothing.
        """
        snapshot, path = source, Path("resume")
        if not isinstance(snapshot, Snapshot):
            path = Path(snapshot)
            snapshot = read_snapshot(path)
        model, updater = self._step.model, self._step.updater
        for name, expected in snapshot.feed.items():
            if self._feed.get(name) != expected:
                raise ModelError(
                    f"resume: expected {name} {expected}, as in the checkpoint, found {self._feed.get(name)}: the "
                    "same batches would not come again."
                )
        _check_metrics(self._metrics, snapshot)
        kept = updater.state_dict()
        updater.load_state_dict(snapshot.optimizer)
        try:
            fill(model, snapshot.tensors, path)
        except Exception:  # whatever it is, the caller hears of it; the optimizer is as it was before
            updater.load_state_dict(kept)
            raise
        model.step[0] = snapshot.model["step"]
        model.meta = snapshot.model["meta"]
        model.backend.copy(self._step.totals, snapshot.totals)
        for metric, memory in zip(self._metrics, snapshot.metrics, strict=False):
            vars(metric).update(memory.state, **{name: np.array(array) for name, array in memory.arrays.items()})
        self._history.restore(snapshot.history)
        self._memories = snapshot.callbacks
        self.epoch, self.batch = snapshot.epoch, snapshot.batch
        self.seconds, self.epoch_seconds = snapshot.seconds, snapshot.epoch_seconds
        return snapshot.reason

    def restore_callbacks(self, callbacks: Callbacks) -> None:
        """Give the callbacks back what they remember."""
        callbacks.restore(self._memories)

    def _sums(self) -> list[Memory]:
        """What the metrics have added up in this epoch: their private numbers and arrays."""
        if not self.batch:
            return []
        return [_sums_of(metric) for metric in self._metrics]


def _sums_of(metric: Metric) -> Memory:
    own = {name: value for name, value in vars(metric).items() if name.startswith("_")}
    numbers = {name: value for name, value in own.items() if isinstance(value, (bool, int, float))}
    arrays = {name: np.array(value) for name, value in own.items() if isinstance(value, np.ndarray)}
    return Memory(type(metric).__name__, numbers, arrays)


def _check_metrics(metrics: Sequence[Metric], snapshot: Snapshot) -> None:
    expected, found = [memory.type for memory in snapshot.metrics], [type(metric).__name__ for metric in metrics]
    if snapshot.batch and expected != found:
        raise ModelError(f"resume: expected the metrics {expected}, as in the checkpoint, found {found}.")
