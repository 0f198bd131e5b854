"""What the passes of attention share: blocks of scores in which every lane of a register is a query.

Scores are computed turned, keys x queries. The largest score of a query, its sum of weights and its scale are then
numbers in the same lane of three registers: no sum runs along a register, and no row is too short for one. The weights
come out in the order in which the micro-kernel takes either side of the products that follow:

    scores   S.T = K Q.T       Q.T is copied, a panel of queries wide; the rows of K are broadcast
    output   Y   = S   V       A = S by strides, B = V
    backward dV  = S.T dY      A = S.T, B = dY;   dK = dS.T Q and dQ = dS K alike

K and V of a head are copied together first: in a projection its rows lie a power of two apart, where they would share
a few sets of the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from numbanet.kernels.cpu import registers
from numbanet.kernels.cpu.dropout import mix
from numbanet.kernels.cpu.gemm import multiply_panel
from numbanet.kernels.cpu.microkernel import VECTORS
from numbanet.kernels.cpu.simd import shift, vector_lanes
from numbanet.kernels.cpu.vectormath import number
from numbanet.kernels.jit import helper, shared

LOG2_E = 1.4426950408889634
SERIAL_WORK = 50_000  # multiply-adds below which a second thread costs more than it brings


def _multiply_tiles_signature(element: Any) -> Any:
    """The signature of `multiply_tiles` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.void(p, i, p, i, i, p, i, i, i, i, i)


@shared("numbanet_multiply_tiles", _multiply_tiles_signature)
def multiply_tiles(c, c_row, a, a_row, a_col, b, b_row, m, n, k, accumulate):
    """C[0:m, 0:n] (+)= A[0:m, 0:k] @ B[0:k, 0:n], for operands in the cache: `multiply_block` without its copies.

    Rows of B can be read up to the next whole register beyond n.
    """
    width = VECTORS * vector_lanes(c)
    for j in range(0, n, width):
        c_part, b_part, columns = shift(c, j), shift(b, j), min(width, n - j)
        multiply_panel(c_part, c_row, a, a_row, a_col, b_part, b_row, k, m, columns, accumulate != 0)


@helper
def padded(size, unit):
    """The smallest multiple of `unit` that is at least `size`."""
    return (size + unit - 1) // unit * unit


@helper
def copy_rows(block, wide, x, x_row, rows, size):
    """block (rows, wide) = the first `size` numbers of some rows of x, x_row apart; zeros beyond them."""
    lanes = vector_lanes(block)
    for i in range(rows):
        for j in range(0, wide, lanes):
            registers.store(shift(block, i * wide + j), registers.load(shift(x, i * x_row + j), size - j), lanes)


@helper
def clear(block, elements):
    """block[:elements] = 0, elements being a multiple of the lanes."""
    zero, lanes = registers.fill(block, 0.0), vector_lanes(block)
    for j in range(0, elements, lanes):
        registers.store(shift(block, j), zero, lanes)


@helper
def hide(scores, row, keys, columns, lead, mask):
    """Scores (keys, columns) that a query may not see become -inf.

    Query i sees the keys up to i - lead; `mask`, uint8 (keys,) or of size 0, is 0 for a key that no query sees.
    """
    hidden = number(scores[0], -np.inf)
    for r in range(max(0, 1 - lead), keys):
        for i in range(min(columns, r + lead)):
            scores[r * row + i] = hidden
    for r in range(mask.size):
        if mask[r] == 0:
            for i in range(columns):
                scores[r * row + i] = hidden


@helper
def drop(weights, row, keys, columns, first, step, keys_apart, dropping, scale):
    """weights (keys, columns) times `scale`, or 0, as `dropout` does it to the weights (n, heads, t, s) in order.

    `first` is the index of weight (0, 0); the next query's lies `step` further on, the next key's `keys_apart`.
    """
    multiplier, offset, threshold = dropping
    zero, width = number(scale, 0.0), VECTORS * vector_lanes(weights)
    stride = np.uint32(np.uint32(step) * multiplier)
    for r in range(keys):
        start = np.uint32(np.uint32(np.uint32(first + r * keys_apart) * multiplier) + offset)
        for j in range(0, columns, width):
            of_column = np.uint32(start + np.uint32(j) * stride)
            part = shift(weights, r * row + j)
            for i in range(width):
                kept = part[i] * scale
                part[i] = kept if mix(np.uint32(of_column + np.uint32(i) * stride)) >= threshold else zero
