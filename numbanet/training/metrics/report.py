"""The confusion matrix, and what follows from it for each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbanet.training.metrics.classification import share


def confusion_matrix(y: NDArray[np.int64], guesses: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts [true class, guessed class] from class numbers [n], both below `classes`."""
    counts = np.bincount(y * classes + guesses, minlength=classes * classes)
    return np.asarray(counts.reshape(classes, classes), np.int64)


@dataclass(frozen=True)
class ClassReport:
    """Precision, recall and F1 of each class, float64 [classes], and how many examples it has, int64 [classes].

    Precision: of the examples taken for the class, the share that is of it; recall: of its examples, the share that was
    found; F1: their harmonic mean. 0 where there was nothing to divide by.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    examples: NDArray[np.int64]
    accuracy: float
    _seen: NDArray[np.bool_]

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> ClassReport:
        """From a confusion matrix."""
        right = np.diag(counts).astype(np.float64)
        guessed, true = counts.sum(axis=0).astype(np.float64), counts.sum(axis=1).astype(np.float64)
        return cls(
            precision=share(right, guessed),
            recall=share(right, true),
            f1=share(2 * right, guessed + true),
            examples=counts.sum(axis=1),
            accuracy=float(right.sum() / max(1, counts.sum())),
            _seen=(guessed > 0) | (true > 0),
        )

    def macro(self, numbers: NDArray[np.float64]) -> float:
        """The mean of one of the three over the classes that were true or guessed."""
        return float(numbers[self._seen].mean()) if self._seen.any() else 0.0
