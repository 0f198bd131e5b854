"""Embedding: a trained vector for each token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numbanet import initializers
from numbanet.backend import Array
from numbanet.configurable import check_whole
from numbanet.errors import ModelError
from numbanet.initializers import Shape, ZeroRow
from numbanet.layers.base import Layer, Views
from numbanet.layers.weighted import InitializerChoice

INITIAL = initializers.Normal(1.0)  # the layers after it expect inputs of about that size


class Embedding(Layer):
    """For each token, a whole number below `vocabulary`, its row of a table: tokens [n, time] -> y [n, time, units].

        weight (vocabulary, units)

    It comes first in its model (or branch). `padding_index`: the token that fills up shorter sequences. Its row is
    zero and stays so, and its steps are masked for the layers after it. `weight_initializer`: by name or object; by
    default normal numbers with a standard deviation of 1.

    The backward pass writes the rows of the batch's tokens and clears those of the batch before; all others are zeros
    that it leaves alone.
    """

    def __init__(
        self,
        vocabulary: int,
        units: int,
        padding_index: int | None = None,
        *,
        weight_initializer: InitializerChoice | None = None,
    ) -> None:
        self.vocabulary = check_whole("Embedding", "vocabulary", vocabulary, 1)
        self.units = check_whole("Embedding", "units", units, 1)
        self.padding_index = None
        if padding_index is not None:
            self.padding_index = check_whole("Embedding", "padding_index", padding_index, 0)
            if self.padding_index >= self.vocabulary:
                raise ModelError(
                    f"Embedding: padding_index: expected a token below the vocabulary of {self.vocabulary}, found "
                    f"{padding_index}."
                )
        self.makes_mask = self.padding_index is not None
        if isinstance(weight_initializer, Mapping):
            weight_initializer = initializers.get(weight_initializer)
        self.weight_initializer = weight_initializer
        self._initializer = INITIAL if weight_initializer is None else initializers.get(weight_initializer)

    @property
    def tokens(self) -> int:
        """The size of its vocabulary."""
        return self.vocabulary

    @property
    def keeps_mask(self) -> bool:
        """Yes: a row for each token."""
        return True

    def build(self, in_shape: Shape) -> Shape:
        """(time,) -> (time, units)."""
        if len(in_shape) != 1:
            raise self.error("sequences of tokens, of shape (time,)", f"inputs of shape {in_shape}")
        initializer = self._initializer
        if self.padding_index is not None:
            initializer = ZeroRow(initializer, self.padding_index)
            self.add_buffer("mask", in_shape, "uint8")
        self.add_parameter("weight", (self.vocabulary, self.units), initializer, decay=True)
        self.add_buffer("y", (*in_shape, self.units))
        self.add_buffer("touched", in_shape, "int64")
        self.add_scratch("none", (0,), "int64")
        self._stale: Array = None
        return (*in_shape, self.units)

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand."""
        self._gather, self._backward, self._mask_steps = kernels.gather, kernels.embedding_backward, kernels.mask_steps
        self._table, self._dtable = views.parameters["weight"], views.gradients["weight"]
        self._y, self._touched = views.buffers["y"], views.buffers["touched"].reshape(-1)
        self._y_rows = self._y.reshape(-1, self.units)
        self._padding = -1
        if self.padding_index is not None:
            self._padding, self._mask = self.padding_index, views.buffers["mask"]
        if self._stale is None:  # no gradient yet: the table's is all zeros
            self._stale = views.buffers["none"]

    def forward(self, x: Array, train: bool) -> Array:
        """The row of each token; the mask beside it."""
        self._gather(self._y_rows, self._table, x.reshape(-1), 1.0)
        if self._padding >= 0:
            self._mask_steps(self._mask, x.reshape(*x.shape, 1), float(self._padding))
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> None:
        """Fills the gradient of the table; tokens have none."""
        rows = dy.reshape(-1, self.units)
        self._backward(self._dtable, self._touched, rows, x.reshape(-1), self._stale, self._padding)
        self._stale = self._touched  # also of another batch size: whichever came last
