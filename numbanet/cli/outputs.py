"""What becomes of a training: a run folder, or with --out a model file alone.

A run folder has checkpoints, and can be resumed; a model file is replaced when training has ended, or at Ctrl-C. Both
are told how a training ends, and say what is left of it.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np

from numbanet import __version__, backend, plots
from numbanet.atomic import write_file
from numbanet.cli.console import make_console, say
from numbanet.cli.destination import stem_of
from numbanet.cli.failures import INTERRUPTED as INTERRUPTED_CODE
from numbanet.cli.versions import version_of
from numbanet.data import Dataset
from numbanet.errors import NumbanetError
from numbanet.model import Sequential
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.checkpoint import Checkpoint
from numbanet.training.history import History, TrainingInterrupted
from numbanet.training.metrics_log import MetricsLog
from numbanet.training.run import (
    CONFIG,
    ENVIRONMENT,
    FAILED,
    FINISHED,
    INTERRUPTED,
    PLOTS,
    STOPPED_EARLY,
    Run,
    Status,
    create_run,
)

CURVES = "curves.png"
PACKAGES = ("numpy", "numba", "llvmlite", "safetensors")


class Output(Protocol):
    """Where a training's result goes."""

    @property
    def file(self) -> Path:
        """The model's file, once training has ended."""

    @property
    def callbacks(self) -> list[Callback]:
        """Those that save on the way."""

    def finished(self, model: Sequential, history: History) -> None:
        """Training has ended by itself."""

    def interrupted(self, model: Sequential, history: History) -> str:
        """It was ended by Ctrl-C, or nobody reads what it prints; what to say about it."""

    def failed(self, error: NumbanetError) -> None:
        """It was ended by an error."""


class ModelFile:
    """The model in one file, and nothing else."""

    callbacks: list[Callback]

    def __init__(self, file: Path, epochs: int) -> None:
        self.file, self.epochs = file, epochs
        self.callbacks = []

    def finished(self, model: Sequential, history: History) -> None:
        """Save it."""
        model.save(self.file)

    def interrupted(self, model: Sequential, history: History) -> str:
        """Save it as it is."""
        model.save(self.file)
        return (
            f"Interrupted after {history.epochs} of {self.epochs} epochs. The model so far is saved: {self.file}. "
            "It cannot be resumed; a training without --out can."
        )

    def failed(self, error: NumbanetError) -> None:
        """Nothing is saved: what was there before stays."""


class RunFolder:
    """A run, held by this process; `status` is how it stands."""

    def __init__(self, run: Run, status: Status, checkpoint: Mapping[str, Any]) -> None:
        self.run, self.status = run, status
        self.journal = Journal(run)
        self.callbacks: list[Callback] = [
            MetricsLog(run.path),
            self.journal,
            Checkpoint(run.checkpoints, warn=warn, **checkpoint),
        ]

    @property
    def file(self) -> Path:
        """The model's file."""
        return self.run.model

    def finished(self, model: Sequential, history: History) -> None:
        """Save the model, note the end, draw the curves."""
        progress = self.journal.progress
        paused = progress is not None and progress.stop and not progress.reason
        if paused:
            self._end(INTERRUPTED, "paused")
            return
        model.save(self.file)
        reason = progress.reason if progress is not None else ""
        self._end(STOPPED_EARLY if reason else FINISHED, reason)
        draw_curves(self.run, history)

    def interrupted(self, model: Sequential, history: History) -> str:
        """The checkpoints have all of it already."""
        self._end(INTERRUPTED, "")
        progress = self.journal.progress
        where = f"in epoch {progress.epoch} of {progress.epochs}" if progress is not None else "at the beginning"
        return f"Interrupted {where}. Saved: {self.run.path}\nGo on with: numbanet resume {self.run.path}"

    def failed(self, error: NumbanetError) -> None:
        """Note why; the last good checkpoint stays."""
        self._end(FAILED, str(error))

    def _end(self, state: str, reason: str) -> None:
        self.status.state, self.status.reason = state, reason
        self.run.log(f"{state}{': ' if reason else ''}{reason}")
        self.run.note(self.status)
        self.run.lock.release()


class Journal(Callback):
    """Writes the run's log, and keeps the progress to be asked at the end."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.progress: Progress | None = None

    def on_train_begin(self, progress: Progress) -> None:
        """Where it begins."""
        self.progress = progress
        done = progress.history.epochs
        self.run.log(f"training {'goes on' if done else 'begins'} after {done} of {progress.epochs} epochs")

    def on_epoch_end(self, progress: Progress) -> None:
        """A line with all numbers."""
        numbers = "  ".join(f"{name} {value:.6g}" for name, value in progress.history.last.items())
        self.run.log(f"epoch {progress.epoch}/{progress.epochs}  {numbers}")

    def on_interrupt(self, progress: Progress) -> None:
        """How far it came."""
        self.run.log(f"interrupted after batch {progress.batch} of epoch {progress.epoch}")


def train_into(output: Output, model: Sequential, fit: Callable[[list[Callback]], History], watch: Callback) -> History:
    """Run `fit` with the output's callbacks, and tell the output how it ended. At Ctrl-C ends the program."""
    try:
        history = fit([watch, *output.callbacks])
    except TrainingInterrupted as interruption:
        say(make_console(stderr=True), output.interrupted(model, interruption.history))
        click.get_current_context().exit(INTERRUPTED_CODE)
    except BrokenPipeError:  # nobody reads on; what was learned is kept all the same
        output.interrupted(model, History())
        raise
    except NumbanetError as error:
        output.failed(error)
        raise
    output.finished(model, history)
    return history


def new_run(
    root: Path, data_set: str, model: str, config: str, dataset: Dataset, epochs: int, name: str, overwrite: bool
) -> tuple[Run, Status]:
    """A new run folder with its configuration and its environment. Raises `RunError`."""
    status = Status(epochs=epochs, data=fingerprint(dataset))
    files = {CONFIG: config.encode(), ENVIRONMENT: json.dumps(environment(), indent=1).encode()}
    run = create_run(root, stem_of(data_set, model), files, status, name=name, overwrite=overwrite)
    return run, status


def environment() -> dict[str, Any]:
    """What a result may depend on, or what one wants to know about it later."""
    from numbanet.kernels.cpu.simd import UNIT

    return {
        "numbanet": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "vector_unit": UNIT.name,
        "cores": os.cpu_count(),
        "threads": backend.threads(),
        "command": sys.argv,
        "folder": os.getcwd(),
        **{package: version_of(package) for package in PACKAGES},
    }


def fingerprint(dataset: Dataset) -> str:
    """Tells other data from these: a resumed run must go on with the same."""
    total = 0
    for array in (*dataset.train, *dataset.test):
        total = zlib.crc32(np.ascontiguousarray(array).data.cast("B"), zlib.crc32(str(array.shape).encode(), total))
    return f"{total:08x}"


def warn(text: str) -> None:
    """A warning, on stderr."""
    say(make_console(stderr=True), f"Warning: {text}", "yellow")


def draw_curves(run: Run, history: History) -> None:
    """Draw the learning curves of a run of several epochs, where matplotlib is installed."""
    if history.epochs < 2 or find_spec("matplotlib") is None:
        return
    folder = run.path / PLOTS
    try:
        folder.mkdir(exist_ok=True)
        figure = plots.curves([plots.Curves(run.name, dict(history))], run.name)
        write_file(folder / CURVES, plots.to_png(figure))
    except (OSError, NumbanetError) as error:
        warn(f"{folder}: the learning curves could not be drawn: {error}.")
