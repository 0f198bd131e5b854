"""The simple recurrent layer."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.errors import ModelError, unknown_name
from numbanet.kernels.codes import ACTIVATIONS
from numbanet.layers.base import Views
from numbanet.layers.recurrent import Recurrent

STATE_ACTIVATIONS = ("tanh", "relu")


class SimpleRNN(Recurrent):
    """h' = activation(x @ weight + h @ recurrent + bias), with tanh or relu (Elman 1990).

    weight (features, units), recurrent (units, units), bias (units,). The other arguments are those of all recurrent
    layers: see `Recurrent`.
    """

    gates = places = 1

    def __init__(
        self,
        units: int,
        activation: str = "tanh",
        *,
        return_sequences: bool = False,
        reverse: bool = False,
        stateful: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        self.configure(units, return_sequences, reverse, stateful, recurrent_dropout)
        if activation not in STATE_ACTIVATIONS:
            raise ModelError(f"SimpleRNN: {unknown_name('activation', str(activation), STATE_ACTIVATIONS)}")
        self.activation = activation

    @property
    def output_function(self) -> str:
        """Its activation."""
        return self.activation

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the kernels too."""
        super().bind(kernels, views)
        self._forward, self._backward = kernels.rnn_forward, kernels.rnn_backward
        self._backward_params = kernels.recurrent_backward_params
        self._gradients = tuple(views.gradients[name] for name in ("weight", "recurrent", "bias"))
        self._code = ACTIVATIONS[self.activation]

    def walk(self, x: Array, arrays: tuple[Array, ...]) -> None:
        """Fill y and the arrays."""
        self._forward(
            self._y_rows, *arrays, x, *self._first, self._mask, self._keep, *self._weights, self._bias, self._code,
            self.reverse, self._scratch,
        )  # fmt: skip

    def walk_back(self, dx: Array, dy: Array) -> None:
        """Fill dx and the gradients."""
        self._backward(
            dx, self._dgates, *self._d_carried, dy, self._gates, self._mask, self._keep, *self._weights, self._code,
            self.reverse, self._dfed, self._scratch,
        )  # fmt: skip
        self._backward_params(*self._gradients, self._fed, self._dgates, self._scratch)
