"""What training measured, epoch by epoch, in two files that other programs read: JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from numbanet.atomic import write_file
from numbanet.training.callbacks import Callback, Progress

JSON_LINES, CSV = "metrics.jsonl", "metrics.csv"


class MetricsLog(Callback):
    """Adds a line to `metrics.jsonl` and `metrics.csv` in `folder` after each epoch: `epoch` and the history's numbers.

    A training that is resumed begins with the epochs that its checkpoint has. What cannot be written is left out: the
    checkpoints have the history, too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_begin(self, progress: Progress) -> None:
        """Write the epochs so far."""
        history = progress.history
        rows = [
            {"epoch": epoch + 1, **{name: column[epoch] for name, column in history.items()}}
            for epoch in range(history.epochs)
        ]
        header = [_as_csv(rows[0])] if rows else []
        with suppress(OSError):
            write_file(self.folder / JSON_LINES, "".join(map(_as_json, rows)).encode())
            write_file(self.folder / CSV, "".join([*header, *(_as_csv(row.values()) for row in rows)]).encode())

    def on_epoch_end(self, progress: Progress) -> None:
        """Add a line to each."""
        row = {"epoch": progress.epoch, **progress.history.last}
        text = _as_csv(row.values())
        if progress.history.epochs == 1:
            text = _as_csv(row) + text
        with suppress(OSError):
            _append(self.folder / JSON_LINES, _as_json(row))
            _append(self.folder / CSV, text)


def read_metrics(folder: Path) -> dict[str, list[float]]:
    """The columns of `metrics.jsonl`, `epoch` among them; none where nothing was measured yet.

    A line that is not whole, of a process that was killed while it wrote, ends the reading.
    """
    columns: dict[str, list[float]] = {}
    try:
        lines = (folder / JSON_LINES).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return columns
    for number, line in enumerate(lines):
        try:
            row = json.loads(line)
            values = {str(name): math.nan if value is None else float(value) for name, value in row.items()}
        except (ValueError, TypeError, AttributeError):
            break
        for name in [*columns, *(name for name in values if name not in columns)]:
            columns.setdefault(name, [math.nan] * number).append(values.get(name, math.nan))
    return columns


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def _as_json(row: Mapping[str, float]) -> str:
    """JSON knows neither NaN nor infinity."""
    return json.dumps({name: value if math.isfinite(value) else None for name, value in row.items()}) + "\n"


def _as_csv(values: Any) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(values)
    return stream.getvalue()
