"""What `numbanet evaluate` does: accuracy and loss on the whole, for each class, and common mistakes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from numbanet.cli.bars import bar_table
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import facts, make_console, rate_in_words, say
from numbanet.cli.loading import load_data
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import check_fits, data_set_of, open_model, targets_for
from numbanet.model import PREDICT_BATCH

MOST_CLASSES = 30  # more than that are too many lines to read
MISTAKES = 5


def evaluate(
    path: str,
    data_set: str | None,
    split: str,
    batch_size: int | None,
    limit: int | None,
    data_dir: str | None,
    as_json: bool,
    threads: int | None,
    device: str,
) -> None:
    """Measure a saved model, and print what came out."""
    console = make_console(stderr=as_json)
    model = open_model(path, set_up(console, threads, device))
    dataset = load_data(console, data_set_of(model, data_set), data_dir, limit)
    check_fits(model, path, dataset)
    x, y = dataset.train if split == "train" else dataset.test
    size = batch_size or PREDICT_BATCH
    with compilation_shown(console):
        model.predict(x[:size], batch_size=size)  # compiles or loads the kernels, so that the clock sees none of it
    began = time.perf_counter()
    guesses = np.argmax(model.predict(x, batch_size=size), axis=1)
    seconds = time.perf_counter() - began
    with compilation_shown(console):
        targets = targets_for(model.loss, y, dataset.num_classes)
        measured = model.evaluate(x, targets, metrics=[], batch_size=size)
    result: dict[str, Any] = {
        "model": path,
        "data_set": dataset.name,
        "split": split,
        "examples": len(y),
        "accuracy": float(np.mean(guesses == y)),
        "loss": measured["loss"],
        "seconds": seconds,
        "samples_per_second": len(y) / seconds,
    }
    _show(console, path, dataset.name, split, y, guesses, dataset.classes, result)
    if as_json:
        click.echo(json.dumps(result))


def _show(
    console: Console,
    path: str,
    name: str,
    split: str,
    y: NDArray[np.int64],
    guesses: NDArray[np.int64],
    classes: Sequence[str],
    result: dict[str, Any],
) -> None:
    wrong = int(np.sum(guesses != y))
    say(console, f"{path} on {len(y):,} {split} examples of {name}", "bold")
    rows = [("accuracy", f"{100 * result['accuracy']:.2f}%  ({wrong:,} of {len(y):,} wrong)")]
    rows.append(("loss", f"{result['loss']:.4f}"))
    rows.append(("speed", f"{rate_in_words(result['samples_per_second'])} samples/s"))
    console.print(facts(rows))
    if len(classes) > MOST_CLASSES:
        return
    if wrong:
        present = [index for index in range(len(classes)) if np.any(y == index)]
        errors = [(f"  {classes[i]}", float(np.mean(guesses[y == i] != i))) for i in present]
        console.print()
        say(console, "wrong, of each class", "bold")
        console.print(bar_table(console, errors, full=max(error for _, error in errors)))
        console.print()
        say(console, "most often mistaken", "bold")
        console.print(facts(_mistakes(y, guesses, classes)))


def _mistakes(y: NDArray[np.int64], guesses: NDArray[np.int64], classes: Sequence[str]) -> list[tuple[str, str]]:
    """The commonest pairs of (true class, guess), with how often."""
    wrong = guesses != y
    pairs, counts = np.unique(y[wrong] * len(classes) + guesses[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MISTAKES]
    return [
        (f"{classes[pair // len(classes)]} taken for {classes[pair % len(classes)]}", f"{count:,} times")
        for pair, count in zip(pairs[order], counts[order], strict=True)
    ]
