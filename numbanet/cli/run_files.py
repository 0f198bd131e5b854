"""Finding runs by what a user writes, and reading them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numbanet.cli.configuration.sections import NAME
from numbanet.cli.destination import runs_folder
from numbanet.errors import RunError, unknown_name
from numbanet.training.checkpoint import is_better
from numbanet.training.metrics_log import read_metrics
from numbanet.training.run import Run, Status, all_runs, find_run


def open_run(text: str, runs: str | None) -> Run:
    """The run at a path or of a name. Raises `RunError`, with the nearest name."""
    root = runs_folder(runs)
    run = find_run(text, root)
    if run is not None:
        return run
    names = [found.name for found in all_runs(root)]
    if not names:
        raise RunError(f"{text}: no run is there, and there are none in {root}. Name the place with --runs FOLDER.")
    raise RunError(f"{root}: {unknown_name('run', text, names)}")


@dataclass(frozen=True)
class View:
    """A run, read once."""

    run: Run
    status: Status
    config: dict[str, Any]
    metrics: dict[str, list[float]]

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.metrics.get("epoch", ()))

    def last(self, name: str) -> float:
        """The last value of a number; NaN where there is none."""
        return self.metrics[name][-1] if self.metrics.get(name) else math.nan

    def best(self, name: str) -> float:
        """The best value of a number; NaN where there is none."""
        best = math.nan
        for value in self.metrics.get(name, ()):
            best = value if is_better(name, value, best) else best
        return best

    @property
    def seconds(self) -> float:
        """Of training."""
        return sum(self.metrics.get("seconds", ()))

    def as_json(self) -> dict[str, Any]:
        """What --json prints of it."""
        return {
            "run": self.run.name,
            "folder": str(self.run.path),
            "state": self.status.state,
            "reason": self.status.reason,
            "data_set": self.config.get("data", {}).get(NAME),
            "model": model_of(self.config),
            "epochs": self.epochs,
            "planned_epochs": self.status.epochs,
            "test_accuracy": finite(self.last("val_accuracy")),
            "best_test_accuracy": finite(self.best("val_accuracy")),
            "test_loss": finite(self.last("val_loss")),
            "train_seconds": self.seconds,
            "started": self.status.started,
        }


def model_of(config: dict[str, Any]) -> str:
    """The network's name; `layers` for one that was described layer by layer."""
    return str(config.get("model", {}).get(NAME, "layers"))


def view(run: Run) -> View:
    """Read a run. Raises `RunError`."""
    return View(run, run.status, run.config, read_metrics(run.path))


def finite(value: float) -> float | None:
    """A number as JSON can say it."""
    return value if math.isfinite(value) else None
