"""The gradients of attention, with the weights computed once more, block by block, from the sums that forward kept.

With S = exp(q k.T / sqrt(size) - lse), the weights, and dS = S (dy v.T - the row's sum of dy y):

    dv = S.T dy      dq = dS k / sqrt(size)      dk = dS.T q / sqrt(size)

A unit of work is one head of keys and values of one example, with all the query heads that share it: so no two threads
add to one gradient, and any number of them gives the same bits.

Outputs are overwritten (`=`), in the columns of their heads alone: so dq and dkv may be one array. Shapes: dq like q,
dkv like kv, dy like y; see `attention` for the others.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu import registers
from numbanet.kernels.cpu.attention import check
from numbanet.kernels.cpu.attentionblock import (
    LOG2_E,
    SERIAL_WORK,
    clear,
    copy_rows,
    drop,
    hide,
    multiply_tiles,
    padded,
)
from numbanet.kernels.cpu.dropout import stream_keys, threshold_of
from numbanet.kernels.cpu.gemm import pack_panel
from numbanet.kernels.cpu.microkernel import VECTORS
from numbanet.kernels.cpu.simd import aligned, keep, pointer, shift, vector_lanes
from numbanet.kernels.cpu.vectormath import number
from numbanet.kernels.jit import helper, kernel

QUERIES = 64  # of a block: the depth of the products for dk and dv
KEYS = 64


@helper
def weigh_again(scores, keys, columns, lse, factor):
    """Scores (keys, columns) become weights 2^(factor score - lse); lse in powers of two, one for each query."""
    lanes = vector_lanes(scores)
    scale, minus = registers.fill(scores, factor), registers.fill(scores, -1.0)
    for j in range(0, columns, lanes):
        base = registers.multiply(registers.load(shift(lse, j), lanes), minus)
        for r in range(keys):
            at = shift(scores, r * QUERIES + j)
            registers.store(at, registers.exp2(registers.multiply_add(registers.load(at, lanes), scale, base)), lanes)


@helper
def score_gradients(dscores, weights, keys, columns, delta):
    """dscores (keys, columns): gradients of the weights become those of the scores, weights * (dscores - delta)."""
    lanes = vector_lanes(dscores)
    minus = registers.fill(dscores, -1.0)
    for j in range(0, columns, lanes):
        base = registers.multiply(registers.load(shift(delta, j), lanes), minus)
        for r in range(keys):
            at = shift(dscores, r * QUERIES + j)
            weight = registers.load(shift(weights, r * QUERIES + j), lanes)
            difference = registers.add(registers.load(at, lanes), base)
            registers.store(at, registers.multiply(weight, difference), lanes)


@helper
def dot_rows(dots, a, a_row, b, b_row, rows, size):
    """dots[i] = the sum of a[i] b[i], over rows of `size` numbers."""
    for i in range(rows):
        x, y = shift(a, i * a_row), shift(b, i * b_row)
        total = number(a[0], 0.0)
        for j in range(size):
            total += x[j] * y[j]
        dots[i] = total


@helper
def write_rows(x, x_row, block, wide, rows, size, factor):
    """Some rows of x, x_row apart: their first `size` numbers = block (rows, wide) times `factor`."""
    lanes = vector_lanes(block)
    scale = registers.fill(block, factor)
    for i in range(rows):
        for j in range(0, size, lanes):
            value = registers.multiply(registers.load(shift(block, i * wide + j), lanes), scale)
            registers.store(shift(x, i * x_row + j), value, size - j)


@helper
def attend_backward(dq, dkv, dy, y, lse, q, kv, mask, heads, causal, past, dropping, drop_scale, example, group):
    """All gradients of one head of keys and values of one example."""
    (_, t, q_columns), (_, s, kv_columns), size = q.shape, kv.shape, heads.size
    like, one = pointer(dq), np.int64(1)
    lanes = vector_lanes(like)
    width, wide = VECTORS * lanes, padded(size, lanes)
    workspace = np.empty(4 * s * wide + QUERIES * (3 * wide + 2 * size + 2) + 2 * KEYS * QUERIES + lanes, dq.dtype)
    k = aligned(pointer(workspace))
    v, dk, dv = shift(k, s * wide), shift(k, 2 * s * wide), shift(k, 3 * s * wide)
    queries = shift(k, 4 * s * wide)
    douts, dqueries = shift(queries, QUERIES * wide), shift(queries, 2 * QUERIES * wide)
    queries_turned = shift(queries, 3 * QUERIES * wide)
    douts_turned = shift(queries_turned, QUERIES * size)
    weights = shift(douts_turned, QUERIES * size)
    dscores = shift(weights, KEYS * QUERIES)
    sums = shift(dscores, KEYS * QUERIES)
    delta = shift(sums, QUERIES)

    of_kv = example * s * kv_columns + group * size
    copy_rows(k, wide, shift(pointer(kv), of_kv + heads.k), kv_columns, s, size)
    copy_rows(v, wide, shift(pointer(kv), of_kv + heads.v), kv_columns, s, size)
    clear(dk, 2 * s * wide)
    inverse_root = dq.dtype.type(1.0 / np.sqrt(size))
    factor = dq.dtype.type(LOG2_E / np.sqrt(size))
    share, y_columns = heads.heads // heads.kv_heads, heads.heads * size
    for head in range(group * share, (group + 1) * share):
        for i in range(0, t, QUERIES):
            rows = min(QUERIES, t - i)
            columns = padded(rows, width)
            at_q = (example * t + i) * q_columns + heads.q + head * size
            at_y = (example * t + i) * y_columns + head * size
            copy_rows(queries, wide, shift(pointer(q), at_q), q_columns, rows, size)
            copy_rows(douts, wide, shift(pointer(dy), at_y), y_columns, rows, size)
            pack_panel(queries_turned, columns, queries, one, wide, size, rows)
            pack_panel(douts_turned, columns, douts, one, wide, size, rows)
            dot_rows(delta, douts, wide, shift(pointer(y), at_y), y_columns, rows, size)
            for j in range(rows):
                logarithm = lse[example, head, i + j] * dq.dtype.type(LOG2_E)
                sums[j] = logarithm if logarithm > dq.dtype.type(-np.inf) else dq.dtype.type(0)
            for j in range(rows, columns):
                sums[j] = dq.dtype.type(0)
                delta[j] = dq.dtype.type(0)
            clear(dqueries, rows * wide)
            seen = min(s, past + i + rows) if causal else s
            for first in range(0, seen, KEYS):
                keys = min(KEYS, seen - first)
                k_part, v_part = shift(k, first * wide), shift(v, first * wide)
                multiply_tiles(
                    weights, QUERIES, k_part, wide, one, queries_turned, columns, keys, columns, size, 0
                )  # fmt: skip
                lead = first - past - i if causal else -s - t
                real = mask[example, first : first + keys] if mask.size else mask.reshape(-1)
                hide(weights, QUERIES, keys, columns, lead, real)
                weigh_again(weights, keys, columns, sums, factor)
                multiply_tiles(
                    dscores, QUERIES, v_part, wide, one, douts_turned, columns, keys, columns, size, 0
                )  # fmt: skip
                if dropping[2] > 0:
                    place = ((example * heads.heads + head) * t + i) * s + first
                    drop(dscores, QUERIES, keys, columns, place, s, 1, dropping, drop_scale)
                score_gradients(dscores, weights, keys, columns, delta)
                if dropping[2] > 0:
                    drop(weights, QUERIES, keys, columns, place, s, 1, dropping, drop_scale)
                multiply_tiles(
                    shift(dv, first * wide), wide, weights, QUERIES, one, douts, wide, keys, wide, rows, 1
                )  # fmt: skip
                multiply_tiles(
                    shift(dk, first * wide), wide, dscores, QUERIES, one, queries, wide, keys, wide, rows, 1
                )  # fmt: skip
                multiply_tiles(dqueries, wide, dscores, one, QUERIES, k_part, wide, rows, wide, keys, 1)
            write_rows(shift(pointer(dq), at_q), q_columns, dqueries, wide, rows, size, inverse_root)
    write_rows(shift(pointer(dkv), of_kv + heads.k), kv_columns, dk, wide, s, size, inverse_root)
    write_rows(shift(pointer(dkv), of_kv + heads.v), kv_columns, dv, wide, s, size, dq.dtype.type(1))
    keep(workspace)


@kernel
def attention_backward(dq, dkv, dy, y, lse, q, kv, mask, heads, causal, past, rate, seed, step, stream):
    """dq and dkv of `attention_forward`, from the y and the lse that it gave for the same arguments."""
    check(y, lse, q, kv, mask, heads)
    if dq.shape != q.shape or dkv.shape != kv.shape or dy.shape != y.shape:
        raise ValueError("attention_backward: dq, dkv and dy must have the shapes of q, kv and y")
    n, t, s = q.shape[0], q.shape[1], kv.shape[1]
    multiplier, offset = stream_keys(np.int64(seed), step[0], np.int64(stream))
    dropping, drop_scale = (multiplier, offset, threshold_of(rate)), y.dtype.type(1.0 / (1.0 - rate))
    units = n * heads.kv_heads
    if n * t * s * heads.heads * heads.size < SERIAL_WORK:
        for unit in range(units):
            attend_backward(
                dq, dkv, dy, y, lse, q, kv, mask, heads, causal, past, dropping, drop_scale, unit // heads.kv_heads,
                unit % heads.kv_heads,
            )  # fmt: skip
        return
    for index in prange(units):
        unit = np.int64(index)  # prange counts in uint64, and uint64 with int64 makes float64
        attend_backward(
            dq, dkv, dy, y, lse, q, kv, mask, heads, causal, past, dropping, drop_scale, unit // heads.kv_heads,
            unit % heads.kv_heads,
        )  # fmt: skip
