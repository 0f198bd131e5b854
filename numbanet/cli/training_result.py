"""The outcome of a training: a table for people, an object for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from numbanet import __version__, backend
from numbanet.cli.clock import seconds_since_start
from numbanet.cli.console import facts, rate_in_words, say, size_in_words
from numbanet.cli.measures import shown
from numbanet.cli.outputs import Output, RunFolder
from numbanet.cli.training_plan import Plan
from numbanet.model import Sequential
from numbanet.training.history import History


@dataclass(frozen=True)
class Result:
    """A training that ran to its end; `output` is where it went, None after a dry run.

    `tested`: the loss and the metrics of the model, as it is now, on the test examples.
    """

    plan: Plan
    model: Sequential
    history: History
    seconds_to_first_step: float | None
    output: Output | None
    tested: dict[str, float]

    @property
    def train_seconds(self) -> float:
        """Training alone: no loading, no compilation, no testing."""
        return sum(self.history.get("seconds", []))

    @property
    def samples_per_second(self) -> float:
        """Of training alone, over all epochs."""
        seconds = self.train_seconds
        return self.history.epochs * len(self.plan.dataset.train[1]) / seconds if seconds else 0.0


def show_result(console: Console, result: Result, hints: bool = True) -> None:
    """The closing table, and what one could do next."""
    console.print()
    console.print(facts(_rows(result)))
    output = result.output
    if output is None or not hints:
        return
    console.print()
    where = output.run.path if isinstance(output, RunFolder) else output.file
    say(console, f"Look at what it sees: numbanet predict {where} 0 1 2", "dim")


def _rows(result: Result) -> list[tuple[str, str]]:
    count, output = len(result.plan.dataset.test[1]), result.output
    rows: list[tuple[str, str]] = []
    for name, value in result.tested.items():
        if name == "accuracy":
            wrong = round((1 - value) * count)
            rows.insert(0, ("test accuracy", f"{shown(name, value)}  ({wrong:,} of {count:,} wrong)"))
        else:
            rows.append((f"test {name}", shown(name, value)))
    if result.history.epochs:
        speed = rate_in_words(result.samples_per_second)
        rows.append(("training", f"{result.train_seconds:.2f} s, {speed} samples/s"))
    rows.append(("parameters", f"{result.model.arena.parameters:,}"))
    if output is None:
        return [*rows, ("dry run", "trained, tested, saved and loaded back: all works")]
    if isinstance(output, RunFolder):
        if output.status.reason:
            rows.append((output.status.state, output.status.reason))
        return [*rows, ("run", str(output.run.path))]
    return [*rows, ("saved", f"{output.file} ({size_in_words(output.file.stat().st_size)})")]


def as_json(result: Result) -> dict[str, Any]:
    """What --json prints; times in seconds."""
    plan, last, output = result.plan, result.history.last, result.output
    return {
        "data_set": plan.dataset.name,
        "model": plan.model,
        "test_accuracy": result.tested.get("accuracy"),
        "test_loss": result.tested["loss"],
        "test": result.tested,
        "train_accuracy": last.get("accuracy"),
        "train_loss": last.get("loss"),
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
        "loss": plan.loss.name,
        "augment": plan.augment.config() if plan.augment else None,
        "mix": plan.mix.config() if plan.mix else None,
        "seed": plan.seed,
        "train_examples": len(plan.dataset.train[1]),
        "test_examples": len(plan.dataset.test[1]),
        "device": plan.device,
        "threads": backend.threads(),
        "dry_run": output is None,
        "file": None if output is None else str(output.file),
        "run": str(output.run.path) if isinstance(output, RunFolder) else None,
        "history": dict(result.history),
        "version": __version__,
    }
