"""Workloads of attention: causal, its heads in one fused projection."""

from __future__ import annotations

import numpy as np

from numbanet.bench.dense_workloads import Calls
from numbanet.bench.sequence_workloads import NO_MASK
from numbanet.bench.workloads import Arrays, family
from numbanet.kernels import reference
from numbanet.kernels.heads import fused_heads


@family("attention_forward attention_backward", "n steps heads size", (8, 256, 8, 64), (128, 17, 4, 16))
def _attention(a: Arrays, n: int, steps: int, heads: int, size: int) -> Calls:
    width, places = heads * size, fused_heads(heads, heads, size)
    x, dy = a.normal(n, steps, 3 * width), a.normal(n, steps, width)
    y, lse = a.zeros(n, steps, width), a.zeros(n, heads, steps)
    how = (NO_MASK, places, True, 0, 0.0, 0, np.zeros(1, np.int64), 0)
    product = float(n * heads * steps * (steps + 1) * size)  # one of all pairs that see each other
    yield "attention_forward", (np.zeros_like(y), np.zeros_like(lse), x, x, *how), 2 * product
    reference.attention_forward(y, lse, x, x, *how)  # backward starts from what forward gives
    yield "attention_backward", (np.zeros_like(x), np.zeros_like(x), dy, y, lse, x, x, *how), 5 * product
