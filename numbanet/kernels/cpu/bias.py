"""A bias for each channel and an activation, after a product whose kernel adds none; and the bias's gradient.

`bias_forward` works in place; all other outputs are overwritten (`=`).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.dense import add_bias_and_activate, sum_rows
from numbanet.kernels.cpu.elementwise import CHUNK, is_small
from numbanet.kernels.jit import kernel


@kernel
def bias_forward(y, b, activation):
    """y = activation(y + b), in place: y (n, c), b (c,) or (0,) for none; `activation` one of codes.FUSED."""
    if b.size and b.size != y.shape[1]:
        raise ValueError("bias_forward: the shapes of y (n, c) and b (c,) do not fit")
    if is_small(y.size):
        add_bias_and_activate(y, b, activation)
        return
    height = max(1, CHUNK // y.shape[1])
    for index in prange((y.shape[0] + height - 1) // height):
        first = np.int64(index) * height
        add_bias_and_activate(y[first : first + height], b, activation)


@kernel
def bias_backward(db, partials, dy):
    """db = the sums of dy over all but its last axis: db (c,), dy (n, pixels, c).

    partials (n, c) is scratch: one sum for each example, whatever the number of threads.
    """
    n, _, c = dy.shape
    if db.shape != (c,) or partials.shape != (n, c):
        raise ValueError("bias_backward: the shapes of db (c,), partials (n, c) and dy (n, pixels, c) do not fit")
    if is_small(dy.size):
        for i in range(n):
            sum_rows(partials[i], dy[i])
    else:
        for index in prange(n):
            i = np.int64(index)
            sum_rows(partials[i], dy[i])
    sum_rows(db, partials)
