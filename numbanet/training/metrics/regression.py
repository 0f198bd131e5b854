"""How far off numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import ModelError
from numbanet.losses import Loss
from numbanet.training.metrics.base import Metric


class Error(Metric):
    """The mean absolute ("mae") or the mean squared error ("mse"), whatever the loss."""

    def __init__(self, kind: str = "mae") -> None:
        super().__init__()
        if kind not in ("mae", "mse"):
            raise ModelError(f"Error: kind: expected mae or mse, got {kind!r}.")
        self.kind = kind

    @property
    def name(self) -> str:
        """`mae` or `mse`."""
        return self.kind

    def check(self, loss: Loss, outputs: int) -> None:
        """Needs targets that are numbers."""
        _check_numbers(self.name, loss)

    def scores(self, z: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """The mean over an example's outputs."""
        difference = np.subtract(z, y, dtype=np.float64)
        result: NDArray[Any] = (np.abs(difference) if self.kind == "mae" else difference**2).mean(axis=1)
        return result


class R2(Metric):
    """1 - (squared errors) / (squared distances from the mean): 1 is perfect, 0 no better than the mean.

    The mean over the outputs; an output whose targets are all the same counts 1 where it is hit, else 0. It must see
    all examples to be one of them: the number of an epoch's training is that of all its batches together.
    """

    name = "r2"

    def __init__(self) -> None:
        super().__init__()
        self._errors = self._mean = self._spread = np.zeros(0)

    def check(self, loss: Loss, outputs: int) -> None:
        """Needs targets that are numbers."""
        _check_numbers(self.name, loss)

    def reset(self) -> None:
        """Start again."""
        super().reset()
        self._errors = self._mean = self._spread = np.zeros(0)

    def update(self, z: NDArray[Any], y: NDArray[Any]) -> None:
        """Add up errors, and merge the batch's mean and spread with those so far (Chan et al. 1979)."""
        y = y.reshape(len(z), -1).astype(np.float64)
        errors = np.square(z - y).sum(axis=0)
        mean, count = y.mean(axis=0), len(y)
        spread = np.square(y - mean).sum(axis=0)
        if self._examples:
            total = self._examples + count
            apart = mean - self._mean
            spread = self._spread + spread + apart**2 * (self._examples * count / total)
            errors = self._errors + errors
            mean = self._mean + apart * (count / total)
        self._errors, self._mean, self._spread = errors, mean, spread
        self._examples += count

    def result(self) -> float:
        """The mean over the outputs so far."""
        if not self._examples:
            return 0.0
        flat = self._spread == 0
        ratio = np.divide(self._errors, self._spread, out=(self._errors > 0).astype(np.float64), where=~flat)
        return float(np.mean(1.0 - ratio))


def _check_numbers(name: str, loss: Loss) -> None:
    if loss.classifies:
        raise ModelError(f"metric {name}: expected a loss of regression, got {loss.name}.")
