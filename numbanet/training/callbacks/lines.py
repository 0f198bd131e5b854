"""Training, watched in a program of one's own: a line for each epoch."""

from __future__ import annotations

import sys
from typing import TextIO

from numbanet.training.callbacks.base import Callback, Progress


class Lines(Callback):
    """Writes a line after each epoch to `stream`, by default to stderr, and at the end why training stopped early."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream

    def on_epoch_end(self, progress: Progress) -> None:
        """One line."""
        numbers = "   ".join(f"{name} {value:.4g}" for name, value in progress.numbers.items())
        width = len(str(progress.epochs))
        self._write(
            f"epoch {progress.epoch:>{width}}/{progress.epochs}   {numbers}   "
            f"{progress.samples_per_second:,.0f} examples/s"
        )

    def on_train_end(self, progress: Progress) -> None:
        """Why it is over, where a callback ended it."""
        if progress.stop and progress.reason:
            self._write(f"stopped: {progress.reason}")

    def _write(self, line: str) -> None:
        stream = self.stream or sys.stderr
        stream.write(f"{line}\n")
        stream.flush()
