"""Layers: small classes that declare what they need and call kernels. `base` says what a layer is."""

from __future__ import annotations

from numbanet.layers.activation import Activation
from numbanet.layers.base import Layer
from numbanet.layers.compose import Parallel, Residual
from numbanet.layers.dense import Dense
from numbanet.layers.dropout import Dropout
from numbanet.layers.normalize import Normalize
from numbanet.layers.shape import Flatten, Reshape

__all__ = [
    "LAYERS",
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "Normalize",
    "Parallel",
    "Reshape",
    "Residual",
]

# What a model file may name. A new layer is added here.
LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Activation,
        Dense,
        Dropout,
        Flatten,
        Normalize,
        Parallel,
        Reshape,
        Residual,
    )
}
