"""Losses: which targets they take, and which kernel computes them with their gradient.

A loss object is a configuration. `targets` checks and converts what a user hands in, once; `bind` gives the
function that a training step calls. Kernels see rows, with a loss each: an example is a row, or each step of it is,
as `steps` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from numbanet.backend import Array, Backend
from numbanet.configurable import Configurable, check_number, check_whole, choose, from_config
from numbanet.errors import ModelError
from numbanet.initializers import Shape

# (totals, losses, dz, z, targets, mask), as the kernels of losses take them; z is [rows, features]
Compute: TypeAlias = Callable[[Array, Array, Array, Array, Array, Array], None]
NO_LABEL = -(2**63)  # what no label is


class Loss(Configurable):
    """Base of all losses. `classifies`: its totals count correct predictions. `binary`: outputs are logits of
    a yes or no each.
    """

    name: ClassVar[str]
    kernel: ClassVar[str]
    classifies: ClassVar[bool] = False
    binary: ClassVar[bool] = False
    not_after: ClassVar[tuple[str, ...]] = ()  # activations that the loss applies itself

    def check_outputs(self, shape: Shape, function: str) -> None:
        """Raise `ModelError` unless outputs of `shape` that come out of the activation `function` fit."""
        if function in self.not_after:
            raise ModelError(
                f"{self.name}: expected a model that ends in logits, got one that ends in {function}. Leave "
                "it out: the loss applies it, and so does predict_proba."
            )

    def steps(self, shape: Shape, masked: bool) -> int:
        """How many rows the loss makes of outputs of `shape`; `masked`: of steps, some of which weigh nothing."""
        return shape[0] if masked else 1

    def weighs(self, y: NDArray[Any], mask: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Which rows weigh anything, for `targets` y and a mask of the rows; None for all."""
        return mask != 0 if mask.size else None

    def targets(self, y: Any, shape: Shape, dtype: str, where: str = "y") -> NDArray[Any]:
        """`y` for outputs of `shape`: a row for each example. Raises `ModelError`."""
        array = _numbers(y, where)
        if array.shape[1:] != shape and not (shape == (1,) and array.ndim == 1):
            raise ModelError(
                f"{where}: expected targets of shape {shape}, as the model's outputs, for {self.name}, got "
                f"an array of shape {array.shape}."
            )
        array = np.require(array.reshape(len(array), -1), dtype, ["C", "A", "W"])
        if not np.isfinite(array).all():
            raise ModelError(f"{where}: expected finite numbers, got NaN or infinity.")
        return array

    def bind(self, backend: Backend, dtype: str, targets: NDArray[Any], outputs: int) -> Compute:
        """The function that computes loss and gradient for targets like these."""
        compute: Compute = getattr(backend.kernels, self.kernel)
        return compute


class CrossEntropy(Loss):
    """-log softmax(z)[label], for logits z [n, classes], or [n, time, classes]; the mean over examples, or steps.

    Targets: labels, integers [n] or [n, time], or probabilities, shaped as z. `label_smoothing` mixes the target with
    the uniform distribution (Szegedy et al., arXiv 1512.00567); `class_weights`, one number a class, makes the
    mean a weighted one. Both combine as in PyTorch. Of sequences, masked steps and those whose label is
    `ignore_index` weigh nothing.
    """

    name = "cross_entropy"
    kernel = "cross_entropy"
    classifies = True
    not_after = ("softmax",)

    def __init__(
        self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None, *, ignore_index: int = -1
    ) -> None:
        check_number("CrossEntropy", "label_smoothing", label_smoothing, 0.0, 1.0)
        if class_weights is not None:
            class_weights = tuple(float(weight) for weight in class_weights)
            for weight in class_weights:
                check_number("CrossEntropy", "class_weights", weight, 0.0)
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights
        self.ignore_index = check_whole("CrossEntropy", "ignore_index", ignore_index, NO_LABEL)

    def check_outputs(self, shape: Shape, function: str) -> None:
        """One vector of at least two logits an example, or a step."""
        super().check_outputs(shape, function)
        if len(shape) not in (1, 2):
            raise ModelError(
                "cross_entropy: expected one vector of logits an example, or one a step, got outputs of shape "
                f"{shape}. End the model with Flatten() and Dense(classes)."
            )
        if shape[-1] == 1:
            raise ModelError(
                "cross_entropy: expected at least two outputs, one a class, got one. For yes or no use "
                "binary_cross_entropy."
            )
        if self.class_weights is not None and len(self.class_weights) != shape[-1]:
            raise ModelError(
                f"CrossEntropy: class_weights: expected {shape[-1]} numbers, one a class, got "
                f"{len(self.class_weights)}."
            )

    def steps(self, shape: Shape, masked: bool) -> int:
        """A row for each vector of logits."""
        return shape[0] if len(shape) == 2 else 1

    def weighs(self, y: NDArray[Any], mask: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Neither masked nor, with labels of steps, ignored."""
        masked = super().weighs(y, mask)
        ignore = self._ignored(y)
        if ignore == NO_LABEL:
            return masked
        known: NDArray[np.bool_] = y.reshape(-1) != ignore
        return known if masked is None else known & masked

    def _ignored(self, targets: NDArray[Any]) -> int:
        """The label to leave out: only in sequences, since one of a whole example is a mistake."""
        return self.ignore_index if targets.ndim == 2 and targets.dtype == np.int64 else NO_LABEL

    def targets(self, y: Any, shape: Shape, dtype: str, where: str = "y") -> NDArray[Any]:
        """Labels as int64 [n] or [n, time], or probabilities as `dtype`, a row for each example."""
        array, classes = _numbers(y, where), shape[-1]
        labels, axes = shape[:-1], "".join(f", {size}" for size in shape[:-1])
        if array.shape[1:] == labels:
            return self._labels(array, classes, where)
        if array.shape[1:] != shape:
            advice = ""
            if array.shape[1:] == (*labels, 1):
                advice = f" Flatten the labels: y.reshape({', '.join(map(str, (-1, *labels)))})."
            elif labels and array.ndim == 1:
                advice = " For one label an example, put LastStep() or Flatten() before the last Dense."
            raise ModelError(
                f"{where}: expected labels [n{axes}] or probabilities [n{axes}, {classes}], got an array of shape "
                f"{array.shape}.{advice}"
            )
        array = super().targets(array, shape, dtype, where)
        if array.min() < 0 or np.abs(array.reshape(-1, classes).sum(axis=1) - 1.0).max() > 1e-3:
            raise ModelError(f"{where}: expected probabilities: not negative, with a sum of 1 in each row.")
        return array

    def _labels(self, array: NDArray[Any], classes: int, where: str) -> NDArray[Any]:
        if array.dtype.kind not in "ui":
            raise ModelError(
                f"{where}: expected whole numbers as labels, got {array.dtype}. Convert them: y.astype('int64')."
            )
        array = np.require(array, np.int64, ["C", "A", "W"])
        ignore = self._ignored(array)
        wrong = ((array < 0) | (array >= classes)) & (array != ignore)
        if wrong.any():
            first = np.argwhere(wrong)[0]
            besides = "" if ignore == NO_LABEL else f", or {ignore} for none"
            raise ModelError(
                f"{where}: expected labels from 0 to {classes - 1}, for a model with {classes} outputs{besides}, "
                f"got {array[tuple(first)]} at {first.tolist()}."
            )
        if ignore != NO_LABEL and (array == ignore).all():
            raise ModelError(f"{where}: expected at least one label, got nothing but {ignore}, which is ignored.")
        return array

    def bind(self, backend: Backend, dtype: str, targets: NDArray[Any], outputs: int) -> Compute:
        """The kernel for labels, or the one for probabilities."""
        kernels = backend.kernels
        weights = backend.from_numpy(np.array(self.class_weights or (), dtype))
        smoothing = float(self.label_smoothing)
        options: tuple[float, ...] = (smoothing, self._ignored(targets))
        kernel = kernels.cross_entropy
        if targets.dtype != np.int64:
            kernel, options = kernels.cross_entropy_probabilities, (smoothing,)

        def compute(totals: Array, losses: Array, dz: Array, z: Array, y: Array, mask: Array) -> None:
            kernel(totals, losses, dz, z, y, mask, weights, *options)

        return compute


class BinaryCrossEntropy(Loss):
    """-t log sigmoid(z) - (1 - t) log(1 - sigmoid(z)) for logits z, the mean over outputs and examples.

    Targets: 0 or 1, or probabilities between; [n, outputs], or [n] for one output.
    """

    name = "binary_cross_entropy"
    kernel = "binary_cross_entropy"
    classifies = True
    binary = True
    not_after = ("sigmoid", "softmax")

    def targets(self, y: Any, shape: Shape, dtype: str, where: str = "y") -> NDArray[Any]:
        """`dtype` [n, outputs], in 0 .. 1."""
        array = super().targets(y, shape, dtype, where)
        if array.min() < 0 or array.max() > 1:
            raise ModelError(
                f"{where}: expected numbers from 0 to 1 for binary_cross_entropy, got {array.min():g} to "
                f"{array.max():g}."
            )
        return array


class MeanSquaredError(Loss):
    """(z - t)^2, the mean over outputs and examples."""

    name = "mse"
    kernel = "mean_squared_error"


class MeanAbsoluteError(Loss):
    """|z - t|, the mean over outputs and examples."""

    name = "mae"
    kernel = "mean_absolute_error"


class Huber(Loss):
    """(z - t)^2 / 2 up to a distance of `delta`, linear beyond; the mean over outputs and examples."""

    name = "huber"
    kernel = "huber"

    def __init__(self, delta: float = 1.0) -> None:
        check_number("Huber", "delta", delta, 0.0, open_ends=True)
        self.delta = delta

    def bind(self, backend: Backend, dtype: str, targets: NDArray[Any], outputs: int) -> Compute:
        """The kernel with its `delta`."""
        kernel, delta = backend.kernels.huber, float(self.delta)

        def compute(totals: Array, losses: Array, dz: Array, z: Array, y: Array, mask: Array) -> None:
            kernel(totals, losses, dz, z, y, mask, delta)

        return compute


LOSSES: dict[str, type[Loss]] = {
    kind.name: kind for kind in (CrossEntropy, BinaryCrossEntropy, MeanSquaredError, MeanAbsoluteError, Huber)
}
CLASSES = {kind.__name__: kind for kind in LOSSES.values()}


def get(choice: Loss | str | Mapping[str, Any]) -> Loss:
    """A loss by name or from its configuration; a loss itself is passed through."""
    if isinstance(choice, Mapping):
        return from_config("loss", CLASSES, choice)
    return choose("loss", Loss, LOSSES, choice)


def _numbers(y: Any, where: str) -> NDArray[Any]:
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ModelError(f"{where}: expected an array of numbers, got rows of different lengths.") from error
    if array.dtype.kind not in "uifb" or array.ndim == 0:
        raise ModelError(f"{where}: expected an array of numbers, got {array.dtype} of shape {array.shape}.")
    if len(array) == 0:
        raise ModelError(f"{where}: expected at least one target, got none.")
    return array.astype(np.uint8) if array.dtype.kind == "b" else array
