"""Scaled dot-product attention, many heads at once: y = softmax(q k.T / sqrt(size)) v, in memory linear in the length.

The scores of a head are (t, s), too many to be kept. A block of them at a time is computed, made into weights and
multiplied with the values while it is in the cache; when a later block has a larger score, what has added up so far is
scaled down (the online softmax). Kept for the backward pass is one number a row, the logarithm of its sum.
Dao et al., "FlashAttention" (arXiv 2205.14135); Milakov and Gimelshein (arXiv 1805.02867).

All outputs are overwritten (`=`). Shapes, with `heads` a kernels.heads.Heads:

    q (n, t, columns), kv (n, s, columns): projections that hold the heads, often the same array
    y (n, t, heads * size), lse (n, heads, t)
    mask uint8 (n, s), 0 for a key that only fills up; or of size 0

With `causal`, query i sees the keys up to past + i. A query that sees no key gets zeros, and -inf for its lse.
Dropout on the weights has the mask of `dropout` for an array (n, heads, t, s); a rate of 0 is none.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu import registers
from numbanet.kernels.cpu.attentionblock import (
    LOG2_E,
    SERIAL_WORK,
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
from numbanet.kernels.cpu.vectormath import log_normal
from numbanet.kernels.jit import helper, kernel

KEYS = 128  # of a block
UNITS = 64  # pieces of work, at least, where there are as many panels of queries: enough for the threads of any machine


@helper
def check(y, lse, q, kv, mask, heads):
    """Raise unless the shapes fit."""
    (n, t, columns), (_, s, kv_columns) = q.shape, kv.shape
    if heads.heads <= 0 or heads.kv_heads <= 0 or heads.size <= 0 or heads.heads % heads.kv_heads:
        raise ValueError("attention: heads, kv_heads and size must be positive, heads a multiple of kv_heads")
    if heads.q + heads.heads * heads.size > columns or min(heads.q, heads.k, heads.v) < 0:
        raise ValueError("attention: the heads of q lie beyond its columns")
    if max(heads.k, heads.v) + heads.kv_heads * heads.size > kv_columns:
        raise ValueError("attention: the heads of k or v lie beyond the columns of kv")
    if kv.shape[0] != n or y.shape != (n, t, heads.heads * heads.size) or lse.shape != (n, heads.heads, t):
        raise ValueError("attention: the shapes of y (n, t, heads * size), lse (n, heads, t), q and kv do not fit")
    if mask.size and mask.shape != (n, s):
        raise ValueError("attention: mask must be (n, s), one for each key, or of size 0")


@helper
def weigh(scores, keys, top, total, rescale, factor):
    """Scores (keys, a panel wide) become weights 2^(factor score - top).

    top and total, one for each query, take in the block: the largest factor * score so far, and the sum of the
    weights. `rescale`: what the sums over earlier blocks are to be multiplied with.
    """
    lanes = vector_lanes(scores)
    row = VECTORS * lanes
    scale, zero, minus = registers.fill(scores, factor), registers.fill(scores, 0.0), registers.fill(scores, -1.0)
    nothing = registers.fill(scores, -np.inf)
    for j in range(0, row, lanes):
        before = registers.load(shift(top, j), lanes)
        largest = before
        for r in range(keys):
            score = registers.load(shift(scores, r * row + j), lanes)
            largest = registers.larger(registers.multiply(score, scale), largest)
        # A query that has seen no key yet has weights of 2^(-inf - 0).
        base = registers.multiply(registers.choose(registers.same(largest, nothing), zero, largest), minus)
        shrunk = registers.exp2(registers.add(before, base))
        added = registers.multiply(registers.load(shift(total, j), lanes), shrunk)
        for r in range(keys):
            at = shift(scores, r * row + j)
            weight = registers.exp2(registers.multiply_add(registers.load(at, lanes), scale, base))
            registers.store(at, weight, lanes)
            added = registers.add(added, weight)
        registers.store(shift(top, j), largest, lanes)
        registers.store(shift(total, j), added, lanes)
        registers.store(shift(rescale, j), shrunk, lanes)


@helper
def scale_rows(block, rows, wide, factors):
    """Each row of block (rows, wide) times its factor."""
    lanes = vector_lanes(block)
    for i in range(rows):
        factor = registers.fill(block, factors[i])
        for j in range(0, wide, lanes):
            at = shift(block, i * wide + j)
            registers.store(at, registers.multiply(registers.load(at, lanes), factor), lanes)


@helper
def attend(y, lse, q, kv, mask, heads, causal, past, dropping, drop_scale, example, head, part, parts):
    """The panels part, part + parts, ... of one head of one example: all of a kind, also where many see few keys."""
    (_, t, q_columns), (_, s, kv_columns), size = q.shape, kv.shape, heads.size
    like = pointer(y)
    lanes = vector_lanes(like)
    width, wide = VECTORS * lanes, padded(size, lanes)
    workspace = np.empty(2 * s * wide + width * (size + KEYS + wide + 3) + lanes, y.dtype)
    k = aligned(pointer(workspace))
    v = shift(k, s * wide)
    queries = shift(v, s * wide)
    weights = shift(queries, size * width)
    sums = shift(weights, KEYS * width)
    top = shift(sums, width * wide)
    total, rescale = shift(top, width), shift(top, 2 * width)

    group = head // (heads.heads // heads.kv_heads)
    of_kv, of_q = shift(pointer(kv), example * s * kv_columns), shift(pointer(q), example * t * q_columns)
    copy_rows(k, wide, shift(of_kv, heads.k + group * size), kv_columns, s, size)
    copy_rows(v, wide, shift(of_kv, heads.v + group * size), kv_columns, s, size)
    factor = y.dtype.type(LOG2_E / np.sqrt(size))
    for i in range(part * width, t, parts * width):
        rows = min(width, t - i)
        source = shift(of_q, i * q_columns + heads.q + head * size)
        pack_panel(queries, width, source, np.int64(1), q_columns, size, rows)
        seen = min(s, past + i + rows) if causal else s
        for j in range(width):
            top[j] = y.dtype.type(-np.inf)
            total[j] = y.dtype.type(0)
        for first in range(0, seen, KEYS):
            keys = min(KEYS, seen - first)
            multiply_tiles(
                weights, width, shift(k, first * wide), wide, np.int64(1), queries, width, keys, width, size, 0
            )
            lead = first - past - i if causal else -s - t
            real = mask[example, first : first + keys] if mask.size else mask.reshape(-1)
            hide(weights, width, keys, width, lead, real)
            weigh(weights, keys, top, total, rescale, factor)
            if dropping[2] > 0:
                place = ((example * heads.heads + head) * t + i) * s + first
                drop(weights, width, keys, width, place, s, 1, dropping, drop_scale)
            if first > 0:
                scale_rows(sums, rows, wide, rescale)
            multiply_tiles(
                sums, wide, weights, np.int64(1), width, shift(v, first * wide), wide, rows, wide, keys, first
            )
        finish(y[example, i : i + rows], lse[example, head, i : i + rows], head * size, size, sums, wide, top, total)
    keep(workspace)


@helper
def finish(y, lse, column, size, sums, wide, top, total):
    """y = sums / total, and the logarithm of what all exponentials of a row would add up to."""
    lanes, columns = vector_lanes(sums), y.shape[1]
    for j in range(VECTORS * lanes):
        logarithm = top[j] * y.dtype.type(1 / LOG2_E) + log_normal(total[j])
        empty = total[j] == y.dtype.type(0)
        top[j] = y.dtype.type(-np.inf) if empty else logarithm
        total[j] = y.dtype.type(0) if empty else y.dtype.type(1) / total[j]
    scale_rows(sums, y.shape[0], wide, total)
    for i in range(y.shape[0]):
        lse[i] = top[i]
        out = shift(pointer(y), i * columns + column)
        for j in range(0, size, lanes):
            registers.store(shift(out, j), registers.load(shift(sums, i * wide + j), lanes), size - j)


@kernel
def attention_forward(y, lse, q, kv, mask, heads, causal, past, rate, seed, step, stream):
    """y = dropout(softmax(q k.T / sqrt(size))) v and lse, the logarithm of each row's sum of exponentials."""
    check(y, lse, q, kv, mask, heads)
    n, t, s = q.shape[0], q.shape[1], kv.shape[1]
    multiplier, offset = stream_keys(np.int64(seed), step[0], np.int64(stream))
    dropping, drop_scale = (multiplier, offset, threshold_of(rate)), y.dtype.type(1.0 / (1.0 - rate))
    width = VECTORS * vector_lanes(pointer(y))
    panels = (t + width - 1) // width
    parts = min(panels, max(1, UNITS // max(1, n * heads.heads)))
    units = n * heads.heads * parts
    if n * t * s * heads.heads * heads.size < SERIAL_WORK:
        for unit in range(units):
            attend(
                y, lse, q, kv, mask, heads, causal, past, dropping, drop_scale, unit // (heads.heads * parts),
                unit // parts % heads.heads, unit % parts, parts,
            )  # fmt: skip
        return
    for index in prange(units):
        unit = np.int64(index)  # prange counts in uint64, and uint64 with int64 makes float64
        attend(
            y, lse, q, kv, mask, heads, causal, past, dropping, drop_scale, unit // (heads.heads * parts),
            unit // parts % heads.heads, unit % parts, parts,
        )  # fmt: skip
