"""Layers that only look at the same memory in another shape."""

from __future__ import annotations

from collections.abc import Sequence

from numbanet.backend import Array
from numbanet.errors import ModelError
from numbanet.initializers import Shape
from numbanet.layers.base import Layer, size


class Flatten(Layer):
    """[n, a, b, ...] -> [n, a * b * ...]."""

    @property
    def output_function(self) -> None:
        """None: y is x in another shape, or x itself."""

    def build(self, in_shape: Shape) -> Shape:
        """Any shape -> (elements,)."""
        self._columns = size(in_shape)
        return (self._columns,)

    def forward(self, x: Array, train: bool) -> Array:
        """A view of x."""
        return x.reshape(-1, self._columns)

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """A view of dy."""
        return dy.reshape(x.shape) if need_dx else None


class Reshape(Layer):
    """[n, ...] -> [n, *shape], of as many elements; one size may be -1, which is then worked out."""

    def __init__(self, shape: Sequence[int]) -> None:
        if isinstance(shape, int):
            shape = (shape,)
        self.shape = tuple(shape)
        whole = all(isinstance(n, int) and (n > 0 or n == -1) for n in self.shape)
        if not whole or self.shape.count(-1) > 1:
            raise ModelError(f"Reshape: expected positive sizes, at most one of them -1, got {self.shape}.")

    @property
    def output_function(self) -> None:
        """None: y is x in another shape, or x itself."""

    def build(self, in_shape: Shape) -> Shape:
        """A shape -> another with the same number of elements."""
        known = size(tuple(n for n in self.shape if n != -1))
        missing = size(in_shape) // known
        self._target = tuple(missing if n == -1 else n for n in self.shape)
        if size(self._target) != size(in_shape):
            raise self.error(f"inputs that can become {self.shape}", f"inputs of shape {in_shape}")
        return self._target

    def forward(self, x: Array, train: bool) -> Array:
        """A view of x."""
        return x.reshape(-1, *self._target)

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """A view of dy."""
        return dy.reshape(x.shape) if need_dx else None
