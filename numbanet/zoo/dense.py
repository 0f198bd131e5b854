"""Networks of dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from numbanet.backend import Backend
from numbanet.configurable import check_whole
from numbanet.layers import Dense, Dropout, Flatten, Layer, Normalize
from numbanet.model import Sequential


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
