"""What the commands of `numbanet show` do: compute arrays, have them drawn, say where the picture is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from numbanet import plots
from numbanet.cli.art import is_image, to_unit
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import make_console, say
from numbanet.cli.features import first_filters, layer_outputs
from numbanet.cli.loading import load_data
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import check_fits, class_names, data_set_of, open_model, reading_of
from numbanet.cli.picture_files import picture_file, save_picture
from numbanet.cli.prediction import Example, class_probabilities, headline
from numbanet.data import Dataset
from numbanet.data.dataset import Images, Labels
from numbanet.errors import DataError, PlotError
from numbanet.model import PREDICT_BATCH, Sequential
from numbanet.training.metrics import confusion_matrix


@dataclass(frozen=True)
class Trial:
    """The options that say which model is shown, on which examples, and how it is computed."""

    model: str
    data_set: str | None
    split: str
    data_dir: str | None
    threads: int | None
    device: str
    batch_size: int | None = None
    limit: int | None = None

    def open(self, console: Console) -> tuple[Sequential, Dataset, Images, Labels]:
        """The model, the data set, and those of its examples that were asked for."""
        model = open_model(self.model, set_up(console, self.threads, self.device))
        name = data_set_of(model, self.data_set)
        dataset = load_data(console, name, self.data_dir, self.limit, reading_of(model, name))
        if not dataset.classes:
            raise PlotError(f"{self.model}: it predicts numbers, and what is drawn here are classes.")
        check_fits(model, self.model, dataset)
        x, y = dataset.train if self.split == "train" else dataset.test
        return model, dataset, x, y

    def probabilities(self, console: Console, model: Sequential, x: Images) -> NDArray[Any]:
        """[n, classes]."""
        with compilation_shown(console):
            return class_probabilities(model, x, self.batch_size or PREDICT_BATCH)

    @property
    def name(self) -> str:
        """The model's file, without folder and suffix: for titles."""
        return Path(self.model).stem


def show_filters(path: str, count: int, out: str | None, overwrite: bool, as_json: bool) -> None:
    """Draw the first layer's weights."""
    console = make_console(stderr=as_json)
    file = picture_file(path, "filters", out, overwrite)
    name, kernels = first_filters(open_model(path), path)
    total = kernels.shape[-1]
    shown = kernels[..., :count]
    size = " x ".join(str(length) for length in kernels.shape[:3])
    note = f"{name}: {total} filters of {size}" + (f", the first {count}" if count < total else "")
    figure = plots.filters(shown, f"{Path(path).stem}: filters of the first layer", note)
    save_picture(console, plots.to_png(figure), file)
    if as_json:
        _print_json(path, file, parameter=name, shape=kernels.shape, filters=shown.shape[-1])


def show_activations(trial: Trial, index: int, count: int, out: str | None, overwrite: bool, as_json: bool) -> None:
    """Draw what each layer makes of example `index`."""
    console = make_console(stderr=as_json)
    file = picture_file(trial.model, f"activations-{trial.split}-{index}", out, overwrite)
    model, dataset, x, y = trial.open(console)
    if index >= len(y):
        raise DataError(f"--index {index}: {dataset.name} has {len(y):,} {trial.split} examples: 0 to {len(y) - 1}.")
    example = Example(x[index], f"{dataset.name} {trial.split} {index}", str(index), int(y[index]))
    names = class_names(model, dataset)
    probabilities = trial.probabilities(console, model, example.x[np.newaxis])[0]
    outputs = layer_outputs(model, example.x)
    layers = {name: values.shape for name, values in outputs}
    image = to_unit(example.x)
    if not is_image(image.shape):
        outputs = [("input", image), *outputs]
    note = headline(example, names, probabilities).plain
    figure = plots.feature_maps(
        image if is_image(image.shape) else None, outputs, f"{trial.name}: activations", note, names, count
    )
    save_picture(console, plots.to_png(figure), file)
    if as_json:
        _print_json(trial.model, file, input=example.source, layers=layers)


def show_confusion(trial: Trial, out: str | None, overwrite: bool, as_json: bool) -> None:
    """Draw which class is taken for which."""
    console = make_console(stderr=as_json)
    file = picture_file(trial.model, "confusion", out, overwrite)
    model, dataset, x, y = trial.open(console)
    guesses = np.argmax(trial.probabilities(console, model, x), axis=1)
    n = dataset.num_classes
    counts = confusion_matrix(y, guesses, n)
    figure = plots.confusion(counts, dataset.classes, f"{trial.name} on the {trial.split} examples of {dataset.name}")
    save_picture(console, plots.to_png(figure), file)
    accuracy = float(np.mean(guesses == y))
    say(console, f"accuracy {100 * accuracy:.2f}% on {len(y):,} {trial.split} examples of {dataset.name}", "dim")
    if as_json:
        of_class = counts.sum(axis=1)
        recall = [float(counts[i, i] / of_class[i]) if of_class[i] else None for i in range(n)]
        result = {"data_set": dataset.name, "split": trial.split, "examples": len(y), "accuracy": accuracy}
        _print_json(trial.model, file, **result, classes=dataset.classes, recall=recall, counts=counts.tolist())


def show_mistakes(trial: Trial, count: int, out: str | None, overwrite: bool, as_json: bool) -> None:
    """Draw the mistakes that the model is surest of."""
    console = make_console(stderr=as_json)
    file = picture_file(trial.model, "mistakes", out, overwrite)
    model, dataset, x, y = trial.open(console)
    if not is_image(model.input_shape):
        raise PlotError(f"{trial.model}: its inputs, of shape {model.input_shape}, are no images that could be drawn.")
    probabilities = trial.probabilities(console, model, x)
    guesses = np.argmax(probabilities, axis=1)
    sureness = probabilities[np.arange(len(y)), guesses]
    wrong = np.flatnonzero(guesses != y)
    chosen = wrong[np.argsort(-sureness[wrong], kind="stable")][:count]
    found = [
        plots.Mistake(to_unit(x[i]), int(i), dataset.classes[y[i]], dataset.classes[guesses[i]], float(sureness[i]))
        for i in chosen
    ]
    examples = f"{len(y):,} {trial.split} examples of {dataset.name}"
    if found:
        note = f"the surest {len(found)} of {len(wrong):,} mistakes among {examples}"
        figure = plots.mistakes(found, f"{trial.name}: sure, and wrong", note)
        save_picture(console, plots.to_png(figure), file)
    else:
        say(console, f"no mistakes among {examples}: there is nothing to draw", "green")
    if as_json:
        listed = [{"index": m.index, "label": m.truth, "class": m.guess, "probability": m.probability} for m in found]
        result = {"data_set": dataset.name, "split": trial.split, "examples": len(y), "wrong": len(wrong)}
        _print_json(trial.model, file if found else None, **result, mistakes=listed)


def _print_json(model: str, file: Path | None, **result: Any) -> None:
    click.echo(json.dumps({"model": model, "file": None if file is None else str(file), **result}))
