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

from numbanet.configurable import Configurable, check_whole, choose
from numbanet.errors import ModelError
from numbanet.losses import Loss


class Metric(Configurable):
    """Base of all metrics: the mean of `scores` over all examples."""

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


class Accuracy(Metric):
    """The share of examples whose largest output is the right one; for yes-or-no outputs, of right ones."""

    name = "accuracy"

    def check(self, loss: Loss, outputs: int) -> None:
        """Needs classes."""
        if not loss.classifies and outputs == 1:
            raise ModelError(f"metric accuracy: expected a loss of classification, got {loss.name} on one output.")

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


class Error(Metric):
    """The mean absolute ("mae") or the mean squared error ("mse"), whatever the loss."""

    def __init__(self, kind: str = "mae") -> None:
        super().__init__()
        self.kind = choose_kind(kind)

    @property
    def name(self) -> str:
        """`mae` or `mse`."""
        return self.kind

    def check(self, loss: Loss, outputs: int) -> None:
        """Needs targets that are numbers."""
        if loss.classifies:
            raise ModelError(f"metric {self.name}: expected a loss of regression, got {loss.name}.")

    def scores(self, z: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """The mean over an example's outputs."""
        difference = np.subtract(z, y, dtype=np.float64)
        result: NDArray[Any] = (np.abs(difference) if self.kind == "mae" else difference**2).mean(axis=1)
        return result


def choose_kind(kind: str) -> str:
    """`kind`, if it is one."""
    if kind not in ("mae", "mse"):
        raise ModelError(f"Error: kind: expected mae or mse, got {kind!r}.")
    return kind


METRICS: dict[str, Any] = {
    "accuracy": Accuracy,
    "top5": TopK,
    "mae": partial(Error, "mae"),
    "mse": partial(Error, "mse"),
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
