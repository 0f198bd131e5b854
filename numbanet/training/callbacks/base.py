"""What a callback is, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import ModelError
from numbanet.model import Sequential
from numbanet.training.history import History
from numbanet.training.snapshot import Memory, Snapshot
from numbanet.training.step import TrainStep


@dataclass
class Progress:
    """Where training stands. One object for a whole run, updated before each call.

    `epoch` counts from 1; `batch` is the number of batches done in it; `loss` and `metrics` are of the epoch
    so far, after its end of the whole epoch, then with the validation's `val_loss` and so on among the
    metrics. A callback ends the training after the current batch with `stop = True`; it is over for good, also
    for a resume, where the callback says why in `reason`: `end` does both. `snapshot()` copies all that a resume needs.
    `step` is what makes the steps, and `step.updater` the optimizer at work.
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
    reason: str = ""
    snapshot: Callable[[], Snapshot] = field(kw_only=True)
    step: TrainStep = field(kw_only=True)

    @property
    def numbers(self) -> dict[str, float]:
        """The loss and the metrics."""
        return {"loss": self.loss, **self.metrics}

    def end(self, reason: str) -> None:
        """End the training, for this reason: a sentence's beginning, without a full stop."""
        self.stop, self.reason = True, reason


class Callback:
    """Override what is wanted. `interval`: least seconds between two calls of `on_batch_end`; 0: each batch.

    With several callbacks the smallest interval holds for all. Reading the loss costs a little, and on a GPU
    waits for it, hence the default. `last`: told after those that are not, because it saves what they become.
    What must happen at each step goes into `progress.step.updater.before` or `.after`: see `Updater`.

    What must survive a resume is in `state` and `arrays`, and comes back in `restore`.
    """

    interval: float = 0.1
    last: bool = False

    def on_train_begin(self, progress: Progress) -> None:
        """Before the first step, after all checks. A callback used before begins anew."""

    def on_epoch_begin(self, progress: Progress) -> None:
        """Before an epoch's first batch."""

    def on_batch_end(self, progress: Progress) -> None:
        """After a batch, at most every `interval` seconds; after the first and the last batch of an epoch."""

    def on_batches_end(self, progress: Progress) -> None:
        """After an epoch's last batch, before its validation."""

    def on_epoch_end(self, progress: Progress) -> None:
        """After an epoch and its validation; the history has it."""

    def on_interrupt(self, progress: Progress) -> None:
        """At Ctrl-C, between two batches; `on_train_end` follows."""

    def on_train_end(self, progress: Progress) -> None:
        """At the end, however training ended."""

    def state(self) -> dict[str, Any]:
        """What it remembers, made of what JSON can hold."""
        return {}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that it remembers, by names that `state` does not have."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state` and `arrays`, in one mapping. Called after `on_train_begin`."""


class Callbacks:
    """Several callbacks as one."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._all = sorted(callbacks, key=lambda callback: callback.last)
        listening = [c.interval for c in self._all if type(c).on_batch_end is not Callback.on_batch_end]
        self.interval = min(listening, default=None)

    def tell(self, event: str, progress: Progress) -> None:
        """Call the hook `event` of each."""
        for callback in self._all:
            getattr(callback, event)(progress)

    def capture(self) -> list[Memory]:
        """What those remember that remember anything."""
        memories = [Memory(type(c).__name__, c.state(), _copies(c.arrays()), not c.last) for c in self._all]
        return [memory for memory in memories if memory.state or memory.arrays]

    def restore(self, memories: Sequence[Memory]) -> None:
        """Give each callback its memory back, by its class and its place among those of that class.

        Raises `ModelError` where a memory that is needed has no callback.
        """
        waiting = list(memories)
        for callback in self._all:
            own = next((memory for memory in waiting if memory.type == type(callback).__name__), None)
            if own is not None:
                waiting.remove(own)
                callback.restore({**own.state, **own.arrays})
        missing = [memory.type for memory in waiting if memory.needed]
        if missing:
            raise ModelError(
                f"resume: expected the callbacks that the checkpoint was made with, missing {', '.join(missing)}. "
                "Pass them to fit again."
            )


def _copies(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: np.array(array) for name, array in arrays.items()}
