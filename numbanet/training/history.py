"""What training measured, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class History(Mapping[str, list[float]]):
    """A dict of lists, one number an epoch: `history["val_accuracy"][-1]`.

    Keys: loss, the metrics, the same with `val_` where there was validation data; `seconds` of training
    (without validation) and `samples_per_second`. `interrupted`: training was stopped by Ctrl-C; the epoch
    that was under way is not listed.
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}
        self.interrupted = False

    def append(self, results: Mapping[str, float]) -> None:
        """Add an epoch."""
        for name, value in results.items():
            self._columns.setdefault(name, []).append(value)

    def restore(self, columns: Mapping[str, list[float]]) -> None:
        """Become a history that was saved."""
        self._columns = {name: list(column) for name, column in columns.items()}

    @property
    def epochs(self) -> int:
        """Epochs completed."""
        return len(self._columns.get("loss", []))

    @property
    def last(self) -> dict[str, float]:
        """The last epoch's numbers; empty before the first."""
        return {name: column[-1] for name, column in self._columns.items()}

    def __getitem__(self, name: str) -> list[float]:
        """One number an epoch."""
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._columns)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._columns)

    def __repr__(self) -> str:
        """Epochs and the last numbers."""
        last = "".join(f", {name}={value:.4g}" for name, value in self.last.items())
        return f"History(epochs={self.epochs}{last}{', interrupted' if self.interrupted else ''})"


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C in training: raised by `fit` between two steps' updates, the model whole and usable.

    `history` holds the epochs completed.
    """

    def __init__(self, history: History) -> None:
        super().__init__(f"interrupted after {history.epochs} whole epochs")
        self.history = history
