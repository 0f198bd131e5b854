"""One training step: forward, loss, backward, update.

    step = TrainStep(model, optimizer=Adam(1e-3), loss="cross_entropy")
    loss = step(x, y)

Everything is bound once for each batch size; a step is then a handful of kernel calls with little Python
between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet import losses, optimizers
from numbanet.backend import Array
from numbanet.errors import ModelError
from numbanet.inputs import is_ready
from numbanet.losses import Loss
from numbanet.model import Sequential
from numbanet.optimizers import Optimizer
from numbanet.training.objective import Objective, mean

INT64 = np.dtype(np.int64)


class TrainStep:
    """A training step of `model`; it holds the optimizer's state.

    `optimizer` and `loss` by name or object. `steps`, the length of the run, is for schedules that need it.
    `totals` float64 [4] adds up, over all steps since it was last zeroed: the weighted losses, the weights,
    the correct predictions and the examples.
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer | str = "adam",
        loss: Loss | str = "cross_entropy",
        *,
        steps: int | None = None,
    ) -> None:
        self.model = model
        self.loss = losses.get(loss)
        self.loss.check_outputs(model.output_shape, model.output_function)
        self.updater = optimizers.get(optimizer).start(model.arena, model.backend, steps)
        model.loss = self.loss
        self.totals = model.backend.zeros((4,), np.float64)
        self._own_totals = model.backend.zeros((4,), np.float64)
        self._target_type: np.dtype[Any] | None = None
        self._target_axes = 0
        self._batch = 0

    def __call__(self, x: Any, y: Any) -> float:
        """Train on the batch x [n, *input_shape], y; return its mean loss before the update.

        `y` as the loss takes it: labels [n], or of sequences [n, time], or targets shaped like the outputs. Raises
        `ModelError`.
        """
        model = self.model
        ready = self.loss.name == "cross_entropy" and is_ready(y, model.output_shape[:-1], INT64)
        targets = y if ready else self.targets(y)
        if len(targets) != len(x):
            raise ModelError(f"y: expected as many targets as examples, {len(x)}, got {len(targets)}.")
        x = model.enter(x)
        totals, self.totals = self.totals, self._own_totals
        totals_now = self.totals
        totals_now[:] = 0.0
        try:
            self.run(x, model.backend.from_numpy(targets))
        except ValueError:  # the kernel met a label out of range: say which
            self.targets(y)
            raise
        finally:
            self.totals = totals
        totals += totals_now
        return mean(model.backend.to_numpy(totals_now))

    def targets(self, y: Any, where: str = "y") -> NDArray[Any]:
        """`y` checked and converted for the loss."""
        return self.loss.targets(y, self.model.output_shape, self.model.dtype, where)

    def run(self, x: Array, y: Array) -> Array:
        """The step on arrays of the device that are ready, with no checks; returns the outputs in the loss's rows."""
        model = self.model
        n = len(x)
        model.bind(n)
        if n != self._batch or y.ndim != self._target_axes or y.dtype != self._target_type:
            self._bind(n, y)
        model.step[0] += 1
        z = model.run_forward(x, True)
        z = self._objective(self.totals, self._losses, self._dz, z, y)
        model.run_backward(self._dz)
        self.updater()
        return z

    def _bind(self, n: int, y: Array) -> None:
        model = self.model
        self._objective = Objective(model, self.loss, y)
        self._losses = self._objective.losses(n)
        self._dz = model.backend.empty((n, *model.output_shape), model.dtype)
        self._batch, self._target_axes, self._target_type = n, y.ndim, y.dtype
