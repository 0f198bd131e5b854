"""Dropout with the kernels' mask, bit for bit, on any device. Output overwritten (`=`); y may be x."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.kernels.reference.arrays import Array, quiet, wide

WORD = 0xFFFFFFFF


def mix(x: NDArray[Any]) -> NDArray[Any]:
    """Chris Wellons' lowbias32: scrambles 32 bits, held in 64 so that no product is lost before it is cut."""
    x = x ^ (x >> np.uint64(16))
    x = (x * np.uint64(0x7FEB352D)) & np.uint64(WORD)
    x = x ^ (x >> np.uint64(15))
    x = (x * np.uint64(0x846CA68B)) & np.uint64(WORD)
    return np.asarray(x ^ (x >> np.uint64(16)))


def stream_keys(seed: int, step: int, stream: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The multiplier (odd) and the offset of one layer's mask in one step: 32 bits each."""
    key = np.zeros((), np.uint64)
    for word in (seed & WORD, (seed >> 32) & WORD, step & WORD, (step >> 32) & WORD, stream & WORD):
        key = mix(key ^ np.uint64(word))
    return mix(key ^ np.uint64(0x9E3779B9)) | np.uint64(1), key


@quiet
def dropout(y: Array, x: Array, rate: float, seed: int, step: Array, stream: int) -> None:
    """y = x / (1 - rate), or 0 with probability `rate`; which, is a hash of (seed, step[0], stream, index).

    y, x flat; 0 <= rate < 1; seed and stream int64, step int64[1].
    """
    multiplier, offset = stream_keys(int(seed), int(step[0]), int(stream))
    counter = np.arange(x.size, dtype=np.uint64) & np.uint64(WORD)
    kept = mix((counter * multiplier + offset) & np.uint64(WORD)) >= np.uint64(min(int(rate * 2**32), WORD))
    y[...] = np.where(kept, wide(x) / (1 - rate), 0)


@quiet
def channel_dropout(y: Array, x: Array, rate: float, seed: int, step: Array, stream: int, scratch: Array) -> None:
    """y = x / (1 - rate), or 0 for whole channels of an example: y, x (n, pixels, c); needs no scratch."""
    n, _, channels = x.shape
    kept = np.empty(n * channels)
    dropout(kept, np.ones(n * channels), rate, seed, step, stream)
    kept = kept.reshape(n, 1, channels)
    y[...] = np.where(kept > 0, wide(x) * kept, 0)
