"""Steps of sequences: which are real, and what is left of a sequence without its time. Outputs are overwritten (`=`).

mask   uint8 (n, t), 1 for a real step and 0 for one that only fills up; of size 0 where all are real
"""

from __future__ import annotations

import numpy as np

from numbanet.kernels.codes import LAST_STEP, MEAN_OF_STEPS
from numbanet.kernels.reference.arrays import Array, quiet, wide


def mask_steps(mask: Array, x: Array, value: float) -> None:
    """mask = 0 where all numbers of a step equal `value`, else 1: mask (n, t), x (n, t, f) of any type of number."""
    mask[...] = np.any(x != x.dtype.type(value), axis=2)


def _real_steps(mask: Array, i: int, t: int) -> Array:
    """The numbers of the real steps of example i."""
    return np.flatnonzero(mask[i]) if mask.size else np.arange(t)


@quiet
def pool_steps_forward(y: Array, x: Array, mask: Array, how: int) -> None:
    """The last real step, or the mean or the largest of all real ones: y (n, f), x (n, t, f).

    `how`: LAST_STEP, MEAN_OF_STEPS or MAX_OF_STEPS. An example without real steps gives zeros.
    """
    for i in range(len(x)):
        steps = wide(x[i, _real_steps(mask, i, x.shape[1])])
        if len(steps) == 0:
            y[i] = 0
        elif how == LAST_STEP:
            y[i] = steps[-1]
        else:
            y[i] = np.mean(steps, axis=0) if how == MEAN_OF_STEPS else np.max(steps, axis=0)


@quiet
def pool_steps_backward(dx: Array, dy: Array, x: Array, mask: Array, how: int) -> None:
    """dx (n, t, f) from dy (n, f): of equal largest ones the first takes it all; masked steps get none."""
    dx[...] = 0
    for i in range(len(x)):
        steps = _real_steps(mask, i, x.shape[1])
        if len(steps) == 0:
            continue
        if how == LAST_STEP:
            dx[i, steps[-1]] = dy[i]
        elif how == MEAN_OF_STEPS:
            dx[i, steps] = wide(dy[i]) / len(steps)
        else:
            dx[i, steps[np.argmax(x[i, steps], axis=0)], np.arange(x.shape[2])] = dy[i]
