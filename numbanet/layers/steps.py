"""Layers that make one vector of a sequence: its last step, or the mean or the largest of all steps.

Of a masked sequence they see the real steps alone. One without any real step gives zeros.
"""

from __future__ import annotations

from typing import Any, ClassVar

from numbanet.backend import Array
from numbanet.initializers import Shape
from numbanet.kernels.codes import LAST_STEP, MAX_OF_STEPS, MEAN_OF_STEPS
from numbanet.layers.base import Layer, Views
from numbanet.layers.windows import check_sequence


class _Steps(Layer):
    """What the layers of this file share: [n, time, features] -> [n, features]."""

    how: ClassVar[int]

    def build(self, in_shape: Shape) -> Shape:
        """(time, features) -> (features,)."""
        _, features = check_sequence(self, in_shape)
        self.add_buffer("y", (features,))
        self.add_buffer("dx", in_shape)
        return (features,)

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand."""
        self._forward, self._backward = kernels.pool_steps_forward, kernels.pool_steps_backward
        self._y, self._dx, self._mask = views.buffers["y"], views.buffers["dx"], views.mask

    def forward(self, x: Array, train: bool) -> Array:
        """One step of each sequence, or what they come to."""
        self._forward(self._y, x, self._mask, self.how)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """dy for the steps that y came from, zeros for all others."""
        if not need_dx:
            return None
        self._backward(self._dx, dy, x, self._mask, self.how)
        return self._dx


class LastStep(_Steps):
    """The last real step of each sequence: [n, time, features] -> [n, features]."""

    how = LAST_STEP


class GlobalAvgPool1D(_Steps):
    """The mean of all real steps, feature by feature: [n, time, features] -> [n, features]."""

    how = MEAN_OF_STEPS


class GlobalMaxPool1D(_Steps):
    """The largest of all real steps, feature by feature: [n, time, features] -> [n, features]."""

    how = MAX_OF_STEPS
