"""Building a batch: gathering rows of a data set, and normalization. Outputs are overwritten (`=`)."""

from __future__ import annotations

import numpy as np

from numbanet.kernels.reference.arrays import Array, quiet, wide


def _check_rows(rows: Array, count: int) -> None:
    """NumPy would take -1 for the last row; the kernels know no such thing."""
    if np.any((rows < 0) | (rows >= count)):
        raise IndexError("gather: a row number lies outside the data")


@quiet
def gather(batch: Array, data: Array, rows: Array, scale: float) -> None:
    """batch = data[rows] * scale: batch (n, f), data (N, f), rows int64 (n,).

    Data of uint8 or float make a batch of float; int64 stay what they are.
    """
    _check_rows(rows, len(data))
    batch[...] = wide(data[rows]) * scale


@quiet
def gather_labels(batch: Array, labels: Array, rows: Array) -> None:
    """batch = labels[rows]: batch (n,) and labels (N,) of int64 or float; rows int64 (n,)."""
    _check_rows(rows, len(labels))
    batch[...] = labels[rows]


@quiet
def normalize(y: Array, x: Array, mean: Array, inverse_std: Array) -> None:
    """y = (x - mean) * inverse_std: y, x (n, f); mean, inverse_std (f,)."""
    y[...] = (wide(x) - wide(mean)) * wide(inverse_std)


@quiet
def normalize_backward(dx: Array, dy: Array, inverse_std: Array) -> None:
    """dx = dy * inverse_std: dx, dy (n, f); inverse_std (f,)."""
    dx[...] = wide(dy) * wide(inverse_std)
