"""Whom training tells. Training prints nothing: progress bars, logs and checkpoints are callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from numbanet.model import Sequential
from numbanet.training.history import History


@dataclass
class Progress:
    """Where training stands. One object for a whole run, updated before each call.

    `epoch` counts from 1; `batch` is the number of batches done in it; `loss` and `metrics` are of the epoch
    so far, after its end of the whole epoch, then with the validation's `val_loss` and so on among the
    metrics. A callback ends the training after the current batch with `stop = True`.
    """

    model: Sequential
    history: History
    epochs: int
    batches: int
    examples: int
    epoch: int = 0
    batch: int = 0
    samples: int = 0
    loss: float = float("nan")
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    samples_per_second: float = 0.0
    stop: bool = False


class Callback:
    """Override what is wanted. `interval`: least seconds between two calls of `on_batch_end`; 0: each batch.

    With several callbacks the smallest interval holds for all. Reading the loss costs a little, and on a GPU
    waits for it, hence the default.
    """

    interval: float = 0.1

    def on_train_begin(self, progress: Progress) -> None:
        """Before the first step, after all checks."""

    def on_epoch_begin(self, progress: Progress) -> None:
        """Before an epoch's first batch."""

    def on_batch_end(self, progress: Progress) -> None:
        """After a batch, at most every `interval` seconds; after the first and the last batch of an epoch."""

    def on_epoch_end(self, progress: Progress) -> None:
        """After an epoch and its validation; the history has it."""

    def on_train_end(self, progress: Progress) -> None:
        """At the end, however training ended."""


class Callbacks:
    """Several callbacks as one."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._all = list(callbacks)
        listening = [c.interval for c in self._all if type(c).on_batch_end is not Callback.on_batch_end]
        self.interval = min(listening, default=None)

    def tell(self, event: str, progress: Progress) -> None:
        """Call the hook `event` of each."""
        for callback in self._all:
            getattr(callback, event)(progress)
