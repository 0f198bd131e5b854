"""Dropout from a counter-based generator: the mask is a function, not a stream.

Element i is kept or dropped by a hash of (seed, step, stream, i). So the mask is the same for any number of
threads and on any device, it need not be stored, and the backward pass is the same call on the gradient.

Output overwritten (`=`). Srivastava et al., JMLR 15 (2014); the hash's mixer is Chris Wellons' lowbias32, found by
exhaustive search for low bias.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import chunks, is_small, span
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


@kernel
def dropout(y, x, rate, seed, step, stream):
    """y = x / (1 - rate), or 0 with probability `rate` (0 <= rate < 1).

    y, x flat, up to 2^32 elements; seed an int64, step int64 [1], stream a number that differs from layer to layer.
    """
    if y.size != x.size:
        raise ValueError("dropout: y and x differ in size")
    multiplier, offset = stream_keys(np.int64(seed), step[0], np.int64(stream))
    threshold = np.uint32(min(rate * 4294967296.0, 4294967295.0))
    scale = x.dtype.type(1.0 / (1.0 - rate))
    if is_small(x.size):
        keep_or_drop(y, x, np.int64(0), multiplier, offset, threshold, scale)
        return
    for index in prange(chunks(x.size)):
        start, stop = span(index, x.size)
        keep_or_drop(y[start:stop], x[start:stop], start, multiplier, offset, threshold, scale)
