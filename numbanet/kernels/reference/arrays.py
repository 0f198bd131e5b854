"""What every file of the oracle needs: the array type, and how it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32 or float64, unless a docstring says otherwise

# Infinities and NaN are results like any other here: exp(1000) is inf, and not worth a warning.
quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def wide(array: Array) -> NDArray[np.float64]:
    """The array in float64: everything is computed there and rounded once, into the output."""
    return np.asarray(array, dtype=np.float64)
