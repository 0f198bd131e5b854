"""What training measures, written to a file as it goes: a row an epoch, as CSV or as lines of JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from numbanet.errors import TrainingError
from numbanet.training.callbacks.base import Callback, Progress


class Log(Callback):
    """Base of logs: appends a row to the file `path` after each epoch.

    A row has the epoch, the learning rate of its last step, the loss and the metrics, the seconds of training and the
    examples a second. A file that is there already is left alone (`TrainingError`) unless `overwrite`; a training that
    is resumed goes on behind the rows that it had written when its checkpoint was made: `append`.
    """

    def __init__(self, path: str | PathLike[str], *, overwrite: bool = False, append: bool = False) -> None:
        self.path = Path(path)
        self.overwrite, self.append = overwrite, append
        self._length = 0

    def on_train_begin(self, progress: Progress) -> None:
        """An empty file, so that it is known before training that there can be one."""
        if self.append and self.path.exists():
            self._length = self.path.stat().st_size
            return
        try:
            with self.path.open("wb" if self.overwrite else "xb"):
                self._length = 0
        except FileExistsError:
            raise TrainingError(f"{self.path}: there already. Name another file, or allow to overwrite it.") from None
        except OSError as error:
            raise TrainingError(f"{self.path}: the log cannot be written: {error.strerror or error}.") from error

    def on_epoch_end(self, progress: Progress) -> None:
        """One row."""
        rate = float(progress.model.backend.to_numpy(progress.step.updater.rate)[0])
        self.write({"epoch": progress.epoch, "lr": rate, **progress.history.last})

    def write(self, *rows: dict[str, Any]) -> None:
        """Append rows. Raises `TrainingError`."""
        try:
            with self.path.open("ab") as file:
                for row in rows:
                    content = self.encode(row, first=self._length == 0).encode()
                    file.write(content)
                    self._length += len(content)
        except OSError as error:
            raise TrainingError(f"{self.path}: the log cannot be written: {error.strerror or error}.") from error

    def encode(self, row: dict[str, Any], first: bool) -> str:
        """The row as text, with its line ending."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """How far the file is written."""
        return {"length": self._length}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Cut off what came after the checkpoint: it will come again."""
        if self.path.exists() and self.path.stat().st_size > state["length"]:
            with self.path.open("rb+") as file:
                file.truncate(state["length"])
        self._length = min(state["length"], self.path.stat().st_size if self.path.exists() else 0)


class CsvLog(Log):
    """A table with a header; numbers as Python writes them, which read back to the same bits."""

    def encode(self, row: dict[str, Any], first: bool) -> str:
        """One line; before the first one, the names."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if first:
            writer.writerow(row)
        writer.writerow(row.values())
        return text.getvalue()


class JsonLog(Log):
    """One JSON object a line; null for what is not finite, which JSON cannot say."""

    def encode(self, row: dict[str, Any], first: bool) -> str:
        """One line."""
        finite = {name: value if abs(value) < float("inf") else None for name, value in row.items()}
        return json.dumps(finite) + "\n"
