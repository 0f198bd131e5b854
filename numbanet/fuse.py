"""Folding batch normalization into the layers before it, for inference.

What a trained `BatchNorm` does to a channel is x scale + shift, and what a dense layer or a convolution does before it
ends in a sum of weights and a bias for that channel. So both are one layer with other weights:

    weight scale, (bias - mean) scale + beta        where scale = gamma / sqrt(variance + epsilon)
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import from_config
from numbanet.layers import LAYERS, BatchNorm, Layer
from numbanet.layers.chain import walk
from numbanet.layers.weighted import Weighted
from numbanet.model import Sequential

Folds = dict[Layer, BatchNorm]


def fuse(model: Sequential) -> Sequential:
    """A new model that computes what `model` does outside training, without the BatchNorms that can be folded.

    Those are the ones that directly follow a layer with a `weight` and no activation, also inside other layers; their
    activation becomes that layer's. All others stay.
    """
    folds = _folds(model.layers)
    for layer in walk(model.layers):
        for chain in layer.chains:
            folds |= _folds(chain.layers)
    fused = Sequential(
        *_copied(model.layers, folds),
        input_shape=model.input_shape,
        seed=model.seed,
        device=model.backend,
        dtype=model.dtype,
    )
    fused.loss, fused.meta = model.loss, copy.deepcopy(model.meta)
    model.backend.copy(fused.step, model.backend.to_numpy(model.step))
    targets = {**fused.parameters(), **fused.state()}
    for layer, new in _pairs(model.layers, fused.layers, folds):
        for name, values in _tensors(model, layer, folds.get(layer)).items():
            model.backend.copy(targets[f"{new.name}.{name}"], values)
    return fused


def _folds(layers: Iterable[Layer]) -> Folds:
    """Of layers that follow one another, those that take in a BatchNorm, and which."""
    # Conv2DTranspose has its channels elsewhere in its weights, which therefore go by another name.
    return {
        layer: after
        for layer, after in pairwise(layers)
        if isinstance(after, BatchNorm)
        and isinstance(layer, Weighted)
        and layer.main_weight == "weight"
        and layer.activation == "linear"
    }


def _copied(value: Any, folds: Folds) -> Any:
    """A constructor's argument with every layer in it made anew, and without the BatchNorms that are folded."""
    if isinstance(value, Layer):
        arguments = {name: _copied(getattr(value, name), folds) for name in value.config()}
        if value in folds:
            arguments |= {"bias": True, "activation": folds[value].activation}
        return from_config("layer", LAYERS, {"type": type(value).__name__, **arguments})
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item, folds) for item in value if item not in folds.values())
    return value


def _pairs(layers: Iterable[Layer], copies: Iterable[Layer], folds: Folds) -> Iterator[tuple[Layer, Layer]]:
    """(a layer, its copy) for all that have one, at any depth."""
    kept = (layer for layer in layers if layer not in folds.values())
    for layer, new in zip(kept, copies, strict=True):
        yield layer, new
        for chain, new_chain in zip(layer.chains, new.chains, strict=True):
            yield from _pairs(chain.layers, new_chain.layers, folds)


def _tensors(model: Sequential, layer: Layer, norm: BatchNorm | None) -> dict[str, NDArray[Any]]:
    """The layer's parameters and state by name, with `norm` folded in."""
    views = {**model.parameters(), **model.state()}

    def tensors(of: Layer) -> dict[str, NDArray[Any]]:
        return {spec.name: model.backend.to_numpy(views[f"{of.name}.{spec.name}"]) for spec in of.parameters + of.state}

    found = tensors(layer)
    if norm is None:
        return found
    wide = {name: array.astype(np.float64) for name, array in tensors(norm).items()}
    scale = wide["gamma"] / np.sqrt(wide["running_variance"] + norm.epsilon)
    bias = found.get("bias", np.zeros(scale.shape)).astype(np.float64)
    return {
        **found,
        "weight": found["weight"].astype(np.float64) * scale,
        "bias": (bias - wide["running_mean"]) * scale + wide["beta"],
    }
