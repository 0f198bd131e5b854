"""What training does for every task on sequences: warm up, train, and save whatever happens."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
from rich.console import Console

from numbanet import __version__, backend, optimizers
from numbanet.cli.clock import seconds_since_start
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import facts, make_console, say, size_in_words
from numbanet.cli.destination import check_destination, default_destination
from numbanet.cli.failures import INTERRUPTED
from numbanet.cli.training_display import TrainingDisplay
from numbanet.errors import ModelFileError
from numbanet.model import Sequential
from numbanet.optimizers import Optimizer
from numbanet.schedules import Cosine
from numbanet.serialize import load
from numbanet.training.callbacks import Callback
from numbanet.training.history import History, TrainingInterrupted


@dataclass(frozen=True)
class SequenceOptions:
    """The options of `cli.sequence_options`."""

    file: str | None
    cell: str
    hidden: int
    layers: int
    dropout: float
    window: int
    epochs: int
    batch_size: int
    lr: float
    clip: float
    seed: int
    out: str | None
    overwrite: bool
    dry_run: bool
    as_json: bool
    threads: int | None
    device: str

    def optimizer(self) -> Optimizer:
        """Adam, with warm-up and a cosine."""
        return optimizers.get("adam", lr=self.lr, schedule=Cosine(), clip_norm=self.clip or None)


class Job(Protocol):
    """A task with its data: what can be built, trained and tried out."""

    @property
    def options(self) -> SequenceOptions:
        """How."""

    @property
    def name(self) -> str:
        """Of the data."""

    def build(self) -> Sequential:
        """A new model with its initial weights, and in its `meta` what it needs to be used."""

    def fit(self, model: Sequential, callbacks: list[Callback]) -> History:
        """Train it."""

    def brief(self) -> Job:
        """The same with one batch and one epoch."""

    def sample(self) -> Any:
        """Some inputs."""


@dataclass(frozen=True)
class Trained:
    """A training that ran to its end; `file` is where the model is, or after a dry run was."""

    model: Sequential
    history: History
    seconds_to_first_step: float | None
    file: Path

    @property
    def seconds(self) -> float:
        """Training alone: no loading, no compilation, no testing."""
        return sum(self.history["seconds"])

    @property
    def samples_per_second(self) -> float:
        """Of training alone, over all epochs."""
        pairs = zip(self.history["seconds"], self.history["samples_per_second"], strict=True)
        return sum(seconds * speed for seconds, speed in pairs) / self.seconds


def run(console: Console, job: Job, display: TrainingDisplay) -> Trained:
    """Train a job's model and save it. Ctrl-C and a closed pipe save it too, and then end the program."""
    options = job.options
    destination = destination_of(options, job.name)
    if options.dry_run:
        job = job.brief()
    else:
        check_destination(destination, options.overwrite)
    model = job.build()
    say(console, f"{options.cell}: {model.arena.parameters:,} parameters")
    threads = backend.threads()
    say(
        console,
        f"adam at {options.lr:g}, {f'gradient up to {options.clip:g}, ' if options.clip else ''}seed {options.seed}; "
        f"{model.backend.name}, {threads} thread{'' if threads == 1 else 's'}",
        "dim",
    )
    with compilation_shown(console):  # a twin's first batch: training's clock sees no compilation
        brief = job.brief()
        brief.fit(brief.build(), [])
    console.print()
    if not options.dry_run:
        history = _train(job, model, display, destination)
    else:
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / destination.name
            history = _train(job, model, display, temporary)
            if not np.array_equal(load(temporary).predict(job.sample()), _afresh(model).predict(job.sample())):
                raise ModelFileError(f"{temporary}: the model that was loaded back differs from the one saved.")
    return Trained(model, history, display.seconds_to_first_step, destination)


def _afresh(model: Sequential) -> Sequential:
    """Without what it remembers of the sequences before."""
    model.reset_states()
    return model


def destination_of(options: SequenceOptions, name: str) -> Path:
    """--out, else a name after data and model."""
    return Path(options.out) if options.out else default_destination(name, options.cell)


def _train(job: Job, model: Sequential, display: TrainingDisplay, destination: Path) -> History:
    try:
        history = job.fit(model, [display])
    except TrainingInterrupted as interruption:
        model.save(destination)
        say(
            make_console(stderr=True),
            f"Interrupted after {interruption.history.epochs} of {job.options.epochs} epochs. "
            f"The model so far is saved: {destination}",
        )
        click.get_current_context().exit(INTERRUPTED)
    except BrokenPipeError:  # nobody reads on; what was learned is kept all the same
        model.save(destination)
        raise
    model.save(destination)
    return history


def show_facts(console: Console, options: SequenceOptions, trained: Trained, rows: list[tuple[str, str]]) -> None:
    """The closing table: the task's own rows, then the network and where it is."""
    if options.dry_run:
        saved = ("dry run", "trained, tested, saved and loaded back: all works")
    else:
        saved = ("saved", f"{trained.file} ({size_in_words(trained.file.stat().st_size)})")
    console.print()
    console.print(facts([*rows, ("parameters", f"{trained.model.arena.parameters:,}"), saved]))


def common_json(options: SequenceOptions, trained: Trained) -> dict[str, Any]:
    """What --json prints for every task; times in seconds."""
    return {
        "model": options.cell,
        "hidden": options.hidden,
        "layers": options.layers,
        "dropout": options.dropout,
        "window": options.window,
        "parameters": trained.model.arena.parameters,
        "epochs": trained.history.epochs,
        "batch_size": options.batch_size,
        "optimizer": "adam",
        "lr": options.lr,
        "clip": options.clip,
        "seed": options.seed,
        "train_seconds": trained.seconds,
        "seconds_to_first_step": trained.seconds_to_first_step,
        "total_seconds": seconds_since_start(),
        "device": trained.model.backend.name,
        "threads": backend.threads(),
        "dry_run": options.dry_run,
        "file": None if options.dry_run else str(trained.file),
        "history": dict(trained.history),
        "version": __version__,
    }
