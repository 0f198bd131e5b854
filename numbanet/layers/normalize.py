"""Normalization of a model's inputs by the mean and the standard deviation of its training data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.backend import Array
from numbanet.initializers import Shape
from numbanet.layers.base import Layer, Views, size


class Normalize(Layer):
    """y = (x - mean) / standard deviation, of each channel (the last axis), learned from the training data.

    Training learns both before its first step, unless they are known already; they are stored with the model.
    A channel that never varies becomes 0. Before training, y is x.
    """

    @property
    def keeps_mask(self) -> bool:
        """Yes: each element is for itself."""
        return True

    def build(self, in_shape: Shape) -> Shape:
        """Any shape with at least one axis."""
        if not in_shape:
            raise self.error("at least one axis, whose last holds the channels", "a single number")
        # One mean an element and not a channel: the kernel then runs over long rows, even with one channel.
        self.add_state("mean", in_shape, "zeros")
        self.add_state("inverse_std", in_shape, "ones")
        self.add_state("examples", (1,), "zeros")
        self.add_buffer("y", in_shape)
        self.add_buffer("dx", in_shape)
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the buffers as rows, and the learned numbers flat."""
        self._kernel, self._kernel_backward = kernels.normalize, kernels.normalize_backward
        self._columns = size(self.in_shape)
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]
        self._y_rows = self._y.reshape(-1, self._columns)
        self._dx_rows = self._dx.reshape(-1, self._columns)
        self._mean = views.state["mean"].reshape(-1)
        self._inverse_std = views.state["inverse_std"].reshape(-1)

    def forward(self, x: Array, train: bool) -> Array:
        """(x - mean) / standard deviation."""
        self._kernel(self._y_rows, x.reshape(-1, self._columns), self._mean, self._inverse_std)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """dy / standard deviation."""
        if not need_dx:
            return None
        self._kernel_backward(self._dx_rows, dy.reshape(-1, self._columns), self._inverse_std)
        return self._dx


class Moments:
    """Mean and variance of each channel, from batches, in float64 (Chan, Golub and LeVeque 1979)."""

    def __init__(self) -> None:
        self.examples = 0
        self._count = 0
        self._mean: NDArray[np.float64] = np.zeros(1)
        self._squares: NDArray[np.float64] = np.zeros(1)

    def add(self, x: NDArray[Any]) -> None:
        """Take in a batch [n, ..., channels]."""
        rows = x.reshape(-1, x.shape[-1])
        mean = rows.mean(axis=0, dtype=np.float64)
        squares = np.square(rows - mean).sum(axis=0)
        total = self._count + len(rows)
        delta = mean - self._mean
        self._squares = self._squares + squares + delta**2 * (self._count * len(rows) / total)
        self._mean = self._mean + delta * (len(rows) / total)
        self._count = total
        self.examples += len(x)

    def state(self, shape: Shape) -> dict[str, NDArray[np.float64]]:
        """The state of a `Normalize` layer for inputs of `shape`."""
        std = np.sqrt(self._squares / self._count)
        varies = std > 1e-7 * np.abs(self._mean)
        inverse = np.where(varies, 1.0 / np.where(varies, std, 1.0), 1.0)
        return {
            "mean": np.broadcast_to(self._mean, shape),
            "inverse_std": np.broadcast_to(inverse, shape),
            "examples": np.array([self.examples], np.float64),
        }
