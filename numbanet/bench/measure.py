"""Time one kernel: first is checked that it computes what the oracle does, then how long that takes.

Each call works on other arrays than the one before, as many as it takes for none to be left in a cache; the median
of many calls counts.
"""

from __future__ import annotations

import copy
import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.backend import Backend
from numbanet.bench.workloads import Workload, text_of
from numbanet.errors import BenchError
from numbanet.kernels import reference

TOLERANCE = {"float32": 2e-4, "float64": 1e-9}  # of the largest element of an output
MOST_COPIES, MOST_BYTES = 64, 1 << 30  # of a kernel's arguments
SAMPLES, SAMPLE_SECONDS = 15, 0.01
CACHE = 32 << 20  # bytes, where the machine does not say


@dataclass(frozen=True)
class Measurement:
    """`seconds`: the median of a call. `error`: the largest difference from the oracle, over the largest element."""

    workload: Workload
    device: str
    threads: int
    seconds: float
    error: float

    @property
    def operations_per_second(self) -> float:
        """Floating-point operations per second; 0 where they are not what takes the time."""
        return self.workload.operations / self.seconds

    @property
    def bytes_per_second(self) -> float:
        """Bytes of all arrays per second."""
        return self.workload.bytes / self.seconds


def measure(workload: Workload, backend: Backend, threads: int) -> Measurement:
    """Check, then time, a kernel on a device. Raises `BenchError` where its result is wrong."""
    error = difference(workload, backend)
    kernel = getattr(backend.kernels, workload.kernel)
    sets = [_on_device(backend, workload.arguments) for _ in range(_copies(workload.bytes))]
    for arguments in sets:
        kernel(*arguments)
    backend.synchronize()
    calls = 1
    while (seconds := _seconds(backend, kernel, sets, calls)) < SAMPLE_SECONDS:
        calls *= max(2, min(100, math.ceil(SAMPLE_SECONDS / max(seconds, 1e-7))))
    samples = [_seconds(backend, kernel, sets, calls) / calls for _ in range(SAMPLES)]
    return Measurement(workload, backend.name, threads, statistics.median(samples), error)


def difference(workload: Workload, backend: Backend) -> float:
    """How far the kernel is from the oracle in float64. Raises `BenchError` where that is too far."""
    before = [a.astype(np.float64) if _is_float(a) else copy.copy(a) for a in workload.arguments]
    expected = [copy.copy(a) for a in before]
    getattr(reference, workload.kernel)(*expected)
    found = _on_device(backend, workload.arguments)
    getattr(backend.kernels, workload.kernel)(*found)
    backend.synchronize()
    worst = 0.0
    for place, (was, want, got) in enumerate(zip(before, expected, found, strict=True)):
        if not isinstance(want, np.ndarray) or np.array_equal(was, want, equal_nan=want.dtype.kind == "f"):
            continue  # an input, or scratch, which the oracle leaves alone
        result = backend.to_numpy(got)
        error = _distance(result, want)
        if not error <= TOLERANCE[workload.dtype]:
            raise BenchError(
                f"{workload.kernel} {text_of(workload.shape)} on {backend.name}: argument {place} differs from the "
                f"oracle by {error:.1e} of its largest element. It is not timed: this is a bug in numbanet."
            )
        worst = max(worst, error)
    return worst


def _distance(result: NDArray[Any], expected: NDArray[Any]) -> float:
    largest = float(np.abs(expected).max(initial=0.0))
    return float(np.abs(result - expected).max(initial=0.0)) / (largest or 1.0)


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _on_device(backend: Backend, arguments: tuple[Any, ...]) -> list[Any]:
    """Copies of the arguments on the device, at the alignment that its arrays have there."""
    result = []
    for value in arguments:
        if isinstance(value, np.ndarray):
            array = backend.empty(value.shape, value.dtype)
            backend.copy(array, value)
            value = array
        result.append(value)
    return result


def _copies(size: int) -> int:
    """How many sets of arguments fill the largest cache twice, as far as memory allows."""
    wanted = math.ceil(2 * _largest_cache() / max(1, size))
    return max(1, min(wanted, MOST_COPIES, MOST_BYTES // max(1, size)))


def _largest_cache() -> int:
    """Bytes of the processor's last cache."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index3/size").read_text(encoding="ascii").strip()
        return int(text.removesuffix("K")) << 10
    except (OSError, ValueError):
        return CACHE


def _seconds(backend: Backend, kernel: Any, sets: list[list[Any]], calls: int) -> float:
    start = time.perf_counter()
    for i in range(calls):
        kernel(*sets[i % len(sets)])
    backend.synchronize()
    return time.perf_counter() - start
