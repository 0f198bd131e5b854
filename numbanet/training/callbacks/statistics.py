"""How large weights, gradients and updates are, parameter by parameter: to see what learns, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.training.callbacks.base import Callback, Progress
from numbanet.training.callbacks.logs import CsvLog


@dataclass(frozen=True)
class TensorStatistics:
    """One parameter at the end of one epoch.

    `gradient` and `update` are of the epoch's last step; all sizes are root mean squares. `update_ratio` is that of
    update and weight: about 1e-3 is usual, much less means that the parameter hardly learns. `zeros`: the share of the
    gradient that is exactly zero, which is large where units are dead.
    """

    epoch: int
    name: str
    weight: float
    weight_mean: float
    weight_std: float
    weight_largest: float
    gradient: float
    gradient_largest: float
    update: float
    update_ratio: float
    zeros: float


class Statistics(Callback):
    """Collects `rows`, a `TensorStatistics` for each parameter and epoch; `of_epoch` gives the last epoch's."""

    def __init__(self) -> None:
        self.rows: list[TensorStatistics] = []
        self._before: NDArray[Any] = np.empty(0)

    def on_train_begin(self, progress: Progress) -> None:
        """From now on keep the weights from before each step: which one is an epoch's last is not known."""
        self.rows = []
        self._model = progress.model
        self._before = np.array(progress.model.backend.to_numpy(progress.model.arena.values))
        progress.step.updater.before.append(self._keep)

    def _keep(self) -> None:
        to_numpy = self._model.backend.to_numpy
        self._before[...] = to_numpy(self._model.arena.values)

    def on_batches_end(self, progress: Progress) -> None:
        """Measure, before anything else changes the weights."""
        self.rows = [row for row in self.rows if row.epoch != progress.epoch]  # after a break just here: again
        arena, to_numpy = progress.model.arena, progress.model.backend.to_numpy
        values, gradients = to_numpy(arena.values), to_numpy(arena.gradients)
        for name, slot in arena.slots.items():
            part = slice(slot.offset, slot.offset + slot.size)
            self.rows.append(_measure(progress.epoch, name, values[part], gradients[part], self._before[part]))

    def on_train_end(self, progress: Progress) -> None:
        """No more."""
        updater = progress.step.updater
        updater.before = [act for act in updater.before if act != self._keep]

    @property
    def of_epoch(self) -> list[TensorStatistics]:
        """Those of the last epoch."""
        return [row for row in self.rows if row.epoch == self.rows[-1].epoch]

    def state(self) -> dict[str, Any]:
        """All rows."""
        return {"rows": [list(vars(row).values()) for row in self.rows]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """All rows."""
        self.rows = [TensorStatistics(*row) for row in state["rows"]]


class StatisticsLog(CsvLog):
    """The same as a CSV file that grows: a row for each parameter and epoch."""

    def __init__(self, path: str | PathLike[str], *, overwrite: bool = False, append: bool = False) -> None:
        super().__init__(path, overwrite=overwrite, append=append)
        self._statistics = Statistics()

    def on_train_begin(self, progress: Progress) -> None:
        """Begin the file, and to measure."""
        super().on_train_begin(progress)
        self._statistics.on_train_begin(progress)

    def on_batches_end(self, progress: Progress) -> None:
        """Measure."""
        self._statistics.on_batches_end(progress)

    def on_epoch_end(self, progress: Progress) -> None:
        """Write."""
        self.write(*(vars(row) for row in self._statistics.of_epoch))
        self._statistics.rows = []

    def on_train_end(self, progress: Progress) -> None:
        """No more."""
        self._statistics.on_train_end(progress)


def _measure(epoch: int, name: str, w: NDArray[Any], g: NDArray[Any], before: NDArray[Any]) -> TensorStatistics:
    w, g = w.astype(np.float64), g.astype(np.float64)
    weight, gradient, update = (_rms(part) for part in (w, g, w - before))
    return TensorStatistics(
        epoch=epoch,
        name=name,
        weight=weight,
        weight_mean=float(w.mean()),
        weight_std=float(w.std()),
        weight_largest=float(np.abs(w).max()),
        gradient=gradient,
        gradient_largest=float(np.abs(g).max()),
        update=update,
        update_ratio=update / weight if weight else 0.0,
        zeros=float(np.mean(g == 0)),
    )


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))
