"""Dropout from a counter-based generator: the mask is a function, not a stream.

Element i is kept or dropped by a hash of (seed, step, stream, i). So the mask is the same for any number of
threads and on any device, it need not be stored, and the backward pass is the same call on the gradient.

Output overwritten (`=`). Srivastava et al., JMLR 15 (2014); the hash's mixer is Chris Wellons' lowbias32, found by
exhaustive search for low bias.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.channels import lay_out, portion, wide_row
from numbanet.kernels.cpu.elementwise import chunks, is_small, span
from numbanet.kernels.geometry import ROW_PARTS
from numbanet.kernels.jit import helper, kernel


@helper
def mix(x):
    """Scramble 32 bits: every input bit changes every output bit with a probability near one half."""
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@helper
def stream_keys(seed, step, stream):
    """Two 32-bit keys, the first odd, for one layer's mask in one step; seed and step are int64."""
    low, high = np.uint32(seed & 0xFFFFFFFF), np.uint32((seed >> 32) & 0xFFFFFFFF)
    key = mix(np.uint32(mix(low) ^ high))
    key = mix(np.uint32(key ^ np.uint32(step & 0xFFFFFFFF)))
    key = mix(np.uint32(key ^ np.uint32((step >> 32) & 0xFFFFFFFF)))
    key = mix(np.uint32(key ^ np.uint32(stream)))
    return np.uint32(mix(np.uint32(key ^ np.uint32(0x9E3779B9))) | np.uint32(1)), key


@helper
def keep_or_drop(y, x, first, multiplier, offset, threshold, scale):
    """One chunk; `first` is the index of its first element."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        counter = np.uint32(np.uint32(first + i) * multiplier)
        y[i] = x[i] * scale if mix(np.uint32(counter + offset)) >= threshold else zero


@helper
def threshold_of(rate):
    """A hash below this is a drop."""
    return np.uint32(min(rate * 4294967296.0, 4294967295.0))


@kernel
def dropout(y, x, rate, seed, step, stream):
    """y = x / (1 - rate), or 0 with probability `rate` (0 <= rate < 1).

    y, x flat, up to 2^32 elements; seed an int64, step int64 [1], stream a number that differs from layer to layer.
    """
    if y.size != x.size:
        raise ValueError("dropout: y and x differ in size")
    multiplier, offset = stream_keys(np.int64(seed), step[0], np.int64(stream))
    threshold = threshold_of(rate)
    scale = x.dtype.type(1.0 / (1.0 - rate))
    if is_small(x.size):
        keep_or_drop(y, x, np.int64(0), multiplier, offset, threshold, scale)
        return
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        keep_or_drop(y[start:stop], x[start:stop], start, multiplier, offset, threshold, scale)


@helper
def keep_or_drop_channels(y, x, first, multiplier, offset, threshold, scale, factors):
    """Some examples, `first` being the number of the first; factors is a wide row, as in `channels`."""
    channels, zero, one = x.shape[2], x.dtype.type(0), x.dtype.type(1)
    for i in range(x.shape[0]):
        factors[:channels] = one
        drawn = factors[:channels]
        keep_or_drop(drawn, drawn, (first + i) * channels, multiplier, offset, threshold, scale)
        lay_out(factors, drawn)
        y_flat, x_flat = y[i].reshape(-1), x[i].reshape(-1)
        for start in range(0, x_flat.size, factors.size):
            out, row = y_flat[start : start + factors.size], x_flat[start : start + factors.size]
            for j in range(row.size):
                kept = row[j] * factors[j]
                out[j] = kept if factors[j] > zero else zero  # 0 times a NaN would be none


@kernel
def channel_dropout(y, x, rate, seed, step, stream, scratch):
    """Whole channels of an example: y[i, :, j] = x[i, :, j] / (1 - rate), or 0 with probability `rate`.

    y, x (n, pixels, c); the mask is that of `dropout` for the n c elements (i, j), and so are the other arguments.
    scratch: geometry.channel_dropout_scratch(c) elements. Tompson et al., arXiv 1411.4280.
    """
    n, _, channels = x.shape
    if y.shape != x.shape or channels == 0:
        raise ValueError("channel_dropout: y and x must have the same shape (n, pixels, c), with c > 0")
    width = wide_row(channels)
    if scratch.size < ROW_PARTS * width:
        raise ValueError("channel_dropout: scratch must have geometry.channel_dropout_scratch(c) elements")
    multiplier, offset = stream_keys(np.int64(seed), step[0], np.int64(stream))
    threshold, scale = threshold_of(rate), x.dtype.type(1.0 / (1.0 - rate))
    factors = scratch[: ROW_PARTS * width].reshape((ROW_PARTS, width))
    if is_small(x.size):
        keep_or_drop_channels(y, x, np.int64(0), multiplier, offset, threshold, scale, factors[0])
        return
    parts = min(ROW_PARTS, n)
    for index in prange(parts):
        i, end = portion(index, parts, n)
        keep_or_drop_channels(y[i:end], x[i:end], i, multiplier, offset, threshold, scale, factors[index])
