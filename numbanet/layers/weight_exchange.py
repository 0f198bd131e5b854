"""Weights of recurrent layers from and to PyTorch and Keras, as dictionaries of arrays by the names used there.

    parameters = {f"0_lstm.{name}": values for name, values in from_torch("lstm", weights).items()}

`cell` is "simple_rnn", "lstm" or "gru"; a GRU is one with `reset_after`, which is the only kind that PyTorch has and
the one that Keras makes by default.

PyTorch   weight_ih (gates x units, features), weight_hh (gates x units, units): transposed; gates in our order.
          Two biases, bias_ih and bias_hh, which only ever occur as their sum, but for the candidate of a GRU.
Keras     kernel and recurrent_kernel as here, with a GRU's gates as z, r, n; bias, for a GRU (2, 3 units).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def from_torch(cell: str, weights: Mapping[str, Any]) -> Arrays:
    """Our parameters from `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`."""
    inputs, state = np.asarray(weights["bias_ih"]), np.asarray(weights["bias_hh"])
    result = {"weight": np.asarray(weights["weight_ih"]).T, "recurrent": np.asarray(weights["weight_hh"]).T}
    return {**result, **_join_biases(cell, inputs, state)}


def to_torch(cell: str, parameters: Mapping[str, Any]) -> Arrays:
    """`weight_ih`, `weight_hh`, `bias_ih` and `bias_hh` from our parameters; all they can, go to bias_ih."""
    inputs, state = _part_biases(cell, parameters)
    weight, recurrent = np.asarray(parameters["weight"]), np.asarray(parameters["recurrent"])
    return {"weight_ih": weight.T, "weight_hh": recurrent.T, "bias_ih": inputs, "bias_hh": state}


def from_keras(cell: str, weights: Mapping[str, Any]) -> Arrays:
    """Our parameters from `kernel`, `recurrent_kernel` and `bias`."""
    kernel, recurrent, bias = (_swap(cell, np.asarray(weights[n])) for n in ("kernel", "recurrent_kernel", "bias"))
    biases = _join_biases(cell, *bias) if cell == "gru" else {"bias": bias}
    return {"weight": kernel, "recurrent": recurrent, **biases}


def to_keras(cell: str, parameters: Mapping[str, Any]) -> Arrays:
    """`kernel`, `recurrent_kernel` and `bias` from our parameters."""
    bias = np.stack(_part_biases(cell, parameters)) if cell == "gru" else np.asarray(parameters["bias"])
    kernel, recurrent = np.asarray(parameters["weight"]), np.asarray(parameters["recurrent"])
    return {
        "kernel": _swap(cell, kernel),
        "recurrent_kernel": _swap(cell, recurrent),
        "bias": _swap(cell, bias),
    }


def _join_biases(cell: str, inputs: NDArray[Any], state: NDArray[Any]) -> Arrays:
    """Ours from one that is added to the inputs' product and one that is added to the state's."""
    if cell != "gru":
        return {"bias": inputs + state}
    bias, candidate = inputs + state, 2 * len(inputs) // 3
    bias[candidate:] = inputs[candidate:]
    return {"bias": bias, "recurrent_bias": state[candidate:].copy()}


def _part_biases(cell: str, parameters: Mapping[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The way back: (inputs, state)."""
    inputs = np.array(parameters["bias"])
    state = np.zeros_like(inputs)
    if cell == "gru":
        state[2 * len(inputs) // 3 :] = parameters["recurrent_bias"]
    return inputs, state


def _swap(cell: str, array: NDArray[Any]) -> NDArray[Any]:
    """A GRU's r, z, n along the last axis as z, r, n, and back again; others as they are."""
    if cell != "gru":
        return array
    first, second, candidate = np.split(array, 3, axis=-1)
    return np.concatenate([second, first, candidate], axis=-1)
