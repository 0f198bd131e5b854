"""What is measured beside the loss. A metric adds up over batches and is read once.

Accuracy costs nothing where the loss counts correct predictions anyway; any other metric works on each
batch's outputs, on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import choose
from numbanet.losses import Loss
from numbanet.training.metrics.base import Metric
from numbanet.training.metrics.classification import F1, Accuracy, ClassMetric, Precision, Recall, TopK
from numbanet.training.metrics.regression import R2, Error
from numbanet.training.metrics.report import ClassReport, confusion_matrix

__all__ = [
    "F1",
    "METRICS",
    "R2",
    "Accuracy",
    "ClassMetric",
    "ClassReport",
    "Error",
    "Metric",
    "Metrics",
    "Precision",
    "Recall",
    "TopK",
    "confusion_matrix",
]

METRICS: dict[str, Any] = {
    "accuracy": Accuracy,
    "top3": partial(TopK, 3),
    "top5": TopK,
    "precision": Precision,
    "recall": Recall,
    "f1": F1,
    "mae": partial(Error, "mae"),
    "mse": partial(Error, "mse"),
    "r2": R2,
}


class Metrics:
    """The loss and the metrics of one pass over data, as a dict of numbers."""

    def __init__(self, chosen: Sequence[Metric | str] | None, loss: Loss, outputs: int) -> None:
        if isinstance(chosen, (str, Metric)):
            chosen = [chosen]
        if chosen is None:
            chosen = ["accuracy"] if loss.classifies else []
        found = [choose("metric", Metric, METRICS, metric) for metric in chosen]
        for metric in found:
            metric.check(loss, outputs)
        # Read from the loss's own count.
        self._counted = loss.classifies and any(type(metric) is Accuracy for metric in found)
        self.others = [m for m in found if not (loss.classifies and type(m) is Accuracy)]
        self._loss = loss

    def reset(self) -> None:
        """Start again."""
        for metric in self.others:
            metric.reset()

    def update(self, z: NDArray[Any], y: NDArray[Any], mask: NDArray[Any]) -> None:
        """Take in a batch, in the loss's rows; to be called only where there are `others`."""
        weighs = self._loss.weighs(y, mask)
        y = y.reshape(-1) if y.dtype.kind == "i" else y.reshape(z.shape)
        if weighs is not None:
            z, y = z[weighs], y[weighs]
        for metric in self.others:
            metric.update(z, y)

    def results(self, totals: NDArray[np.float64]) -> dict[str, float]:
        """`loss` and each metric; `totals` as the losses' kernels add them up."""
        loss, weights, correct, examples = (float(number) for number in totals)
        results = {"loss": loss / weights if weights else float("nan")}
        if self._counted:
            results["accuracy"] = correct / max(1.0, examples)
        return results | {metric.name: metric.result() for metric in self.others}
