"""The outcome of a training: a table for people, an object for programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from numbanet import __version__, backend
from numbanet.cli.clock import seconds_since_start
from numbanet.cli.console import facts, rate_in_words, say, size_in_words
from numbanet.cli.training_plan import Plan
from numbanet.model import Sequential
from numbanet.training.history import History


@dataclass(frozen=True)
class Result:
    """A training that ran to its end."""

    plan: Plan
    model: Sequential
    history: History
    seconds_to_first_step: float | None
    file: Path

    @property
    def train_seconds(self) -> float:
        """Training alone: no loading, no compilation, no testing."""
        return sum(self.history["seconds"])

    @property
    def samples_per_second(self) -> float:
        """Of training alone, over all epochs."""
        return self.history.epochs * len(self.plan.dataset.train[1]) / self.train_seconds


def show_result(console: Console, result: Result) -> None:
    """The closing table, and what one could do next."""
    last, tested = result.history.last, len(result.plan.dataset.test[1])
    wrong = round((1 - last["val_accuracy"]) * tested)
    speed = rate_in_words(result.samples_per_second)
    rows = [
        ("test accuracy", f"{100 * last['val_accuracy']:.2f}%  ({wrong:,} of {tested:,} wrong)"),
        ("test loss", f"{last['val_loss']:.4f}"),
        ("training", f"{result.train_seconds:.2f} s, {speed} samples/s"),
        ("parameters", f"{result.model.arena.parameters:,}"),
    ]
    if result.plan.options.dry_run:
        rows.append(("dry run", "trained, tested, saved and loaded back: all works"))
    else:
        rows.append(("saved", f"{result.file} ({size_in_words(result.file.stat().st_size)})"))
    console.print()
    console.print(facts(rows))
    if not result.plan.options.dry_run and not result.plan.options.as_json:
        console.print()
        say(console, f"Look at what it sees: numbanet predict {result.file} 0 1 2", "dim")


def as_json(result: Result) -> dict[str, Any]:
    """What --json prints; times in seconds."""
    plan, last = result.plan, result.history.last
    return {
        "data_set": plan.dataset.name,
        "model": plan.model,
        "test_accuracy": last["val_accuracy"],
        "test_loss": last["val_loss"],
        "train_accuracy": last["accuracy"],
        "train_loss": last["loss"],
        "train_seconds": result.train_seconds,
        "samples_per_second": result.samples_per_second,
        "seconds_to_first_step": result.seconds_to_first_step,
        "total_seconds": seconds_since_start(),
        "parameters": result.model.arena.parameters,
        "epochs": result.history.epochs,
        "batch_size": plan.batch_size,
        "optimizer": plan.optimizer_name,
        "lr": plan.optimizer.lr,
        "optimizer_options": plan.optimizer.config(),
        "loss": plan.options.loss,
        "augment": plan.augment.config() if plan.augment else None,
        "seed": plan.options.seed,
        "train_examples": len(plan.dataset.train[1]),
        "test_examples": len(plan.dataset.test[1]),
        "device": plan.device,
        "threads": backend.threads(),
        "dry_run": plan.options.dry_run,
        "file": None if plan.options.dry_run else str(result.file),
        "history": dict(result.history),
        "version": __version__,
    }
