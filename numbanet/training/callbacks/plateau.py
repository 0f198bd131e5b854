"""Lowering the learning rate when training gets no further: the one schedule that depends on how it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numbanet.configurable import check_number, check_whole
from numbanet.training.callbacks.base import Callback, Progress
from numbanet.training.callbacks.monitor import Monitor


class ReduceOnPlateau(Callback):
    """Multiplies the learning rate by `factor` when `monitor` has not become better for `patience` epochs.

    Then it counts anew. Beside an optimizer's schedule it is one more factor; the product of its own factors does not
    go below `least`. PyTorch's `ReduceLROnPlateau` waits one epoch more: its `patience` of 4 is 5 here, as it is in
    `EarlyStopping`.
    """

    def __init__(
        self,
        factor: float = 0.5,
        patience: int = 3,
        monitor: str = "val_loss",
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
        least: float = 0.0,
    ) -> None:
        check_number("ReduceOnPlateau", "factor", factor, 0.0, 1.0, open_ends=True)
        check_number("ReduceOnPlateau", "least", least, 0.0, 1.0)
        self.factor, self.least = factor, least
        self.patience = check_whole("ReduceOnPlateau", "patience", patience, 1)
        self._monitor = Monitor("ReduceOnPlateau", monitor, mode, min_delta)
        self._waited = 0
        self._progress: Progress | None = None

    def on_train_begin(self, progress: Progress) -> None:
        """The full rate."""
        self._monitor.reset()
        self._waited, self._progress = 0, progress
        progress.step.updater.rate_factor = 1.0

    def on_epoch_end(self, progress: Progress) -> None:
        """Compare, and count."""
        self._waited = 0 if self._monitor.improved(progress) else self._waited + 1
        if self._waited >= self.patience:
            updater = progress.step.updater
            updater.rate_factor = max(self.least, updater.rate_factor * self.factor)
            self._waited = 0

    def state(self) -> dict[str, Any]:
        """The best value, how long ago it was, and what the rate has come to."""
        factor = 1.0 if self._progress is None else self._progress.step.updater.rate_factor
        return {**self._monitor.state(), "waited": self._waited, "rate_factor": factor}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on at the rate that it had come to."""
        self._monitor.restore(state["best"], state["best_epoch"])
        self._waited = state["waited"]
        if self._progress is not None:
            self._progress.step.updater.rate_factor = state["rate_factor"]
