"""Examples mixed in pairs, with the kernels' random numbers. x and t are read and overwritten (`=`), shares (`=`)."""

from __future__ import annotations

import math

import numpy as np

from numbanet.kernels.mixing import CENTRE_X, CENTRE_Y, KIND, SHARE, STREAM
from numbanet.kernels.reference.arrays import Array, quiet, wide
from numbanet.kernels.reference.augment import Random


@quiet
def mix_pairs(
    x: Array, shares: Array, shape: tuple[int, int, int], mixup: Array, cutmix: Array, seed: int, step: Array
) -> None:
    """Mix examples i and n - 1 - i of x (n, f); shares[i]: how much of example i is its own afterwards.

    mixup and cutmix: quantiles of the shares' distributions, of which one may be empty.
    """
    shares[...] = 1
    for pair in range(len(x) // 2):
        random, other = Random(int(seed), int(step[0]), pair, STREAM), len(x) - 1 - pair
        cuts = cutmix.size and (not mixup.size or random.either_way(KIND, 1) < 0)
        table = cutmix if cuts else mixup
        share = float(np.interp(float(random.bits(SHARE)) * 2.0**-32, np.linspace(0, 1, table.size), table))
        a, b = wide(x[pair]).copy(), wide(x[other]).copy()
        kept = np.full(shape, share)
        if cuts:
            high, broad = (math.floor(size * math.sqrt(1 - share) + 0.5) for size in shape[:2])
            top = random.whole(CENTRE_Y, shape[0]) - high // 2
            left = random.whole(CENTRE_X, shape[1]) - broad // 2
            kept = np.ones(shape)
            kept[max(top, 0) : max(top + high, 0), max(left, 0) : max(left + broad, 0)] = 0
            share = float(kept.mean())
        own = kept.reshape(-1)
        # A pixel from one image alone must not be spoiled by an infinity in the other.
        x[pair] = np.where(own == 0, b, np.where(own == 1, a, own * a + (1 - own) * b))
        x[other] = np.where(own == 0, a, np.where(own == 1, b, own * b + (1 - own) * a))
        shares[pair] = shares[other] = share


@quiet
def blend_pairs(t: Array, shares: Array) -> None:
    """t[i] = shares[i] * t[i] + (1 - shares[i]) * t[n - 1 - i]: t (n, outputs), shares (n,)."""
    share = wide(shares)[:, None]
    mixed = share * wide(t) + (1 - share) * wide(t[::-1])
    half, rest = len(t) // 2, (len(t) + 1) // 2
    t[:half], t[rest:] = mixed[:half], mixed[rest:]
