"""What a metric is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import Configurable
from numbanet.losses import Loss


class Metric(Configurable):
    """Base of all metrics: the mean of `scores` over all examples.

    What it adds up is in private attributes, numbers and arrays, which a checkpoint in the middle of an epoch keeps.
    """

    def __init__(self) -> None:
        self._total = 0.0
        self._examples = 0

    @property
    def name(self) -> str:
        """Its key in a history and in the result of `evaluate`."""
        raise NotImplementedError

    def check(self, loss: Loss, outputs: int) -> None:
        """Raise `ModelError` where the metric makes no sense with this loss and so many outputs."""

    def scores(self, z: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """One number an example: z [n, outputs]; y as the loss takes it, labels [n] or [n, outputs].

        Where the loss takes sequences step by step, an example is a real step.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Start again."""
        self._total, self._examples = 0.0, 0

    def update(self, z: NDArray[Any], y: NDArray[Any]) -> None:
        """Take in a batch."""
        self._total += float(self.scores(z, y).sum(dtype=np.float64))
        self._examples += len(z)

    def result(self) -> float:
        """The mean so far."""
        return self._total / max(1, self._examples)
