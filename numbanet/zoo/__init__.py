"""Named models, and for each the recipe with which it trains well.

model = zoo.build("cnn", data, seed=0)
model.fit(data, **zoo.recipe("cnn").fit_arguments())
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from numbanet.data.dataset import Dataset
from numbanet.errors import ModelError, unknown_name
from numbanet.model import Sequential
from numbanet.schedules import Cosine
from numbanet.zoo.convolutional import FASTNET_PIXELS, cnn, fastnet, lenet
from numbanet.zoo.dense import mlp
from numbanet.zoo.recipe import Recipe
from numbanet.zoo.recurrent import gru, lstm, rnn
from numbanet.zoo.residual import resnet

__all__ = [
    "MODELS",
    "RECIPES",
    "Recipe",
    "build",
    "cnn",
    "default_for",
    "fastnet",
    "gru",
    "lenet",
    "lstm",
    "mlp",
    "recipe",
    "resnet",
    "rnn",
]

MODELS: dict[str, Callable[..., Sequential]] = {
    "mlp": mlp,
    "lenet": lenet,
    "cnn": cnn,
    "resnet": resnet,
    "fastnet": fastnet,
    "lstm": lstm,
    "gru": gru,
    "rnn": rnn,
}
RECIPES = {
    "mlp": Recipe(10, 128, "adam", 4e-3, Cosine()),
    "lenet": Recipe(10, 128, "adam", 3e-3, Cosine()),
    "cnn": Recipe(6, 128, "adam", 1e-3, Cosine()),
    "resnet": Recipe(6, 128, "adam", 3e-3, Cosine()),
    "fastnet": Recipe(8, 128, "adam", 6e-3, Cosine(), augment="default"),
    "lstm": Recipe(8, 128, "adam", 4e-3, Cosine(), augment="default"),
    "gru": Recipe(8, 128, "adam", 4e-3, Cosine(), augment="default"),
    "rnn": Recipe(12, 128, "adam", 2e-3, Cosine(), augment="default"),
}


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


def default_for(dataset: Dataset, options: Collection[str] = ()) -> str:
    """The name of the model that does well on a data set in a short time, among those that take all `options`."""
    shape = dataset.input_shape
    large = len(shape) in (2, 3) and min(shape[:2]) >= FASTNET_PIXELS
    for name in ("fastnet", "mlp", "lstm") if large else ("mlp", "lstm"):
        known = inspect.signature(MODELS[name]).parameters
        if all(option in known for option in options):
            return name
    return "mlp"


def recipe(name: str) -> Recipe:
    """How the model `name` is trained by default. Raises `ModelError`."""
    _known(name)
    return RECIPES[name]


def _known(name: str) -> Callable[..., Sequential]:
    if name not in MODELS:
        raise ModelError(unknown_name("model", name, MODELS))
    return MODELS[name]
