"""What `numbanet predict` does: examples in, each as a picture beside the probabilities of its classes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from numbanet.cli.art import is_image, picture, to_unit
from numbanet.cli.bars import bar_table
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import make_console
from numbanet.cli.explaining import explained, explanation_files
from numbanet.cli.loading import load_data
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import (
    PICTURES,
    check_fits,
    class_names,
    data_set_of,
    open_model,
    predicts_numbers,
    reading_of,
)
from numbanet.cli.number_prediction import predict_numbers
from numbanet.cli.picture_files import save_picture
from numbanet.cli.pictures import load_file
from numbanet.data import Dataset
from numbanet.errors import DataError, PlotError
from numbanet.model import PREDICT_BATCH, Sequential

INDICES = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?")


@dataclass(frozen=True)
class Example:
    """One input [*input_shape], where it comes from, a short name for it, its label (or its numbers) where that is
    known, and what was done to it.
    """

    x: NDArray[Any]
    source: str
    tag: str
    label: Any = None
    remark: str = ""


def predict(
    path: str,
    inputs: Sequence[str],
    data_set: str | None,
    top: int,
    data_dir: str | None,
    with_explanation: bool,
    out: str | None,
    overwrite: bool,
    as_json: bool,
    threads: int | None,
    device: str,
) -> None:
    """Predict each input, and show it; with `as_json`, all of them as one JSON object on stdout.

    `with_explanation`: and draw what each prediction rests on, as a picture file.
    """
    console = make_console(stderr=as_json)
    model = open_model(path, set_up(console, threads, device))
    dataset = None
    if data_set is not None or any(_is_index(text) for text in inputs):
        name = data_set_of(model, data_set)
        dataset = load_data(console, name, data_dir, reading=reading_of(model, name))
        check_fits(model, path, dataset)
    examples = [example for text in inputs for example in _examples(text, model, dataset)]
    if predicts_numbers(model):
        if with_explanation:
            raise PlotError(f"{path}: --explain draws what decides between classes; this model predicts numbers.")
        predict_numbers(console, path, model, examples, as_json)
        return
    names = class_names(model, dataset)
    files: Sequence[Path | None] = [None] * len(examples)
    if with_explanation:
        files = explanation_files(path, model, [example.tag for example in examples], out, overwrite)
    results = []
    for example, file in zip(examples, files, strict=True):
        with compilation_shown(console):
            probabilities = class_probabilities(model, example.x[np.newaxis])[0]
        result = _as_result(example, names, probabilities, top)
        if not as_json:
            _show(console, example, names, probabilities, top)
        if file is not None:
            title = headline(example, names, probabilities).plain
            with compilation_shown(console):
                png = explained(model, example.x, names, probabilities, example.label, title, Path(path).name)
            save_picture(console, png, file)
            result["explanation"] = str(file)
        results.append(result)
    if as_json:
        click.echo(json.dumps({"model": path, "predictions": results}))


def class_probabilities(model: Sequential, x: NDArray[Any], batch_size: int = PREDICT_BATCH) -> NDArray[Any]:
    """[n, classes]. A model trained on rows of zeros and a one, by distance, gives them directly."""
    by_distance = model.loss is not None and not model.loss.classifies
    outputs = (model.predict if by_distance else model.predict_proba)(x, batch_size=batch_size)
    shown: NDArray[Any] = np.clip(outputs.reshape(len(x), -1), 0.0, 1.0)
    return shown


def _is_index(text: str) -> bool:
    return INDICES.fullmatch(text) is not None and not Path(text).exists()


def _examples(text: str, model: Sequential, dataset: Dataset | None) -> Iterator[Example]:
    if dataset is not None and _is_index(text):
        yield from _test_examples(text, dataset)
        return
    target = reading_of(model, text).get("target")
    loaded = load_file(Path(text).expanduser(), model.input_shape, not model.meta.get(PICTURES), target)
    stem = Path(text).stem
    for index, x in enumerate(loaded.x):
        source, tag = (text, stem) if len(loaded.x) == 1 else (f"{text}[{index}]", f"{stem}-{index}")
        yield Example(x, source, tag, remark=loaded.remark)


def _test_examples(text: str, dataset: Dataset) -> Iterator[Example]:
    match = INDICES.fullmatch(text)
    assert match is not None, text
    first, last = int(match["first"]), int(match["last"] or match["first"])
    x, y = dataset.test
    if not first <= last < len(y):
        raise DataError(f"{text}: {dataset.name} has {len(y):,} test examples: 0 to {len(y) - 1}.")
    for index in range(first, last + 1):
        label = int(y[index]) if dataset.classes else y[index]
        yield Example(x[index], f"{dataset.name} test {index}", str(index), label)


def _show(console: Console, example: Example, names: Sequence[str], probabilities: NDArray[Any], top: int) -> None:
    console.print(headline(example, names, probabilities))
    if example.remark:
        console.print(Text(example.remark, "dim"))
    # All classes in their own order where they fit, for then the eye learns where each one stands.
    shown = np.arange(len(names)) if len(names) <= top else np.argsort(-probabilities, kind="stable")[:top]
    rows = [(names[index], float(probabilities[index])) for index in shown]
    strong = int(np.argmax(probabilities[shown]))
    bars = bar_table(console, rows, strong)
    if not is_image(example.x.shape):
        console.print(bars)
        console.print()
        return
    table = Table.grid(padding=(0, 3))
    table.add_row(picture(console, to_unit(example.x), max(console.width - 45, 16)), bars)
    console.print(table)
    console.print()


def headline(example: Example, names: Sequence[str], probabilities: NDArray[Any]) -> Text:
    """What it was taken for, how surely, and whether that is right."""
    best = int(np.argmax(probabilities))
    style = "bold red" if example.label not in (None, best) else "bold green"
    text = Text.assemble((example.source, "bold"), ": ", (names[best], style))
    text.append(f" ({100 * float(probabilities[best]):.1f}%)")
    if example.label == best:
        text.append(", right", "green")
    elif example.label is not None:
        text.append(f", wrong: it is {names[example.label]}", "red")
    return text


def _as_result(example: Example, names: Sequence[str], probabilities: NDArray[Any], top: int) -> dict[str, Any]:
    order = np.argsort(-probabilities, kind="stable")
    best = int(order[0])
    result: dict[str, Any] = {
        "input": example.source,
        "class": names[best],
        "index": best,
        "top": [{"class": names[i], "probability": float(probabilities[i])} for i in order[:top]],
        "probabilities": {name: float(p) for name, p in zip(names, probabilities, strict=True)},
    }
    if example.label is not None:
        result["label"] = example.label
    if example.remark:
        result["remark"] = example.remark
    return result
