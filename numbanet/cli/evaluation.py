"""What `numbanet evaluate` does: accuracy and loss on the whole, for each class, and common mistakes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from numbanet.cli.bars import bar_table
from numbanet.cli.class_tables import class_table, confusion_table
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import facts, make_console, rate_in_words, say
from numbanet.cli.loading import load_data
from numbanet.cli.machine import set_up
from numbanet.cli.measures import shown
from numbanet.cli.model_files import check_fits, data_set_of, loss_for, open_model, reading_of, targets_for
from numbanet.data import Dataset
from numbanet.losses import Loss
from numbanet.model import PREDICT_BATCH, Sequential
from numbanet.training.metrics import ClassReport, confusion_matrix

MOST_CLASSES = 30  # more than that are too many lines to read
MOST_COLUMNS = 12  # of a confusion matrix as text
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
    reading: Mapping[str, Any] | None = None,
) -> None:
    """Measure a saved model, and print what came out. `reading`: how data of one's own are read, where that differs
    from how those of the training were.
    """
    console = make_console(stderr=as_json)
    model = open_model(path, set_up(console, threads, device))
    name = data_set_of(model, data_set)
    dataset = load_data(console, name, data_dir, limit, {**reading_of(model, name), **(reading or {})})
    check_fits(model, path, dataset)
    x, y = dataset.train if split == "train" else dataset.test
    size = batch_size or PREDICT_BATCH
    with compilation_shown(console):
        model.predict(x[:size], batch_size=size)  # compiles or loads the kernels, so that the clock sees none of it
    began = time.perf_counter()
    outputs = model.predict(x, batch_size=size)
    seconds = time.perf_counter() - began
    metrics = [] if dataset.classes else ["mae", "mse", "r2"]
    with compilation_shown(console):
        targets = targets_for(model.loss, y, dataset.num_classes)
        measured = model.evaluate(x, targets, loss=_loss(model, dataset), metrics=metrics, batch_size=size)
    result: dict[str, Any] = {
        "model": path,
        "data_set": dataset.name,
        "split": split,
        "examples": len(y),
        **measured,
        "seconds": seconds,
        "samples_per_second": len(y) / seconds,
    }
    say(console, f"{path} on {len(y):,} {split} examples of {dataset.name}", "bold")
    if dataset.classes:
        counts = confusion_matrix(y, np.argmax(outputs, axis=1), dataset.num_classes)
        result |= _counted(counts, dataset.classes)
        _show_classes(console, counts, dataset.classes, result)
    else:
        rows = [(name, shown(name, value)) for name, value in measured.items()]
        console.print(facts([*rows, ("speed", f"{rate_in_words(result['samples_per_second'])} samples/s")]))
    if as_json:
        click.echo(json.dumps(result))


def _loss(model: Sequential, dataset: Dataset) -> Loss | None:
    """The model's own loss; one of regression where it says none and the data ask for it."""
    return model.loss if model.loss is not None or dataset.classes else loss_for(dataset, None)


def _counted(counts: NDArray[np.int64], classes: Sequence[str]) -> dict[str, Any]:
    """What follows from the confusion matrix, for --json; counts are [true class][predicted class]."""
    report = ClassReport.of(counts)
    columns = {"precision": report.precision, "recall": report.recall, "f1": report.f1}
    return {
        "accuracy": report.accuracy,
        **{name: report.macro(values) for name, values in columns.items()},
        "classes": {
            classes[i]: {"examples": int(report.examples[i]), **{n: float(v[i]) for n, v in columns.items()}}
            for i in range(len(classes))
        },
        "confusion": counts.tolist(),
    }


def _show_classes(console: Console, counts: NDArray[np.int64], classes: Sequence[str], result: dict[str, Any]) -> None:
    total, report = int(counts.sum()), ClassReport.of(counts)
    wrong = total - int(np.trace(counts))
    rows = [("accuracy", f"{100 * report.accuracy:.2f}%  ({wrong:,} of {total:,} wrong)")]
    rows.append(("loss", f"{result['loss']:.4f}"))
    rows.append(("macro", ", ".join(f"{name} {100 * result[name]:.2f}%" for name in ("precision", "recall", "f1"))))
    rows.append(("speed", f"{rate_in_words(result['samples_per_second'])} samples/s"))
    console.print(facts(rows))
    if len(classes) > MOST_CLASSES:
        return
    console.print()
    say(console, "each class", "bold")
    console.print(class_table(report, classes))
    if len(classes) <= MOST_COLUMNS:
        say(console, "true class by row, predicted class by column", "bold")
        console.print(confusion_table(counts, classes))
    if wrong:
        present = [index for index in range(len(classes)) if counts[index].any()]
        errors = [(f"  {classes[i]}", 1.0 - float(report.recall[i])) for i in present]
        say(console, "wrong, of each class", "bold")
        console.print(bar_table(console, errors, full=max(error for _, error in errors)))
        console.print()
        say(console, "most often mistaken", "bold")
        console.print(facts(_mistakes(counts, classes)))


def _mistakes(counts: NDArray[np.int64], classes: Sequence[str]) -> list[tuple[str, str]]:
    """The commonest pairs of (true class, guess), with how often."""
    mistakes = counts * (1 - np.eye(len(classes), dtype=np.int64))
    order = np.argsort(-mistakes.reshape(-1), kind="stable")[:MISTAKES]
    pairs = [divmod(int(place), len(classes)) for place in order]
    return [
        (f"{classes[true]} taken for {classes[guess]}", f"{counts[true, guess]:,} times")
        for true, guess in pairs
        if mistakes[true, guess]
    ]
