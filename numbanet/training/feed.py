"""Batches from arrays in memory: one kernel picks the rows, turns bytes into numbers, and distorts images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbanet.backend import Array
from numbanet.data.augment import Augment
from numbanet.data.batches import order
from numbanet.data.dataset import Dataset
from numbanet.data.mixing import Mix
from numbanet.errors import ModelError
from numbanet.inputs import BYTE_SCALE
from numbanet.losses import Loss
from numbanet.model import Sequential


class Feed:
    """Inputs and targets, checked once; `feed(rows)` is the batch of these rows, in the model's own buffers.

    The buffers of a batch are overwritten by the next one of the same size. With `augment` the inputs are
    distorted at random, as the model's seed, its count of steps and the row in the data decide: training that
    goes on from a saved model goes on with the same random numbers. With `mix` examples are then mixed in pairs, and
    labels become probabilities.
    """

    def __init__(
        self,
        model: Sequential,
        x: Any,
        y: Any,
        loss: Loss,
        where: tuple[str, str],
        augment: Augment | None = None,
        mix: Mix | None = None,
    ) -> None:
        inputs = model.checked_inputs(x, where[0])
        targets = loss.targets(y, model.output_shape, model.dtype, where[1])
        if len(inputs) != len(targets):
            raise ModelError(f"{where[1]}: expected as many targets as examples, {len(inputs)}, got {len(targets)}.")
        if mix and model.tokens is not None:
            raise ModelError(f"mix: expected inputs that are numbers, found tokens in {where[0]}: these do not mix.")
        if mix and targets.ndim == 1:
            targets = np.eye(model.output_shape[-1], dtype=model.dtype)[targets]
        backend = model.backend
        self.examples = len(inputs)
        self._model = model
        self._data = backend.from_numpy(inputs.reshape(len(inputs), -1))
        self._targets = backend.from_numpy(targets)
        scale = BYTE_SCALE if inputs.dtype == np.uint8 else 1.0
        self._gather: Callable[..., None] = backend.kernels.gather
        self._arguments: tuple[Any, ...] = (scale,)
        if augment:
            augment.check(model.input_shape)
            self._gather = backend.kernels.augment
            self._arguments = (model.input_shape, scale, augment.distortion, model.seed, model.step)
        self._gather_targets = backend.kernels.gather_labels
        self._target_arguments: tuple[float, ...] = ()
        if targets.ndim == 2:
            self._gather_targets, self._target_arguments = backend.kernels.gather, (1.0,)
        self._mix: Callable[..., None] | None = None
        if mix:
            mix.check(model.input_shape)
            self._mix, self._blend = backend.kernels.mix_pairs, backend.kernels.blend_pairs
            tables = tuple(backend.from_numpy(table) for table in mix.tables())
            self._mix_arguments = (mix.shape(model.input_shape), *tables, model.seed, model.step)
        self._y: dict[int, Array] = {}
        self._shares: dict[int, Array] = {}
        self._n = 0

    @property
    def targets(self) -> Array:
        """All targets, as the loss takes them."""
        return self._targets

    def has_bad_inputs(self) -> bool:
        """Whether an input is NaN or infinite. Looked for when training diverged: it takes time."""
        return not bool(np.isfinite(self._model.backend.to_numpy(self._data)).all())

    def order(self, seed: int, epoch: int, shuffle: bool) -> Array:
        """All rows in the order of an epoch, on the device."""
        return self._model.backend.from_numpy(order(self.examples, seed, epoch, shuffle))

    def __call__(self, rows: Array) -> tuple[Array, Array]:
        """(x [n, *input_shape], y) of the rows, int64 [n]."""
        n = len(rows)
        binding = self._model.bind(n)
        if n != self._n:
            self._n = n
            if n not in self._y:
                self._y[n] = self._model.backend.empty((n, *self._targets.shape[1:]), self._targets.dtype)
            self._now = self._y[n]
        self._gather(binding.input_rows, self._data, rows, *self._arguments)
        self._gather_targets(self._now, self._targets, rows, *self._target_arguments)
        if self._mix is not None:
            if n not in self._shares:
                self._shares[n] = self._model.backend.empty((n,), self._model.dtype)
            self._mix(binding.input_rows, self._shares[n], *self._mix_arguments)
            self._blend(self._now, self._shares[n])
        return binding.input, self._now


def examples(x: Any, y: Any, where: str = "x") -> tuple[Any, Any]:
    """(x, y) from two arrays, from a pair in place of x, or from a data set, whose training part is meant."""
    if isinstance(x, Dataset):
        if y is not None:
            raise ModelError("y: expected none beside a data set, which has its own labels.")
        return x.train
    if y is None:
        if isinstance(x, (tuple, list)) and len(x) == 2:
            return x[0], x[1]
        raise ModelError(f"y: expected the targets of {where}, got none. Hand in both arrays, or a data set.")
    return x, y
