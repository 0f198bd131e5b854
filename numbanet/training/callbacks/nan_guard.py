"""Stopping at the first number that is none, before the weights are spoiled, and saying where it came from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import TrainingError
from numbanet.training.callbacks.base import Callback, Progress


class NanGuard(Callback):
    """Ends training with a `TrainingError` before a step whose loss or gradient is NaN or infinite.

    The error names the batch and the layer or the parameter where it began, and says what usually helps. The model
    keeps the weights of the last good step, and `error.history` the epochs done. The price is one pass over the
    gradients a step.
    """

    def on_train_begin(self, progress: Progress) -> None:
        """Look at each step, between the gradients and the update."""
        self._progress, self._steps = progress, 0
        progress.step.updater.before.append(self._check)

    def on_train_end(self, progress: Progress) -> None:
        """No more."""
        updater = progress.step.updater
        updater.before = [act for act in updater.before if act != self._check]

    def _check(self) -> None:
        self._steps += 1
        step, to_numpy = self._progress.step, self._progress.model.backend.to_numpy
        gradients = to_numpy(step.updater.gradients)
        # A sum of squares shows every NaN and infinity in one pass; only where it is neither is more looked at.
        if np.isfinite(to_numpy(step.totals)[0]) and np.isfinite(np.dot(gradients, gradients)):
            return
        if np.isfinite(to_numpy(step.totals)[0]) and np.isfinite(gradients).all():
            return  # the squares overflow, not the gradients
        self._stop()

    def _stop(self) -> None:
        progress = self._progress
        error = TrainingError(
            f"epoch {progress.epoch} of {progress.epochs}, step {self._steps} of this training: "
            f"{self._culprit()}. The weights are those of the step before. What usually helps: a lower learning "
            f"rate (it was {progress.step.updater.next_rate:.3g}) or a longer warm-up; clip_norm=1.0; Normalize() as "
            "the first layer; data without NaN."
        )
        error.history = progress.history
        raise error

    def _culprit(self) -> str:
        """The first layer whose output is not finite; else the last whose gradient is not, where gradients begin."""
        model = self._progress.model
        to_numpy = model.backend.to_numpy
        order = {}
        for number, (layer, output) in enumerate(model.chain.outputs()):
            order[layer.name] = number
            values = to_numpy(output)
            if not np.isfinite(values).all():
                return f"the output of {layer.name} is not finite ({_count(values)}), and neither is the loss"
        bad = [name for name, array in model.gradients().items() if not np.isfinite(to_numpy(array)).all()]
        if not bad:
            return "the loss is not finite, though all outputs and gradients are: the targets may be too large"
        first = max(bad, key=lambda name: order[name.rpartition(".")[0]])
        return f"the gradient of {first} is not finite ({_count(to_numpy(model.gradients()[first]))})"


def _count(values: NDArray[Any]) -> str:
    """ "3 of 100 are NaN or infinite"."""
    return f"{np.count_nonzero(~np.isfinite(values)):,} of {values.size:,} numbers are NaN or infinite"
