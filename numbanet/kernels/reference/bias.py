"""A bias for each channel and an activation, after a product whose kernel adds none; and the bias's gradient.

`bias_forward` works in place; all other outputs are overwritten (`=`).
"""

from __future__ import annotations

import numpy as np

from numbanet.kernels.reference.activation import activation_forward
from numbanet.kernels.reference.arrays import Array, quiet, wide


@quiet
def bias_forward(y: Array, b: Array, activation: int) -> None:
    """y = act(y + b), in place: y (n, c), b (c,) or (0,) for none; act one of codes.FUSED."""
    z = wide(y) + (wide(b) if b.size else 0)
    activation_forward(z.reshape(-1), z.reshape(-1), activation, 0.0)
    y[...] = z


@quiet
def bias_backward(db: Array, partials: Array, dy: Array) -> None:
    """db = the sums of dy over all but its last axis; partials, scratch: those of each example.

    db (c,), partials (n, c), dy (n, pixels, c).
    """
    partials[...] = np.sum(wide(dy), axis=1)
    db[...] = np.sum(wide(partials), axis=0)
