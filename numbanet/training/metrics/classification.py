"""How often the right class is found: on the whole, among the first few, and class by class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import check_whole
from numbanet.errors import ModelError
from numbanet.losses import Loss
from numbanet.training.metrics.base import Metric


class Accuracy(Metric):
    """The share of examples whose largest output is the right one; for yes-or-no outputs, of right ones."""

    name = "accuracy"

    def check(self, loss: Loss, outputs: int) -> None:
        """Needs classes."""
        check_classes("accuracy", loss, outputs)

    def scores(self, z: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """1 or 0."""
        result: NDArray[Any] = z.argmax(axis=1) == (y if y.ndim == 1 else y.argmax(axis=1))
        return result


class TopK(Metric):
    """The share of examples whose label is among the `k` largest outputs."""

    def __init__(self, k: int = 5) -> None:
        super().__init__()
        self.k = check_whole("TopK", "k", k, 1)

    @property
    def name(self) -> str:
        """`top5` for k = 5."""
        return f"top{self.k}"

    def check(self, loss: Loss, outputs: int) -> None:
        """Needs at least k classes."""
        if loss.name != "cross_entropy" or outputs < self.k:
            raise ModelError(
                f"metric {self.name}: expected cross_entropy and at least {self.k} outputs, got {loss.name} "
                f"and {outputs}."
            )

    def scores(self, z: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """1 or 0."""
        labels = y if y.ndim == 1 else y.argmax(axis=1)
        own = np.take_along_axis(z, labels[:, None], axis=1)
        result: NDArray[Any] = (z > own).sum(axis=1) < self.k
        return result


class ClassMetric(Metric):
    """Base of what is counted class by class and averaged over the classes that there were, each alike (macro).

    `per_class` has the numbers of all classes. Yes-or-no outputs are a class each, which "no" does not count for; a
    single one is the class "yes".
    """

    def __init__(self) -> None:
        super().__init__()
        self._binary = False
        self._right: NDArray[np.float64] = np.zeros(0)
        self._guessed: NDArray[np.float64] = np.zeros(0)
        self._true: NDArray[np.float64] = np.zeros(0)

    def check(self, loss: Loss, outputs: int) -> None:
        """Needs classes."""
        check_classes(self.name, loss, outputs)
        self._binary = loss.binary

    def reset(self) -> None:
        """Start again."""
        super().reset()
        self._right = self._guessed = self._true = np.zeros(0)

    def update(self, z: NDArray[Any], y: NDArray[Any]) -> None:
        """Count, for each class: how often it was found, guessed and true."""
        guesses, truth = (z > 0, y > 0.5) if self._binary else (_one_hot(z, z.argmax(axis=1)), _one_hot(z, y))
        if self._true.size == 0:
            self._right = self._guessed = self._true = np.zeros(z.shape[1])
        self._right = self._right + (guesses & truth).sum(axis=0)
        self._guessed = self._guessed + guesses.sum(axis=0)
        self._true = self._true + truth.sum(axis=0)

    @property
    def per_class(self) -> NDArray[np.float64]:
        """One number a class; 0 where it would be nothing divided by nothing."""
        raise NotImplementedError

    def result(self) -> float:
        """The mean over the classes that were true or guessed."""
        seen = (self._true > 0) | (self._guessed > 0)
        return float(self.per_class[seen].mean()) if seen.any() else 0.0


class Precision(ClassMetric):
    """Of the examples that were taken for a class, the share that was of it."""

    name = "precision"

    @property
    def per_class(self) -> NDArray[np.float64]:
        """right / guessed."""
        return share(self._right, self._guessed)


class Recall(ClassMetric):
    """Of a class's examples, the share that was found."""

    name = "recall"

    @property
    def per_class(self) -> NDArray[np.float64]:
        """right / true."""
        return share(self._right, self._true)


class F1(ClassMetric):
    """The harmonic mean of precision and recall."""

    name = "f1"

    @property
    def per_class(self) -> NDArray[np.float64]:
        """2 right / (guessed + true)."""
        return share(2 * self._right, self._guessed + self._true)


def check_classes(name: str, loss: Loss, outputs: int) -> None:
    """Raise `ModelError` where outputs are no classes."""
    if not loss.classifies and outputs == 1:
        raise ModelError(f"metric {name}: expected a loss of classification, got {loss.name} on one output.")


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """part / whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _one_hot(z: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    labels = y if y.ndim == 1 else y.argmax(axis=1)
    return np.asarray(labels[:, None] == np.arange(z.shape[1]))
