"""What the elementwise kernels share: how a flat array is cut into chunks for the threads.

The cut depends on the size alone, never on the number of threads, and so does every result.
"""

from __future__ import annotations

import numpy as np

from numbanet.kernels.jit import helper

CHUNK = 8192  # elements of a chunk: 32 KB of float32, an L1 cache's worth
SERIAL = 16384  # up to here one thread is done before a second one has started


@helper
def chunks(size):
    """How many chunks to cut `size` elements into: one if they are few."""
    return 1 if size <= SERIAL else (size + CHUNK - 1) // CHUNK


@helper
def span(index, parts, size):
    """The half-open range (start, stop) of chunk `index` of `parts`."""
    if parts == 1:
        return 0, size
    start = np.int64(index) * CHUNK  # prange counts in uint64, and uint64 with int64 makes float64
    return start, min(start + CHUNK, size)
