"""Long short-term memory."""

from __future__ import annotations

from typing import Any

from numbanet import initializers
from numbanet.backend import Array
from numbanet.initializers import ForgetBias, Initializer, Shape
from numbanet.layers.base import Views
from numbanet.layers.recurrent import Recurrent


class LSTM(Recurrent):
    """A cell c that gates open to what is added, kept and shown; the state h is what it shows.

        [i, f, g, o] = x @ weight + h @ recurrent + bias        weight (features, 4 units), recurrent (units, 4 units)
        c' = sigmoid(f) c + sigmoid(i) tanh(g)
        h' = sigmoid(o) tanh(c')

    Hochreiter and Schmidhuber 1997. `peepholes`: the gates see the cell too, through `peephole` (3, units): i and f see
    c, o sees c' (Gers and Schmidhuber 2000). `unit_forget_bias`: the forget gate's bias begins at 1 and not at 0, so
    that cells remember at first (Jozefowicz et al. 2015). The other arguments: see `Recurrent`.
    """

    gates = places = 4
    cells = True

    def __init__(
        self,
        units: int,
        peepholes: bool = False,
        *,
        return_sequences: bool = False,
        reverse: bool = False,
        stateful: bool = False,
        recurrent_dropout: float = 0.0,
        unit_forget_bias: bool = True,
    ) -> None:
        self.configure(units, return_sequences, reverse, stateful, recurrent_dropout)
        self.peepholes = bool(peepholes)
        self.unit_forget_bias = bool(unit_forget_bias)

    def bias_initializer(self) -> Initializer:
        """Zeros, or 1 for the forget gate."""
        return ForgetBias() if self.unit_forget_bias else super().bias_initializer()

    def build(self, in_shape: Shape) -> Shape:
        """(time, features) -> (units,) or (time, units)."""
        out_shape = super().build(in_shape)
        if self.peepholes:
            self.add_parameter("peephole", (3, self.units), initializers.get("zeros"), decay=True)
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the kernels too."""
        super().bind(kernels, views)
        self._forward, self._backward = kernels.lstm_forward, kernels.lstm_backward
        self._backward_params, self._backward_peephole = (
            kernels.recurrent_backward_params,
            kernels.lstm_backward_peephole,
        )
        self._gradients = tuple(views.gradients[name] for name in ("weight", "recurrent", "bias"))
        self._peephole = views.parameters.get("peephole", views.absent.reshape(0, 0))
        self._d_peephole = views.gradients.get("peephole")

    def walk(self, x: Array, arrays: tuple[Array, ...]) -> None:
        """Fill y and the arrays."""
        self._forward(
            self._y_rows, *arrays, x, *self._first, self._mask, self._keep, *self._weights, self._bias, self._peephole,
            self.reverse, self._scratch,
        )  # fmt: skip

    def walk_back(self, dx: Array, dy: Array) -> None:
        """Fill dx and the gradients."""
        cells = self._carried[1]
        self._backward(
            dx, self._dgates, *self._d_carried, dy, cells, self._gates, self._mask, self._keep, *self._weights,
            self._peephole, self.reverse, self._dfed, self._scratch,
        )  # fmt: skip
        self._backward_params(*self._gradients, self._fed, self._dgates, self._scratch)
        if self.peepholes:
            self._backward_peephole(self._d_peephole, self._dgates, cells)
