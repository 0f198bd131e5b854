"""The order in which examples are seen: a function of (number of examples, seed, epoch) alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHUFFLE = 0x5F0F  # tells these random numbers from others with the same seed


def order(n: int, seed: int, epoch: int, shuffle: bool = True) -> NDArray[np.int64]:
    """The rows of epoch `epoch` (from 0), int64 [n]: a permutation, or 0 .. n - 1 where not to shuffle."""
    if not shuffle:
        return np.arange(n, dtype=np.int64)
    return np.random.default_rng([SHUFFLE, seed, epoch]).permutation(n)


def batches(rows: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """`rows` cut into batches (views), the last one smaller where the number does not divide."""
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
