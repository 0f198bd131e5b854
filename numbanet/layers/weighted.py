"""Layers with weights: y = activation(product(x, w) + b).

The products differ: a matrix product, a convolution, its transpose. What surrounds them does not, and stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from numbanet import initializers
from numbanet.backend import Array
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Initializer, Shape
from numbanet.kernels.codes import ACTIVATIONS, FUSED, LINEAR, NEEDS_INPUT
from numbanet.layers.activation import DEFAULT_ALPHA, OVER_AXIS
from numbanet.layers.base import Layer, Views

SATURATING = ("linear", "sigmoid", "tanh")  # Glorot's assumption: nearly linear around zero
InitializerChoice = Initializer | str | Mapping[str, Any]


class Products(NamedTuple):
    """A product of inputs and weights, and its gradients. A bias of size 0 is none.

    forward(y, x, w, b, activation)    y = activation(product(x, w) + b), with `activation` one of codes.FUSED
    backward_input(dx, dy, w)          after backward_params with the same dy
    backward_params(dw, db, x, dy)
    """

    forward: Callable[[Array, Array, Array, Array, int], None]
    backward_input: Callable[[Array, Array, Array], None]
    backward_params: Callable[[Array, Array, Array, Array], None]


def dense_products(kernels: Any) -> Products:
    """Matrix products: x (n, in), w (in, out), y (n, out)."""
    return Products(kernels.dense_forward, kernels.dense_backward_input, kernels.dense_backward_params)


class Weighted(Layer):
    """Base of the layers with weights.

    A subclass's constructor checks its own arguments and leaves the common ones to `configure`; its `build`
    declares its weights and ends with `surround`; `products` are its kernels.
    """

    activation: str
    bias: bool
    main_weight: ClassVar[str] = "weight"  # the parameter that the products take as w

    def configure(
        self,
        activation: str | None,
        bias: bool,
        weight_initializer: InitializerChoice | None,
        bias_initializer: InitializerChoice,
    ) -> None:
        """Check and keep the arguments that all these layers have."""
        activation = activation or "linear"
        if activation in OVER_AXIS:
            raise ModelError(
                f"{type(self).__name__}: {activation} is a layer of its own: add Activation({activation!r}) after "
                "it. To train with cross_entropy leave it out: that loss takes logits."
            )
        if activation not in ACTIVATIONS:
            raise ModelError(unknown_name("activation", activation, ACTIVATIONS))
        self.activation = activation
        self.bias = bias
        self.weight_initializer = _from_file(weight_initializer)
        self.bias_initializer = _from_file(bias_initializer)
        self._weight_initializer = initializers.get(
            weight_initializer or ("glorot_uniform" if activation in SATURATING else "he_normal")
        )
        self._bias_initializer = initializers.get(bias_initializer)

    def products(self, kernels: Any, views: Views) -> Products:
        """The kernels for one batch size."""
        raise NotImplementedError

    def surround(self, out_shape: Shape, *, x: Shape, w: Shape, y: Shape) -> Shape:
        """Declare the bias and the buffers; returns `out_shape`, whose last axis holds the outputs with a bias each.

        x, w, y: the shapes in which the products take the inputs, the weights and the outputs; of x and y without
        their first axis, which holds as many as there are.
        """
        self._code = ACTIVATIONS[self.activation]
        self._x_rows, self._w_shape, self._y_rows = (-1, *x), w, (-1, *y)
        self._x_as_it_is, self._y_as_it_is = x == self.in_shape, y == out_shape
        if self.bias:
            self.add_parameter("bias", out_shape[-1:], self._bias_initializer, decay=False)
        self.add_buffer("y", out_shape)
        self.add_buffer("dx", self.in_shape)
        if self._code != LINEAR:
            self.add_buffer("dz", out_shape)
        if self._code in NEEDS_INPUT:
            self.add_buffer("z", out_shape)
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand, the arrays in the shapes that the kernels take."""
        buffers, absent = views.buffers, views.absent
        self._forward, self._backward_input, self._backward_params = self.products(kernels, views)
        self._activate, self._backward_activation = kernels.activation_forward, kernels.activation_backward
        self._backward_fused = kernels.dense_backward_activation
        self._w = views.parameters[self.main_weight].reshape(self._w_shape)
        self._dw = views.gradients[self.main_weight].reshape(self._w_shape)
        self._b, self._db = views.parameters.get("bias", absent), views.gradients.get("bias", absent)
        self._y, self._dx = buffers["y"], buffers["dx"]
        self._dx_in_rows = self._dx.reshape(self._x_rows)
        self._y_flat = self._y.reshape(-1)
        self._in_epilogue = self._code if self._code in FUSED else LINEAR
        self._alpha = float(DEFAULT_ALPHA.get(self.activation, 0.0))
        if self._code != LINEAR:
            self._dz_in_rows = buffers["dz"].reshape(self._y_rows)
            self._dz_flat = buffers["dz"].reshape(-1)
        # What the function is applied to. Where the derivative follows from the output, that is overwritten.
        needs_input = self._code in NEEDS_INPUT
        z = buffers["z"] if needs_input else self._y
        self._z_in_rows, self._z_flat = z.reshape(self._y_rows), z.reshape(-1)
        self._saved = (self._z_flat, absent) if needs_input else (absent, self._y_flat)

    def forward(self, x: Array, train: bool) -> Array:
        """activation(product(x, w) + b)."""
        if not self._x_as_it_is:
            x = x.reshape(self._x_rows)
        self._forward(self._z_in_rows, x, self._w, self._b, self._in_epilogue)
        if self._in_epilogue != self._code:
            self._activate(self._y_flat, self._z_flat, self._code, self._alpha)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills the gradients of the parameters; dx where it is needed."""
        if not self._x_as_it_is:
            x = x.reshape(self._x_rows)
        if self._code != LINEAR:
            dy_flat = dy.reshape(-1)
            if self._in_epilogue:  # not LINEAR, so the code of the activation
                self._backward_fused(self._dz_flat, dy_flat, self._y_flat, self._code)
            else:
                self._backward_activation(self._dz_flat, dy_flat, *self._saved, self._code, self._alpha)
            dy = self._dz_in_rows
        elif not self._y_as_it_is:
            dy = dy.reshape(self._y_rows)
        self._backward_params(self._dw, self._db, x, dy)
        if not need_dx:
            return None
        self._backward_input(self._dx_in_rows, dy, self._w)
        return self._dx

    @property
    def output_function(self) -> str:
        """Its activation."""
        return self.activation


def _from_file(choice: Any) -> Any:
    """A configuration read from a model file becomes the initializer; a name stays what `repr` echoes."""
    return initializers.get(choice) if isinstance(choice, Mapping) else choice
