"""What this machine can do at most, measured: arithmetic in registers, and streaming arrays from and to memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import DTypeLike

from numbanet.kernels.cpu import simd
from numbanet.kernels.cpu.gemm import tile_full
from numbanet.kernels.cpu.microkernel import ROWS, VECTORS
from numbanet.kernels.cpu.simd import UNIT

STEPS = 20_000  # of the tile's loop over k in a task
TASKS = 4  # for each thread
STREAMED = 1 << 27  # bytes of an array: far more than a cache holds
REPEATS = 7  # the best of them: nothing makes a machine faster than it is


@dataclass(frozen=True)
class Peak:
    """The most that the threads in use reach together: operations/s of one type, and bytes/s from and to memory."""

    operations: float
    bytes: float


pointer: Any = simd.pointer  # typed as what it is to Numba's compiler


@numba.njit(parallel=True, nogil=True)
def multiply_in_registers(c: Any, a: Any, b: Any, tasks: int, steps: int) -> None:
    """Each task: `steps` times the same multiply-adds of the micro-kernel's tile, on operands that stay in L1."""
    for task in numba.prange(tasks):
        i = np.int64(task)
        tile_full(pointer(c[i]), c.shape[2], pointer(a), 1, 0, pointer(b), 0, steps, c.shape[1], c.shape[2], False)


@numba.njit(parallel=True, nogil=True)
def add(z: Any, x: Any, y: Any, parts: int) -> None:
    """z = x + y, each thread a part: one of STREAM's ways to measure memory (McCalpin, 1995)."""
    for part in numba.prange(parts):
        i = np.int64(part)
        start, stop = x.size * i // parts, x.size * (i + 1) // parts
        total, one, other = z[start:stop], x[start:stop], y[start:stop]
        for j in range(total.size):
            total[j] = one[j] + other[j]


@numba.njit(parallel=True, nogil=True, fastmath=True)
def read(sums: Any, x: Any, parts: int) -> None:
    """sums[i] = the sum of part i of x, each thread a part: nothing to write."""
    for part in numba.prange(parts):
        i = np.int64(part)
        mine, total = x[x.size * i // parts : x.size * (i + 1) // parts], 0.0
        for j in range(mine.size):
            total += mine[j]
        sums[i] = total


def measure(dtype: DTypeLike, threads: int) -> Peak:
    """The peak of `threads` threads, which are to be those in use. Takes some 2 seconds, with the compilation."""
    dtype = np.dtype(dtype)
    width = VECTORS * UNIT.bytes // dtype.itemsize
    tasks = TASKS * threads
    c, a, b = np.zeros((tasks, ROWS, width), dtype), np.ones(ROWS, dtype), np.ones(width, dtype)
    work = 2.0 * ROWS * width * STEPS * tasks
    x, y, z = np.ones((3, STREAMED // 8))
    return Peak(
        operations=work / _best(lambda: multiply_in_registers(c, a, b, tasks, STEPS)),
        bytes=max(
            3.0 * x.nbytes / _best(lambda: add(z, x, y, threads)),
            1.0 * x.nbytes / _best(lambda: read(z, x, threads)),
        ),
    )


def _best(call: Callable[[], object]) -> float:
    """The shortest time of a call, in seconds."""
    times = []
    for _ in range(REPEATS + 1):  # the first compiles
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times[1:])
