"""Stopping when training does no good any more, with the weights of the best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import check_whole
from numbanet.training.callbacks.base import Callback, Progress
from numbanet.training.callbacks.monitor import Monitor


class EarlyStopping(Callback):
    """Ends training when `monitor` has not become better for `patience` epochs.

    `min_delta`: what counts as better. `mode`: "min", "max" or "auto", by the name. `restore_best`: whether the model
    has the weights of the best epoch afterwards, also where all epochs were done; after Ctrl-C it keeps the last ones.
    `best_epoch` and `best` tell which epoch that was and its value.
    """

    def __init__(
        self,
        patience: int = 5,
        monitor: str = "val_loss",
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        self.patience = check_whole("EarlyStopping", "patience", patience, 1)
        self.restore_best = restore_best
        self._monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self._waited = 0
        self._kept: dict[str, NDArray[Any]] = {}

    @property
    def best_epoch(self) -> int:
        """The number of the best epoch so far, from 1; 0 before the first."""
        return self._monitor.epoch

    @property
    def best(self) -> float:
        """Its value; infinite before the first."""
        return self._monitor.best

    def on_train_begin(self, progress: Progress) -> None:
        """Forget what an earlier training was like."""
        self._monitor.reset()
        self._waited, self._kept = 0, {}

    def on_epoch_end(self, progress: Progress) -> None:
        """Compare, keep the weights, or count."""
        if self._monitor.improved(progress):
            self._waited = 0
            if self.restore_best:
                self._kept = {name: np.array(array) for name, array in _arenas(progress).items()}
            return
        self._waited += 1
        if self._waited >= self.patience:
            name, epochs = self._monitor.name, "epoch" if self.patience == 1 else "epochs"
            progress.end(
                f"{name} has not become better than {self.best:.4g}, in epoch {self.best_epoch}, for "
                f"{self.patience} {epochs}"
            )

    def on_train_end(self, progress: Progress) -> None:
        """Put the best weights back."""
        if self._kept and not progress.history.interrupted:
            for name, array in _arenas(progress).items():
                progress.model.backend.copy(array, self._kept[name])

    def state(self) -> dict[str, Any]:
        """The best value and how long ago it was."""
        return {**self._monitor.state(), "waited": self._waited}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The best weights."""
        return self._kept

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on waiting."""
        self._monitor.restore(state["best"], state["best_epoch"])
        self._waited = state["waited"]
        self._kept = {name: np.array(state[name]) for name in ("values", "state_values") if name in state}


def _arenas(progress: Progress) -> dict[str, Any]:
    """All that training changes in a model: its parameters, and the state that goes with them."""
    model = progress.model
    return {"values": model.arena.values, "state_values": model.state_arena.values}
