"""Layers applied to each step of a sequence by itself."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.initializers import Shape
from numbanet.layers.base import Layer, Views
from numbanet.layers.chain import Chain, walk
from numbanet.layers.compose import layer_from_file


class TimeDistributed(Layer):
    """`layers`, one after another, on each step by itself, with the same weights for all: (time, ...) -> (time, ...).

        TimeDistributed(Dense(10))          # ten logits for each step, from x [n, time, features]

    To the layers inside, a batch of n sequences is one of n * time examples. Inside it, names are
    "2_time_distributed.step.0_dense".
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = tuple(map(layer_from_file, layers))
        self._chain = Chain(self.layers, "TimeDistributed")
        self.chains = (self._chain,)

    @property
    def output_function(self) -> str | None:
        """That of its layers."""
        return self._chain.output_function

    @property
    def tokens(self) -> int | None:
        """Those that its first layer takes: of each step several, such as the letters of a word."""
        return self._chain.tokens

    @property
    def keeps_mask(self) -> bool:
        """Yes: the steps stay where they are."""
        return True

    def hand_on(self, mask_from: Layer | None) -> Layer | None:
        """The layers inside see no steps, and so no mask."""
        self.mask_from = mask_from
        self._chain.hand_on(None)
        return mask_from

    def build(self, in_shape: Shape) -> Shape:
        """(time, *what the layers take) -> (time, *what they give)."""
        if len(in_shape) < 2:
            raise self.error(
                "sequences of shape (time, features)", f"inputs of shape {in_shape}", "Leave TimeDistributed out."
            )
        time, self._step = in_shape[0], in_shape[1:]
        out_shape = self._chain.place(f"{self.name}.step.", self._step)
        for layer in walk(self.layers):
            layer.times *= time
        return (time, *out_shape)

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the shapes."""
        self._steps, self._sequences = (-1, *self._step), (views.batch, *self.out_shape)

    def inner_input(self, x: Array) -> Array:
        """All steps as examples of their own."""
        return x.reshape(self._steps)

    def forward(self, x: Array, train: bool) -> Array:
        """The layers' outputs, step by step."""
        return self._chain.forward(self.inner_input(x), train).reshape(self._sequences)

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """The layers' dx, step by step."""
        dx = self._chain.backward(dy.reshape(-1, *self.out_shape[1:]), need_dx)
        return None if dx is None else dx.reshape(x.shape)
