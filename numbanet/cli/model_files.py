"""Model files: opening one, and what the command line notes in it about its training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet import losses
from numbanet.cli.destination import runs_folder
from numbanet.cli.loading import READING
from numbanet.data import Dataset, available
from numbanet.data.augment import Augment
from numbanet.data.dataset import Labels
from numbanet.data.forecast import Forecasting
from numbanet.data.vocabulary import Vocabulary
from numbanet.errors import DataError, ModelError, ModelFileError
from numbanet.losses import Loss
from numbanet.model import Sequential
from numbanet.serialize import load
from numbanet.training.checkpoint import latest
from numbanet.training.run import find_run

# Keys of `Sequential.meta`.
DATA_SET, CLASSES, AUGMENT, READ, PICTURES = "data_set", "classes", "augment", "reading", "from_pictures"
VOCABULARY, SERIES = "vocabulary", "series"


def open_model(path: str, device: str = "cpu") -> Sequential:
    """A saved model: a file, or a run by its folder or its name. Raises `ModelFileError`.

    Of a run that has not ended, the model of its last checkpoint.
    """
    return load(model_file(path), device=device)


def model_file(path: str) -> Path:
    """The file that holds the model which `path` names. Raises `ModelFileError`."""
    file = Path(path).expanduser()
    run = None if file.is_file() else find_run(path, runs_folder(None))
    if run is None:
        if file.is_dir():
            raise ModelFileError(f"{path}: expected a model file or a run folder, found a folder without a run.")
        return file
    if run.model.is_file():
        return run.model
    return latest(run.checkpoints)[1]


def note_data_set(model: Sequential, dataset: Dataset, data: Mapping[str, Any]) -> None:
    """Remember what the model was trained on: `evaluate` and `predict` then need no --data.

    A path is not noted: it says something about this machine, and nothing on another. Of the settings in `data`, those
    are that say how data of one's own are read: the next command finds the same targets and the same test set.
    """
    model.meta[READ] = {name: data[name] for name in READING if data.get(name) is not None}
    model.meta[PICTURES] = dataset.from_pictures
    model.meta[CLASSES] = list(dataset.classes)
    model.meta[DATA_SET] = dataset.name if dataset.name in available() else None


def note_augmentation(model: Sequential, augment: Augment) -> None:
    """Remember how the images were distorted that the model was trained on; None for not at all."""
    model.meta[AUGMENT] = augment.config() if augment else None


def reading_of(model: Sequential, data_set: str) -> dict[str, Any]:
    """How the data were read that the model was trained on; nothing for a data set that is known by name."""
    noted = model.meta.get(READ)
    return dict(noted) if isinstance(noted, dict) and data_set not in available() else {}


def predicts_numbers(model: Sequential) -> bool:
    """Whether the model was trained to predict numbers, and not classes."""
    return model.meta.get(CLASSES) == []


def note_vocabulary(model: Sequential, vocabulary: Vocabulary) -> None:
    """Remember what the numbers mean that a model of text reads and writes."""
    model.meta[VOCABULARY] = vocabulary.describe()


def note_series(model: Sequential, task: Forecasting) -> None:
    """Remember which columns a forecast is made from, and the numbers that its inputs and outputs are scaled by."""
    model.meta[SERIES] = {"columns": list(task.series.columns), "horizon": task.horizon, **task.scale.describe()}


def vocabulary_of(model: Sequential, path: str) -> Vocabulary:
    """The vocabulary of a model of text, loaded from `path`. Raises `ModelError` for any other model."""
    if VOCABULARY not in model.meta:
        raise ModelError(f"{path}: expected a model of text, as `numbanet train text` makes it, found another.")
    vocabulary = Vocabulary.from_description(model.meta[VOCABULARY], path)
    outputs = model.output_shape[-1]
    if outputs != len(vocabulary):
        raise ModelError(f"{path}: its vocabulary has {len(vocabulary)} symbols, and its network {outputs} outputs.")
    return vocabulary


def data_set_of(model: Sequential, wanted: str | None) -> str:
    """--data where it is given, else the data set that the model was trained on."""
    noted = wanted or model.meta.get(DATA_SET)
    if not isinstance(noted, str):
        raise DataError("the model does not say what it was trained on: name a data set with --data DATASET.")
    return noted


def targets_for(loss: Loss | None, labels: Labels, classes: int) -> NDArray[Any]:
    """Targets as a loss takes them: cross-entropy labels as they are, every other loss rows of zeros and a one.

    Those of regression are rows of numbers already.
    """
    if loss is None or loss.name == "cross_entropy" or labels.ndim == 2:
        return labels
    return np.eye(classes, dtype=np.float32)[labels]


def loss_for(dataset: Dataset, name: str | None) -> Loss:
    """The loss of this name, or the usual one for the data set's task. Raises `ModelError` where they do not fit."""
    loss = losses.get(name or ("cross_entropy" if dataset.classes else "mse"))
    if loss.classifies and not dataset.classes:
        raise ModelError(
            f"loss {loss.name}: it is for classes, and {dataset.name} has numbers to predict. Use mse, mae or huber."
        )
    return loss


def class_names(model: Sequential, dataset: Dataset | None = None) -> tuple[str, ...]:
    """A name for each output: the data set's, else those noted in the model, else numbers."""
    outputs = model.output_shape[-1]
    noted: Any = dataset.classes if dataset is not None else model.meta.get(CLASSES)
    if isinstance(noted, (list, tuple)) and len(noted) == outputs:
        return tuple(str(name) for name in noted)
    return tuple(str(index) for index in range(outputs))


def check_fits(model: Sequential, path: str, dataset: Dataset) -> None:
    """Raise `ModelError` unless the model takes the data set's examples and tells its classes apart."""
    if model.input_shape != dataset.input_shape:
        raise ModelError(
            f"{path} is a model for inputs of shape {model.input_shape}; {dataset.name} has "
            f"{dataset.input_shape}. Name a data set of that shape with --data, or train a model for this."
        )
    if model.output_shape != (dataset.outputs,):
        what = f"{dataset.num_classes} classes" if dataset.classes else f"{dataset.outputs} numbers to predict"
        raise ModelError(f"{path} has outputs of shape {model.output_shape}; {dataset.name} has {what}.")
