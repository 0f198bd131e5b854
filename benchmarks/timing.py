"""Timing contenders against each other, in turn, in one process.

Machines drift: another tenant, a hotter core, a lower clock. So contenders take turns in short rounds, each round
gives one ratio, and what is quoted is the median of the ratios. Each turn begins with a pause, in which the threads of
the contender before stop spinning (OpenBLAS's take some 30 ms), and with calls that are not timed.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

Call = Callable[[], object]


@dataclass
class Result:
    """Seconds per call of one contender, one figure a round."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.seconds)


def take_turns(contenders: dict[str, Call], rounds: int, seconds: float, warm: float = 0.02) -> dict[str, Result]:
    """Time each contender for about `seconds` in each of `rounds` rounds."""
    calls = {}
    for name, call in contenders.items():
        call()
        start = time.perf_counter()
        call()
        calls[name] = max(1, int(seconds / max(1e-7, time.perf_counter() - start)))
    results = {name: Result([]) for name in contenders}
    for round_number in range(rounds):
        order = list(contenders)
        if round_number % 2:
            order.reverse()
        for name in order:
            call = contenders[name]
            time.sleep(0.05)
            until = time.perf_counter() + warm
            while time.perf_counter() < until:
                call()
            start = time.perf_counter()
            for _ in range(calls[name]):
                call()
            results[name].seconds.append((time.perf_counter() - start) / calls[name])
    return results


def ratio(slower: Result, faster: Result) -> float:
    """How many times faster `faster` is: the median over the rounds of the ratio in each."""
    return statistics.median(a / b for a, b in zip(slower.seconds, faster.seconds, strict=True))


def keep_freed_memory() -> None:
    """Have glibc keep what is freed, as it does in any training that has run for a while.

    Operations that take memory for their result, as PyTorch's do, have it from the system at each call otherwise, page
    by page, which costs more than many an operation. glibc stops that once a block as large as this has been freed.
    """
    bytearray(31 << 20)


def describe_machine() -> str:
    """Processor, cores and versions, for the head of a table."""
    processor = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    versions = []
    for package in ("numba", "numpy", "torch", "jax"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} not installed")
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}; {', '.join(versions)}"
