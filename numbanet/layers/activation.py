"""Activations: elementwise functions, and softmax over the last axis."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.configurable import check_number
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Shape
from numbanet.kernels.codes import ACTIVATIONS, NEEDS_INPUT
from numbanet.layers.base import Layer, Views

OVER_AXIS = ("softmax", "log_softmax")
DEFAULT_ALPHA = {"leaky_relu": 0.01, "elu": 1.0}


class Activation(Layer):
    """An activation by name: `Activation("relu")`, `Activation("leaky_relu", 0.2)`, `Activation("softmax")`.

    `alpha` is the slope of leaky_relu below zero (default 0.01) or the alpha of elu (default 1); no other
    takes one. A classifier trained with cross-entropy needs no softmax at its end: the loss takes logits.
    """

    def __init__(self, function: str, alpha: float | None = None) -> None:
        known = [*ACTIVATIONS, *OVER_AXIS]
        if function not in known:
            raise ModelError(unknown_name("activation", function, known))
        if alpha is not None:
            if function not in DEFAULT_ALPHA:
                raise ModelError(f"Activation: {function} takes no alpha; only leaky_relu and elu do.")
            check_number("Activation", "alpha", alpha, 0.0)
        self.function = function
        self.alpha = alpha

    @property
    def output_function(self) -> str:
        """Its function."""
        return self.function

    @property
    def keeps_mask(self) -> bool:
        """Yes: each element is for itself."""
        return True

    def build(self, in_shape: Shape) -> Shape:
        """Any shape; softmax needs at least one axis."""
        if self.function in OVER_AXIS and not in_shape:
            raise self.error(f"at least one axis to take the {self.function} over", "a single number")
        self.add_buffer("y", in_shape)
        self.add_buffer("dx", in_shape)
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the buffers as the kernels want them: flat, or rows of the last axis."""
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]
        if self.function in OVER_AXIS:
            self._rows: Shape = (-1, self._y.shape[-1])
            self._forward = getattr(kernels, f"{self.function}_forward")
            self._backward = getattr(kernels, f"{self.function}_backward")
        else:
            self._rows = (-1,)
            self._forward, self._backward = kernels.activation_forward, kernels.activation_backward
            self._code = ACTIVATIONS[self.function]
            self._alpha = float(DEFAULT_ALPHA.get(self.function, 0.0) if self.alpha is None else self.alpha)
        self._y_rows, self._dx_rows = self._y.reshape(self._rows), self._dx.reshape(self._rows)
        self._absent = views.absent

    def forward(self, x: Array, train: bool) -> Array:
        """The function of x."""
        if self.function in OVER_AXIS:
            self._forward(self._y_rows, x.reshape(self._rows))
        else:
            self._forward(self._y_rows, x.reshape(-1), self._code, self._alpha)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """The derivative times dy."""
        if not need_dx:
            return None
        dy = dy.reshape(self._rows)
        if self.function in OVER_AXIS:
            self._backward(self._dx_rows, dy, self._y_rows)
        elif self._code in NEEDS_INPUT:
            self._backward(self._dx_rows, dy, x.reshape(-1), self._absent, self._code, self._alpha)
        else:
            self._backward(self._dx_rows, dy, self._absent, self._y_rows, self._code, self._alpha)
        return self._dx
