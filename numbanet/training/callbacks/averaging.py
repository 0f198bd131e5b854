"""The model as an average of itself over the last steps, which is often better than any one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import check_number
from numbanet.training.callbacks.base import Callback, Progress


class WeightAverage(Callback):
    """An exponential moving average of the weights, and of running statistics, updated at each step.

    average += (1 - d) * (weights - average), with d = min(`decay`, (1 + step) / (10 + step)): early steps, far from
    where training ends, are forgotten sooner.

    The model has the average while it is validated and until the next epoch begins, so that whatever saves or compares
    it then sees what was measured; training goes on from its own weights. After training the model has the average.
    Put it before callbacks that keep weights, such as `EarlyStopping`.
    """

    def __init__(self, decay: float = 0.999) -> None:
        check_number("WeightAverage", "decay", decay, 0.0, 1.0, open_ends=True)
        self.decay = decay
        self._averages: dict[str, Any] = {}
        self._own: dict[str, Any] = {}  # the model's arrays
        self._shown = False  # whether the model has the average, and `_averages` its own weights
        self._steps = 0

    def on_train_begin(self, progress: Progress) -> None:
        """The average of one: the weights before the first step."""
        model = progress.model
        self._own = {"values": model.arena.values, "state_values": model.state_arena.values}
        self._averages = {name: model.backend.empty(array.shape, array.dtype) for name, array in self._own.items()}
        for name, array in self._averages.items():
            model.backend.copy(array, model.backend.to_numpy(self._own[name]))
        self._average = model.backend.kernels.average
        self._backend, self._shown, self._steps = model.backend, False, 0
        progress.step.updater.after.append(self._take_in)

    def _take_in(self) -> None:
        self._steps += 1
        rate = 1.0 - min(self.decay, (1 + self._steps) / (10 + self._steps))
        for name, average in self._averages.items():
            self._average(average, self._own[name], rate)

    def on_epoch_begin(self, progress: Progress) -> None:
        """Training goes on from its own weights."""
        self._show(False)

    def on_batches_end(self, progress: Progress) -> None:
        """What is validated is the average."""
        self._show(True)

    def on_train_end(self, progress: Progress) -> None:
        """What is left is the average."""
        self._show(True)
        updater = progress.step.updater
        updater.after = [act for act in updater.after if act != self._take_in]

    def _show(self, wanted: bool) -> None:
        if self._shown == wanted:
            return
        self._shown = wanted
        for name, average in self._averages.items():
            own, kept = self._own[name], np.array(self._backend.to_numpy(average))
            self._backend.copy(average, self._backend.to_numpy(own))
            self._backend.copy(own, kept)

    def state(self) -> dict[str, Any]:
        """How many steps, and which of the two the model has."""
        return {"steps": self._steps, "shown": self._shown}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The average; while the model has that, the weights that training goes on from."""
        return {name: self._backend.to_numpy(array) for name, array in self._averages.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on averaging."""
        self._steps, self._shown = state["steps"], state["shown"]
        for name, array in self._averages.items():
            self._backend.copy(array, state[name])
