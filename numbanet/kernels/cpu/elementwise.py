"""What the elementwise kernels share: how a flat array is cut into chunks for the threads.

The cut depends on the size alone, never on the number of threads, and so does every result.
"""

from __future__ import annotations

import numpy as np

from numbanet.kernels.jit import helper

CHUNK = 8192  # elements of a chunk: 32 KB of float32, an L1 cache's worth
SMALL = 16384  # up to here one thread is done before a second one has started


@helper
def is_small(size):
    """Whether to stay on one thread: a parallel loop costs a microsecond or two, and more on a busy machine."""
    return size <= SMALL


@helper
def chunks(size):
    """How many chunks to cut `size` elements into."""
    return (size + CHUNK - 1) // CHUNK


@helper
def span(index, size):
    """The half-open range (start, stop) of chunk `index`."""
    start = np.int64(index) * CHUNK  # prange counts in uint64, and uint64 with int64 makes float64
    return start, min(start + CHUNK, size)
