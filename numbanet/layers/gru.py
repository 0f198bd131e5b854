"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

from numbanet import initializers
from numbanet.backend import Array
from numbanet.initializers import Shape
from numbanet.layers.base import Views
from numbanet.layers.recurrent import Recurrent


class GRU(Recurrent):
    """A state h that one gate mixes with a candidate, for which another gate resets it.

        [r, z] = sigmoid(x @ weight + h @ recurrent + bias)      the first two thirds of the columns; for the last one
        n = tanh(x @ weight + bias + r (h @ recurrent + recurrent_bias))
        h' = (1 - z) n + z h                                     weight (features, 3 units), recurrent (units, 3 units)

    Cho et al., arXiv 1406.1078. `reset_after`: r comes after the product, as above and in PyTorch, in cuDNN and in
    Keras by default; else before it, (r h) @ recurrent, as in the paper, and there is no recurrent_bias (units,).
    The other arguments: see `Recurrent`.
    """

    gates, places = 3, 4

    def __init__(
        self,
        units: int,
        reset_after: bool = True,
        *,
        return_sequences: bool = False,
        reverse: bool = False,
        stateful: bool = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        self.configure(units, return_sequences, reverse, stateful, recurrent_dropout)
        self.reset_after = bool(reset_after)

    def build(self, in_shape: Shape) -> Shape:
        """(time, features) -> (units,) or (time, units)."""
        out_shape = super().build(in_shape)
        if self.reset_after:
            self.add_parameter("recurrent_bias", (self.units,), initializers.get("zeros"), decay=False)
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the kernels too."""
        super().bind(kernels, views)
        self._forward, self._backward = kernels.gru_forward, kernels.gru_backward
        self._backward_params = kernels.gru_backward_params
        self._recurrent_bias = views.parameters.get("recurrent_bias", views.absent)
        d_recurrent_bias = views.gradients.get("recurrent_bias", views.absent)
        self._gradients = (*(views.gradients[name] for name in ("weight", "recurrent", "bias")), d_recurrent_bias)

    def walk(self, x: Array, arrays: tuple[Array, ...]) -> None:
        """Fill y and the arrays."""
        self._forward(
            self._y_rows, *arrays, x, *self._first, self._mask, self._keep, *self._weights, self._bias,
            self._recurrent_bias, self.reset_after, self.reverse, self._scratch,
        )  # fmt: skip

    def walk_back(self, dx: Array, dy: Array) -> None:
        """Fill dx and the gradients."""
        self._backward(
            dx, self._dgates, *self._d_carried, dy, *self._all, self._mask, self._keep, *self._weights,
            self.reset_after, self.reverse, self._dfed, self._scratch,
        )  # fmt: skip
        self._backward_params(*self._gradients, self._fed, self._gates, self._dgates, self.reset_after, self._scratch)
