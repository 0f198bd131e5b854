"""What regression needs beside a network: outputs in the targets' own units, whatever these are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.layers import Normalize
from numbanet.model import Sequential
from numbanet.twin import twin


def in_units_of(model: Sequential, y: NDArray[Any]) -> Sequential:
    """The model with one more layer, which turns outputs of about 1 into numbers like y [n, outputs].

    That is a `Normalize` run the other way round: output = deviation * z + mean. So the network itself learns numbers
    of the size that first weights and learning rates are made for, and the loss is in the units of y. With Adam and its
    kin the size of a loss does not matter; plain SGD wants a learning rate smaller by the variance of y.
    """
    mean, deviation = y.mean(axis=0, dtype=np.float64), y.std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    scaled = twin(model, Normalize())
    name = scaled.layers[-1].name
    # Normalize computes (z - m) * s; it has learned already, and so stays as it is here.
    for key, values in (("mean", -mean / deviation), ("inverse_std", deviation), ("examples", np.array([len(y)]))):
        scaled.backend.copy(scaled.state()[f"{name}.{key}"], values)
    return scaled
