"""Loss and metrics of a model over a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbanet import losses
from numbanet.configurable import check_whole
from numbanet.data.batches import batches
from numbanet.data.dataset import Dataset
from numbanet.losses import Loss
from numbanet.model import Sequential
from numbanet.training.feed import Feed, examples
from numbanet.training.metrics import Metric, Metrics
from numbanet.training.objective import Objective


def evaluate(
    model: Sequential,
    x: Any,
    y: Any = None,
    *,
    loss: Loss | str | None = None,
    metrics: Sequence[Metric | str] | None = None,
    batch_size: int = 1024,
) -> dict[str, float]:
    """`{"loss": ..., "accuracy": ...}` over all examples; of a data set, over its test part.

    `loss`: by default the one that the model was trained with, or cross-entropy. `metrics`: by default
    accuracy where the loss is one of classification. Raises `ModelError`.
    """
    if isinstance(x, Dataset) and y is None:
        x = x.test
    x, y = examples(x, y)
    return Evaluation(model, x, y, loss, metrics, batch_size).run()


class Evaluation:
    """Data checked once, evaluated as often as wanted."""

    def __init__(
        self,
        model: Sequential,
        x: Any,
        y: Any,
        loss: Loss | str | None,
        metrics: Sequence[Metric | str] | None,
        batch_size: int,
        where: tuple[str, str] = ("x", "y"),
    ) -> None:
        batch_size = check_whole("evaluate", "batch_size", batch_size, 1)
        found = losses.get(loss if loss is not None else model.loss or "cross_entropy")
        found.check_outputs(model.output_shape, model.output_function)
        backend = model.backend
        self._model = model
        self._feed = Feed(model, x, y, found, where)
        self._objective = Objective(model, found, self._feed.targets)
        self._metrics = Metrics(metrics, found, self._objective.columns)
        self._rows = batches(self._feed.order(0, 0, shuffle=False), batch_size)
        self._totals = backend.zeros((4,), np.float64)
        self._losses = {n: self._objective.losses(n) for n in {len(rows) for rows in self._rows}}
        self._no_gradient = backend.empty((0, 0), model.dtype)

    def run(self) -> dict[str, float]:
        """The loss and the metrics, over all batches."""
        model, to_numpy = self._model, self._model.backend.to_numpy
        self._totals[:] = 0.0
        self._metrics.reset()
        for rows in self._rows:
            x, y = self._feed(rows)
            z = model.run_forward(x, False)
            z = self._objective(self._totals, self._losses[len(rows)], self._no_gradient, z, y)
            if self._metrics.others:
                self._metrics.update(to_numpy(z), to_numpy(y), to_numpy(model.mask))
        return self._metrics.results(to_numpy(self._totals))
