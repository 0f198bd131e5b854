"""A loss at work on a model's outputs."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from numbanet.backend import Array
from numbanet.layers.base import size
from numbanet.losses import Loss
from numbanet.model import Sequential


class Objective:
    """Outputs, targets and mask cut into the rows that the loss takes: `steps` of one example, with `columns` each.

    `targets`: such as come, as `Loss.targets` makes them; only their kind counts.
    """

    def __init__(self, model: Sequential, loss: Loss, targets: Array) -> None:
        self.steps = loss.steps(model.output_shape, model.masks_outputs)
        self.columns = size(model.output_shape) // self.steps
        self._model = model
        self._compute = loss.bind(model.backend, model.dtype, targets, self.columns)
        self._as_it_is = len(model.output_shape) == 1 and self.steps == 1
        self._rows = (-1, self.columns)
        self._target_rows = (-1,) if targets.dtype.kind == "i" else self._rows

    def losses(self, n: int) -> Array:
        """Room for the losses of `n` examples."""
        return self._model.backend.empty((n * self.steps,), self._model.dtype)

    def __call__(self, totals: Array, losses: Array, dz: Array, z: Array, y: Array) -> Array:
        """Run the kernel after a forward pass that gave z; `dz` shaped like z, or (0, 0) for none.

        Returns z in rows, [n * steps, columns].
        """
        if not self._as_it_is:
            z, y = z.reshape(self._rows), y.reshape(self._target_rows)
            dz = dz.reshape(self._rows) if dz.size else dz
        self._compute(totals, losses, dz, z, y, self._model.mask)
        return z


def mean(totals: NDArray[Any]) -> float:
    """The mean loss of what has added up; NaN where nothing weighed anything."""
    return float(totals[0] / totals[1]) if totals[1] else float("nan")
