"""Losses: which targets they take, and which kernel computes them with their gradient.

A loss object is a configuration. `targets` checks and converts what a user hands in, once; `bind` gives the
function that a training step calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from numbanet.backend import Array, Backend
from numbanet.configurable import Configurable, check_number, choose, from_config
from numbanet.errors import ModelError
from numbanet.initializers import Shape

# (totals, losses, dz, z, targets), as the kernels of losses take them; z is [n, features]
Compute: TypeAlias = Callable[[Array, Array, Array, Array, Array], None]


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

    def targets(self, y: Any, shape: Shape, dtype: str, where: str = "y") -> NDArray[Any]:
        """`y` as the kernel takes it, for outputs of `shape`. Raises `ModelError`."""
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
    """-log softmax(z)[label], for logits z [n, classes]; the mean over examples.

    Targets: labels, integers [n], or probabilities [n, classes]. `label_smoothing` mixes the target with the
    uniform distribution (Szegedy et al., arXiv 1512.00567); `class_weights`, one number a class, makes the
    mean a weighted one. Both combine as in PyTorch.
    """

    name = "cross_entropy"
    kernel = "cross_entropy"
    classifies = True
    not_after = ("softmax",)

    def __init__(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> None:
        check_number("CrossEntropy", "label_smoothing", label_smoothing, 0.0, 1.0)
        if class_weights is not None:
            class_weights = tuple(float(weight) for weight in class_weights)
            for weight in class_weights:
                check_number("CrossEntropy", "class_weights", weight, 0.0)
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights

    def check_outputs(self, shape: Shape, function: str) -> None:
        """One vector of at least two logits an example."""
        super().check_outputs(shape, function)
        if len(shape) != 1:
            raise ModelError(
                f"cross_entropy: expected one vector of logits an example, got outputs of shape {shape}. End "
                "the model with Flatten() and Dense(classes)."
            )
        if shape == (1,):
            raise ModelError(
                "cross_entropy: expected at least two outputs, one a class, got one. For yes or no use "
                "binary_cross_entropy."
            )
        if self.class_weights is not None and len(self.class_weights) != shape[0]:
            raise ModelError(
                f"CrossEntropy: class_weights: expected {shape[0]} numbers, one a class, got {len(self.class_weights)}."
            )

    def targets(self, y: Any, shape: Shape, dtype: str, where: str = "y") -> NDArray[Any]:
        """Labels as int64 [n], or probabilities as `dtype` [n, classes]."""
        array, classes = _numbers(y, where), shape[0]
        if array.ndim == 1:
            if array.dtype.kind not in "ui":
                raise ModelError(
                    f"{where}: expected whole numbers as labels, got {array.dtype}. Convert them: y.astype('int64')."
                )
            low, high = int(array.min()), int(array.max())
            if low < 0 or high >= classes:
                raise ModelError(
                    f"{where}: expected labels from 0 to {classes - 1}, for a model with {classes} outputs, "
                    f"got {low if low < 0 else high}."
                )
            return np.require(array, np.int64, ["C", "A", "W"])
        if array.shape[1:] != (classes,):
            advice = " Flatten the labels: y.reshape(-1)." if array.shape[1:] == (1,) else ""
            raise ModelError(
                f"{where}: expected labels [n] or probabilities [n, {classes}], got an array of shape "
                f"{array.shape}.{advice}"
            )
        array = super().targets(array, shape, dtype, where)
        if array.min() < 0 or np.abs(array.sum(axis=1) - 1.0).max() > 1e-3:
            raise ModelError(f"{where}: expected probabilities: not negative, with a sum of 1 in each row.")
        return array

    def bind(self, backend: Backend, dtype: str, targets: NDArray[Any], outputs: int) -> Compute:
        """The kernel for labels, or the one for probabilities."""
        kernels = backend.kernels
        kernel = kernels.cross_entropy if targets.ndim == 1 else kernels.cross_entropy_probabilities
        weights = backend.from_numpy(np.array(self.class_weights or (), dtype))
        smoothing = float(self.label_smoothing)

        def compute(totals: Array, losses: Array, dz: Array, z: Array, y: Array) -> None:
            kernel(totals, losses, dz, z, y, weights, smoothing)

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

        def compute(totals: Array, losses: Array, dz: Array, z: Array, y: Array) -> None:
            kernel(totals, losses, dz, z, y, delta)

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
