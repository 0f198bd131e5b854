"""Small models and data, and the two sets of kernels that they run on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet import backend
from numbanet.backend import Backend, HostBackend
from numbanet.kernels import reference
from numbanet.layers import Dense, Flatten, Layer, Masking
from numbanet.layers.chain import walk
from numbanet.losses import Loss
from numbanet.model import Sequential

BACKENDS: dict[str, Backend] = {"cpu": backend.get("cpu"), "reference": HostBackend("cpu", reference)}


@dataclass
class Case:
    """A model and a loss. `targets`: "labels", "probabilities", "numbers" or "bits"."""

    layers: Callable[[], list[Layer]]
    loss: Loss
    targets: str = "numbers"
    input_shape: tuple[int, ...] = (4,)


def make_inputs(model: Sequential, rng: np.random.Generator, n: int) -> NDArray[Any]:
    """Tokens for an Embedding, else numbers; of sequences about a third of the steps are zeros."""
    shape = (n, *model.input_shape)
    if model.tokens is not None:
        return rng.integers(0, model.tokens, shape)
    x = rng.normal(size=shape)
    if any(isinstance(layer, Masking) for layer in walk(model.layers)):
        x[rng.random(x.shape[:2]) < 0.35] = 0.0
    return x


def small(*layers: Layer, input_shape: tuple[int, ...] = (6,), **options: Any) -> Sequential:
    """These layers, or else two dense ones with three outputs."""
    return Sequential(*(layers or (Dense(8, "relu"), Dense(3))), input_shape=input_shape, **options)


def network(*layers: Layer, shape: tuple[int, ...], backend: str | Backend = "reference") -> Sequential:
    """A model in float64 whose biases are not 0."""
    device = BACKENDS[backend] if isinstance(backend, str) else backend
    model = Sequential(*layers, input_shape=shape, seed=6, dtype="float64", device=device)
    for name, array in model.parameters().items():
        if name.endswith("bias"):
            array[...] = np.random.default_rng(45).normal(size=array.shape)
    return model


def image_model(**options: Any) -> Sequential:
    return Sequential(Flatten(), Dense(16, "relu"), Dense(10), input_shape=(28, 28, 1), **options)


def blobs(n: int, features: int = 6, classes: int = 3, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Points around one centre a class, easy to tell apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = np.random.default_rng(99).normal(0, 2, (classes, features))
    return (centres[y] + rng.normal(0, 0.5, (n, features))).astype(np.float32), y


def flat(model: Sequential) -> NDArray[Any]:
    """A copy of all parameters."""
    return np.array(model.arena.values)
