"""All that a training needs to go on exactly from where it stands, and the file that holds it.

The file is a model file (`numbanet.serialize`) with more in it, so that `numbanet.load` reads its model:

    description["training"] = {"format": 1, "epoch": 3, "batch": 120, "feed": {...}, "history": {...}, ...}
    tensors                 = the model's, and
                              training.optimizer.<moment>, training.optimizer.step, training.totals,
                              training.metric.<number>.<name>, training.callback.<number>.<name>

The schedule, the order of the examples, dropout and augmentation need no state: they are functions of the
seed, the step and the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import ModelFileError
from numbanet.serialize import TRAINING, Description, encode, read

KEY = "training"
FORMAT = 1  # raised whenever an older numbanet could not go on from the file

Arrays = Mapping[str, NDArray[Any]]


@dataclass(eq=False)
class Memory:
    """What a callback or a metric of this type remembers; `state` is made of what JSON can hold.

    `needed`: without it the training would go another way.
    """

    type: str
    state: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    needed: bool = True


@dataclass
class Snapshot:
    """Where a training stands: after `epoch` whole epochs and `batch` batches of the next one.

    `model` describes the model as `serialize.description_of` does, and `tensors` are its own; `optimizer` is an
    updater's `state_dict`. `feed` says what makes a position mean the same batch again: examples, batch size,
    shuffling, seed. `totals` are the sums of the epoch under way. `reason`: why a callback has ended the training
    for good, or ""; `seconds`: of training so far, and `epoch_seconds` those of the epoch under way.
    """

    model: Description
    tensors: dict[str, NDArray[Any]]
    optimizer: dict[str, NDArray[Any]]
    epoch: int
    batch: int
    epochs: int
    feed: dict[str, Any]
    totals: NDArray[np.float64]
    metrics: list[Memory]
    history: dict[str, list[float]]
    callbacks: list[Memory]
    reason: str
    seconds: float
    epoch_seconds: float

    def encode(self) -> bytes:
        """The content of its file."""
        description = {
            "format": FORMAT,
            "epoch": self.epoch,
            "batch": self.batch,
            "epochs": self.epochs,
            "feed": self.feed,
            "metrics": _described(self.metrics),
            "history": self.history,
            "callbacks": _described(self.callbacks),
            "reason": self.reason,
            "seconds": self.seconds,
            "epoch_seconds": self.epoch_seconds,
        }
        tensors = dict(self.tensors)
        tensors[f"{TRAINING}totals"] = self.totals
        tensors |= {f"{TRAINING}optimizer.{name}": array for name, array in self.optimizer.items()}
        for kind, memories in (("metric", self.metrics), ("callback", self.callbacks)):
            for number, memory in enumerate(memories):
                tensors |= {f"{TRAINING}{kind}.{number}.{name}": array for name, array in memory.arrays.items()}
        return encode({**self.model, KEY: description}, tensors, "checkpoint")


def read_snapshot(path: str | PathLike[str]) -> Snapshot:
    """The snapshot in a checkpoint's file. Raises `ModelFileError`, also where its checksum does not match."""
    path = Path(path)
    whole, tensors = read(path, old=False)
    if KEY not in whole:
        raise ModelFileError(f"{path}: a model, but no checkpoint: it does not say where its training stands.")
    try:
        description = whole[KEY]
        if description["format"] > FORMAT:
            raise ModelFileError(
                f"{path}: a checkpoint in format {description['format']}; this numbanet goes on from format "
                f"{FORMAT} at most. Install a newer one."
            )
        return Snapshot(
            model={name: value for name, value in whole.items() if name != KEY},
            tensors={name: array for name, array in tensors.items() if not name.startswith(TRAINING)},
            optimizer=_under(tensors, "optimizer."),
            epoch=int(description["epoch"]),
            batch=int(description["batch"]),
            epochs=int(description["epochs"]),
            feed=description["feed"],
            totals=tensors[f"{TRAINING}totals"],
            metrics=_memories(description["metrics"], tensors, "metric"),
            history=description["history"],
            callbacks=_memories(description["callbacks"], tensors, "callback"),
            reason=str(description["reason"]),
            seconds=float(description["seconds"]),
            epoch_seconds=float(description["epoch_seconds"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: its description of the training is damaged: {error!r}.") from error


def _under(tensors: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    whole = f"{TRAINING}{prefix}"
    return {name.removeprefix(whole): array for name, array in tensors.items() if name.startswith(whole)}


def _described(memories: list[Memory]) -> list[dict[str, Any]]:
    return [{"type": memory.type, "state": memory.state, "needed": memory.needed} for memory in memories]


def _memories(described: list[dict[str, Any]], tensors: Arrays, kind: str) -> list[Memory]:
    return [
        Memory(memory["type"], memory["state"], _under(tensors, f"{kind}.{number}."), memory["needed"])
        for number, memory in enumerate(described)
    ]
