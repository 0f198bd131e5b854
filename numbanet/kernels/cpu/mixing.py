"""Training examples mixed in pairs: mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899).

Example i of a batch of n pairs with example n - 1 - i: the batch is shuffled, so this is as random as any other
pairing, and both are done in place. What a pair gets is a hash of (seed, step, pair): the threads do not matter.

x and t are read and overwritten (`=`), shares are overwritten (`=`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from numbanet.kernels.cpu.augment import GOLDEN, image_key, whole
from numbanet.kernels.cpu.dropout import mix, stream_keys
from numbanet.kernels.cpu.elementwise import is_small
from numbanet.kernels.jit import exact_helper, helper, kernel, serial_kernel
from numbanet.kernels.mixing import CENTRE_X, CENTRE_Y, KIND, SHARE, STREAM


@helper
def bits_for(use, key):
    """32 random bits of a pair for one use."""
    return np.int32(mix(np.uint32(key + np.uint32(np.uint32(use) * GOLDEN))))


@exact_helper
def quantile(table, bits):
    """A random number of the distribution with these evenly spaced quantiles."""
    place = np.float64(np.uint32(bits)) * (2.0**-32 * (table.size - 1))
    below = np.int64(place)
    part = place - below
    return table[below] * (1.0 - part) + table[below + 1] * part


@helper
def blend(a, b, share):
    """a keeps `share` of itself and gets the rest from b, and the other way round."""
    rest = a.dtype.type(1) - share
    for k in range(a.size):
        one, other = a[k], b[k]
        a[k] = share * one + rest * other
        b[k] = share * other + rest * one


@exact_helper
def side(length, share):
    """The side of a rectangle of this form that covers 1 - share of the image."""
    return np.int64(math.floor(length * math.sqrt(1.0 - share) + 0.5))


@helper
def exchange(a, b, shape, share, key):
    """A rectangle at random changes places; returns the share of an image that stays."""
    height, width, channels = shape
    high, wide = side(height, share), side(width, share)
    top = whole(bits_for(CENTRE_Y, key), height) - high // 2
    left = whole(bits_for(CENTRE_X, key), width) - wide // 2
    first, last = max(top, 0), min(top + high, height)
    begin, end = max(left, 0), min(left + wide, width)
    for row in range(first, last):
        for k in range((row * width + begin) * channels, (row * width + end) * channels):
            one = a[k]
            a[k] = b[k]
            b[k] = one
    return 1.0 - (last - first) * (end - begin) / (height * width)


@helper
def mix_pair(x, shares, pair, shape, mixup, cutmix, key):
    """Pair number `pair`."""
    a, b = x[pair], x[x.shape[0] - 1 - pair]
    cuts = cutmix.size > 0 and (mixup.size == 0 or bits_for(KIND, key) < 0)
    bits = bits_for(SHARE, key)
    if cuts:
        share = x.dtype.type(exchange(a, b, shape, quantile(cutmix, bits), key))
    else:
        share = x.dtype.type(quantile(mixup, bits))
        blend(a, b, share)
    shares[pair] = share
    shares[x.shape[0] - 1 - pair] = share


@kernel
def mix_pairs(x, shares, shape, mixup, cutmix, seed, step):
    """Mix examples i and n - 1 - i; shares[i]: how much of example i is its own afterwards.

    x (n, height * width * channels), shares (n,) of its type; shape (height, width, channels). mixup and cutmix:
    quantiles of the shares' distributions, float64, as `beta_quantiles` gives them, of which one may be empty; of two,
    each pair gets one or the other. seed an int64, step int64 [1]. The middle of an odd batch stays as it is.
    """
    n = x.shape[0]
    if x.shape[1] != shape[0] * shape[1] * shape[2] or shares.size != n:
        raise ValueError("mix_pairs: x must be (n, height * width * channels) and shares (n,)")
    if mixup.size == 1 or cutmix.size == 1 or mixup.size + cutmix.size == 0:
        raise ValueError("mix_pairs: a table of quantiles has two entries at least, and one table must be there")
    multiplier, offset = stream_keys(np.int64(seed), step[0], np.int64(STREAM))
    if n % 2:
        shares[n // 2] = 1
    if is_small(x.size):
        for pair in range(n // 2):
            mix_pair(x, shares, pair, shape, mixup, cutmix, image_key(pair, multiplier, offset))
        return
    for index in prange(n // 2):
        pair = np.int64(index)
        mix_pair(x, shares, pair, shape, mixup, cutmix, image_key(pair, multiplier, offset))


@serial_kernel
def blend_pairs(t, shares):
    """The same for targets: t[i] = shares[i] * t[i] + (1 - shares[i]) * t[n - 1 - i]; t (n, outputs), shares (n,)."""
    n = t.shape[0]
    if shares.size != n:
        raise ValueError("blend_pairs: shares must be (n,) for t (n, outputs)")
    for pair in range(n // 2):
        blend(t[pair], t[n - 1 - pair], shares[pair])
