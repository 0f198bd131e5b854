"""What the kernels that mix examples share: their random numbers, and tables of distributions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STREAM = 0xB1E4D000  # tells these random numbers from those of layers and of augmentation
# Which of a pair's random numbers is for what; a new use never changes the others' numbers.
SHARE, KIND, CENTRE_X, CENTRE_Y = range(4)

TABLE = 1025  # quantiles of a distribution, evenly spaced, from 0 to 1
GRID = 20_001


def beta_quantiles(alpha: float) -> NDArray[np.float64]:
    """The quantiles of Beta(alpha, alpha), float64 [TABLE]; none, [0], for alpha 0.

    In place of x stands t = log(x / (1 - x)), in which the density, (x (1 - x)) ** alpha, is smooth for any alpha.
    """
    if alpha == 0:
        return np.empty(0)
    end = 40.0 / alpha + 10.0 / np.sqrt(alpha)
    t = np.linspace(-end, end, GRID)
    # log(x (1 - x)) = -|t| - 2 log(1 + e^-|t|): no overflow, however long the tails.
    density = np.exp(alpha * (-np.abs(t) - 2.0 * np.log1p(np.exp(-np.abs(t))) + 2.0 * np.log(2.0)))
    total = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    where = np.interp(np.linspace(0.0, 1.0, TABLE), total / total[-1], t)
    return np.asarray(np.where(where < 0, np.exp(np.minimum(where, 0)), 1.0) / (1.0 + np.exp(-np.abs(where))))
