"""The dense layer: y = activation(x @ w + b)."""

from __future__ import annotations

from typing import Any

from numbanet.configurable import check_whole
from numbanet.initializers import Shape
from numbanet.layers.base import Views, size
from numbanet.layers.weighted import InitializerChoice, Products, Weighted, dense_products


class Dense(Weighted):
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
        weight_initializer: InitializerChoice | None = None,
        bias_initializer: InitializerChoice = "zeros",
    ) -> None:
        self.units = check_whole("Dense", "units", units, 1)
        self.configure(activation, bias, weight_initializer, bias_initializer)

    def build(self, in_shape: Shape) -> Shape:
        """(in,) or any other shape of `in` elements -> (units,)."""
        self._inputs = size(in_shape)
        if self._inputs == 0:
            raise self.error("at least one input", f"inputs of shape {in_shape}")
        weight = (self._inputs, self.units)
        self.add_parameter("weight", weight, self._weight_initializer, decay=True)
        return self.surround((self.units,), x=(self._inputs,), w=weight, y=(self.units,))

    def products(self, kernels: Any, views: Views) -> Products:
        """Matrix products."""
        return dense_products(kernels)

    def multiply_adds(self) -> int:
        """One for each weight."""
        return self._inputs * self.units
