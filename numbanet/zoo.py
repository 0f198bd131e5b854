"""Named models, and for each the recipe with which it trains well.

model = zoo.build("mlp", data, hidden=(512, 512), dropout=0.2, seed=0)
model.fit(data, **zoo.recipe("mlp").fit_arguments())
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numbanet import optimizers
from numbanet.backend import Backend
from numbanet.configurable import check_whole
from numbanet.data.dataset import Dataset
from numbanet.errors import ModelError, unknown_name
from numbanet.layers import Dense, Dropout, Flatten, Layer, Normalize
from numbanet.model import Sequential
from numbanet.optimizers import Optimizer
from numbanet.schedules import Cosine, Schedule


@dataclass(frozen=True)
class Recipe:
    """How to train a model: what the command line uses where it is not told otherwise."""

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    schedule: Schedule | None

    def fit_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `Sequential.fit`."""
        return {"epochs": self.epochs, "batch_size": self.batch_size, "optimizer": self.make_optimizer()}

    def make_optimizer(self) -> Optimizer:
        """The optimizer with its learning rate and schedule."""
        return optimizers.get(self.optimizer, lr=self.lr, schedule=self.schedule)


def mlp(
    input_shape: Sequence[int],
    classes: int,
    *,
    hidden: Sequence[int] = (192,),
    dropout: float = 0.0,
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """Dense layers with ReLU, of the sizes `hidden`, and a dense layer with one logit a class.

    `dropout` after each hidden layer; `normalize` puts a `Normalize` layer first, for inputs that are not
    between 0 and 1.
    """
    layers: list[Layer] = [Flatten()]
    if normalize:
        layers.append(Normalize())
    for units in hidden:
        layers.append(Dense(check_whole("mlp", "hidden", units, 1), activation="relu"))
        if dropout:
            layers.append(Dropout(dropout))
    layers.append(Dense(classes))
    return Sequential(*layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)


MODELS: dict[str, Callable[..., Sequential]] = {"mlp": mlp}
RECIPES = {"mlp": Recipe(10, 128, "adam", 4e-3, Cosine())}


def build(name: str, dataset: Dataset, **options: Any) -> Sequential:
    """The model `name` for the inputs and the classes of a data set, with `options` of its function.

    Inputs that are not bytes are normalized, unless `normalize` says otherwise. Raises `ModelError`.
    """
    function = _known(name)
    arguments = inspect.signature(function).parameters
    for option in options:
        if option not in arguments:
            raise ModelError(f"model {name}: {unknown_name('option', option, list(arguments)[2:])}")
    if "normalize" in arguments:
        options.setdefault("normalize", dataset.train[0].dtype != np.uint8)
    return function(dataset.input_shape, dataset.num_classes, **options)


def recipe(name: str) -> Recipe:
    """How the model `name` is trained by default. Raises `ModelError`."""
    _known(name)
    return RECIPES[name]


def _known(name: str) -> Callable[..., Sequential]:
    if name not in MODELS:
        raise ModelError(unknown_name("model", name, MODELS))
    return MODELS[name]
