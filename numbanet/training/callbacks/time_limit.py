"""Ending training after a time."""

from __future__ import annotations

from time import monotonic

from numbanet.configurable import check_number
from numbanet.training.callbacks.base import Callback, Progress


class TimeLimit(Callback):
    """Ends training `seconds` after its beginning, validation included, to within a batch or 0.1 s.

    The epoch under way is left where it is: the weights are those of its last step, and the history does not have it.
    It can be resumed, and has its time anew then. `over`: whether the time has run out.
    """

    def __init__(self, seconds: float) -> None:
        check_number("TimeLimit", "seconds", seconds, 0.0, open_ends=True)
        self.seconds = seconds
        self.over = False
        self._end = float("inf")

    def on_train_begin(self, progress: Progress) -> None:
        """From now on."""
        self.over = False
        self._end = monotonic() + self.seconds

    def on_batch_end(self, progress: Progress) -> None:
        """Look at the clock."""
        self._look(progress)

    def on_epoch_end(self, progress: Progress) -> None:
        """And after the validation."""
        self._look(progress)

    def _look(self, progress: Progress) -> None:
        if monotonic() >= self._end:
            progress.stop = self.over = True

    @property
    def words(self) -> str:
        """The limit, for people: "1 min 30 s"."""
        return in_words(self.seconds)


def in_words(seconds: float) -> str:
    """90.0 -> "1 min 30 s"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count]
    if rest or not parts:
        parts.append(f"{rest:.3g} s")
    return " ".join(parts)
