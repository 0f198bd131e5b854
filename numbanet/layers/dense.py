"""The dense layer: y = activation(x @ w + b)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numbanet import initializers
from numbanet.backend import Array
from numbanet.configurable import check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Initializer, Shape
from numbanet.kernels.codes import ACTIVATIONS, FUSED, LINEAR, NEEDS_INPUT
from numbanet.layers.activation import DEFAULT_ALPHA, OVER_AXIS
from numbanet.layers.base import Layer, Views, size

SATURATING = ("linear", "sigmoid", "tanh")  # Glorot's assumption: nearly linear around zero


def _from_file(choice: Any) -> Any:
    """A configuration read from a model file becomes the initializer; a name stays what `repr` echoes."""
    return initializers.get(choice) if isinstance(choice, Mapping) else choice


class Dense(Layer):
    """`units` outputs, each a weighted sum of all inputs: y [n, units] = activation(x [n, in] @ w + b).

    An input of several axes, such as an image, is taken as one vector. `activation`: an elementwise one by
    name. `weight_initializer`: by name or object; by default glorot_uniform for linear, sigmoid and tanh, and
    he_normal for the rest.
    """

    def __init__(
        self,
        units: int,
        activation: str | None = "linear",
        *,
        bias: bool = True,
        weight_initializer: Initializer | str | Mapping[str, Any] | None = None,
        bias_initializer: Initializer | str | Mapping[str, Any] = "zeros",
    ) -> None:
        units = check_whole("Dense", "units", units, 1)
        activation = activation or "linear"
        if activation in OVER_AXIS:
            raise ModelError(
                f"Dense: {activation} is a layer of its own: add Activation({activation!r}) after it. To "
                "train with cross_entropy leave it out: that loss takes logits."
            )
        if activation not in ACTIVATIONS:
            raise ModelError(unknown_name("activation", activation, ACTIVATIONS))
        self.units = units
        self.activation = activation
        self.bias = bias
        self.weight_initializer = _from_file(weight_initializer)
        self.bias_initializer = _from_file(bias_initializer)
        self._weight_initializer = initializers.get(
            weight_initializer or ("glorot_uniform" if activation in SATURATING else "he_normal")
        )
        self._bias_initializer = initializers.get(bias_initializer)

    def build(self, in_shape: Shape) -> Shape:
        """(in,) or any other shape of `in` elements -> (units,)."""
        self._inputs = size(in_shape)
        if self._inputs == 0:
            raise self.error("at least one input", f"inputs of shape {in_shape}")
        self._flat = len(in_shape) == 1
        self._code = ACTIVATIONS[self.activation]
        self.add_parameter("weight", (self._inputs, self.units), self._weight_initializer, decay=True)
        if self.bias:
            self.add_parameter("bias", (self.units,), self._bias_initializer, decay=False)
        self.add_buffer("y", (self.units,))
        self.add_buffer("dx", in_shape)
        if self._code != LINEAR:
            self.add_buffer("dz", (self.units,))
        if self._code in NEEDS_INPUT:
            self.add_buffer("z", (self.units,))
        return (self.units,)

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand."""
        buffers, absent = views.buffers, views.absent
        self._forward, self._activate = kernels.dense_forward, kernels.activation_forward
        self._backward_input = kernels.dense_backward_input
        self._backward_params = kernels.dense_backward_params
        self._backward_fused = kernels.dense_backward_activation
        self._backward_activation = kernels.activation_backward
        self._w, self._dw = views.parameters["weight"], views.gradients["weight"]
        self._b, self._db = views.parameters.get("bias", absent), views.gradients.get("bias", absent)
        self._y, self._dx = buffers["y"], buffers["dx"]
        self._dx_rows = self._dx.reshape(views.batch, self._inputs)
        self._y_flat = self._y.reshape(-1)
        self._in_epilogue = self._code if self._code in FUSED else LINEAR
        self._alpha = float(DEFAULT_ALPHA.get(self.activation, 0.0))
        if self._code != LINEAR:
            self._dz = buffers["dz"]
            self._dz_flat = self._dz.reshape(-1)
        # What the function is applied to. Where the derivative follows from the output, that is overwritten.
        needs_input = self._code in NEEDS_INPUT
        self._z = buffers["z"] if needs_input else self._y
        self._z_flat = self._z.reshape(-1)
        self._saved = (self._z_flat, absent) if needs_input else (absent, self._y_flat)

    def forward(self, x: Array, train: bool) -> Array:
        """activation(x @ w + b)."""
        if not self._flat:
            x = x.reshape(-1, self._inputs)
        self._forward(self._z, x, self._w, self._b, self._in_epilogue)
        if self._in_epilogue != self._code:
            self._activate(self._y_flat, self._z_flat, self._code, self._alpha)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills dw and db; dx = dz @ w.T where it is needed."""
        if not self._flat:
            x = x.reshape(-1, self._inputs)
        if self._code != LINEAR:
            dy_flat = dy.reshape(-1)
            if self._in_epilogue:  # not LINEAR, so the code of the activation
                self._backward_fused(self._dz_flat, dy_flat, self._y_flat, self._code)
            else:
                self._backward_activation(self._dz_flat, dy_flat, *self._saved, self._code, self._alpha)
            dy = self._dz
        self._backward_params(self._dw, self._db, x, dy)
        if not need_dx:
            return None
        self._backward_input(self._dx_rows, dy, self._w)
        return self._dx

    @property
    def output_function(self) -> str:
        """Its activation."""
        return self.activation

    def multiply_adds(self) -> int:
        """One for each weight."""
        return self._inputs * self.units
