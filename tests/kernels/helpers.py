"""What the kernel tests share: running a kernel and its oracle on the same inputs, and comparing the two."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings

from numbanet.kernels import cpu, reference

DTYPES = (np.float32, np.float64)
ROOT = Path(__file__).parents[2]
GUARD = 67  # elements on either side of an output; odd, so that outputs are not aligned to anything
POISON = 0xDB  # repeated, it is a huge negative number in every float and integer type that no kernel computes

# Examples are bounded so that the whole folder stays under 90 s; a deadline would only measure the machine.
# Hypothesis's own random choice is kept: it finds more over many runs, and prints how to repeat a failure.
adversarial = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@dataclass
class Out:
    """Marks an argument that the kernel writes: its array, or (in place, `+=`) the array's first content."""

    initial: np.ndarray[Any, Any]


def out(shape: int | tuple[int, ...], dtype: Any) -> Out:
    """An output that is only written: full of NaN (or of the poison, for integers) before."""
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8)[...] = POISON
    if np.issubdtype(dtype, np.floating):
        array[...] = np.nan
    return Out(array)


class Guarded:
    """A copy of an array in the middle of a poisoned buffer: `check()` fails if anything beside it was written."""

    def __init__(self, initial: np.ndarray[Any, Any]) -> None:
        self.buffer = np.empty(initial.size + 2 * GUARD, initial.dtype)
        self.buffer.view(np.uint8)[...] = POISON
        self.array = self.buffer[GUARD : GUARD + initial.size].reshape(initial.shape)
        self.array[...] = initial

    def check(self) -> None:
        for side in (self.buffer[:GUARD], self.buffer[len(self.buffer) - GUARD :]):
            assert np.all(side.view(np.uint8) == POISON), "the kernel wrote outside its output"


def both(name: str, *arguments: Any) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Call kernel `name` of the CPU and of the oracle; returns (got, want) for each `Out`, in their order.

    The oracle's outputs are float64. Also checks that the kernel wrote into nothing but its outputs.
    """
    guarded = {i: Guarded(a.initial) for i, a in enumerate(arguments) if isinstance(a, Out)}
    before = {i: a.tobytes() for i, a in enumerate(arguments) if isinstance(a, np.ndarray)}
    getattr(cpu, name)(*(guarded[i].array if i in guarded else a for i, a in enumerate(arguments)))
    for output in guarded.values():
        output.check()
    for i, content in before.items():
        assert arguments[i].tobytes() == content, f"{name} changed its input, argument {i}"
    wanted = {i: widen(arguments[i].initial) for i in guarded}
    getattr(reference, name)(*(wanted[i] if i in guarded else a for i, a in enumerate(arguments)))
    return [(guarded[i].array, wanted[i]) for i in guarded]


def widen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy; of floats, in float64."""
    return array.astype(np.float64 if np.issubdtype(array.dtype, np.floating) else array.dtype)


def assert_within(got: Any, want: Any, bound: Any, what: str = "") -> None:
    """|got - want| <= bound, element by element; NaN and infinities must stand in the same places."""
    got, want = np.asarray(got), np.asarray(want, np.float64)
    assert got.shape == want.shape
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = want.astype(got.dtype)
        special = ~np.isfinite(rounded)
        np.testing.assert_array_equal(got[special], rounded[special], err_msg=what)
        difference = np.abs(got.astype(np.float64) - want)
        excess = np.where(special, -1.0, difference - bound)
        excess = np.where(np.isnan(excess), np.inf, excess)  # NaN in place of a number
    if excess.size and excess.max() > 0:
        at = np.unravel_index(np.argmax(excess), got.shape)
        allowed = np.broadcast_to(bound, got.shape)[at]
        raise AssertionError(
            f"{what} at {tuple(map(int, at))} of {got.shape}: got {got[at]!r}, want {want[at]!r}, "
            f"allowed difference {allowed:.3g}; {np.count_nonzero(excess > 0)} elements are off"
        )


def eps(dtype: Any) -> float:
    """The distance from 1 to the next number: twice the largest relative error of one rounding.

    For float64 doubled: there the oracle rounds as often, and as coarsely, as the kernel.
    """
    return float(np.finfo(dtype).eps) * (2 if dtype == np.float64 else 1)


def tiny(dtype: Any) -> float:
    """The smallest denormal: an absolute error no rounding near zero can avoid."""
    return float(np.finfo(dtype).smallest_subnormal)


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, from the repository's root."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def assert_succeeded(process: subprocess.CompletedProcess[str]) -> None:
    """Show what a process that failed (or crashed: a negative return code is a signal) had to say."""
    assert process.returncode == 0, f"exit code {process.returncode}\n{process.stdout}\n{process.stderr}"


def normal(rng: np.random.Generator, shape: int | Sequence[int], dtype: Any) -> np.ndarray[Any, Any]:
    """Standard normal numbers."""
    return rng.standard_normal(shape).astype(dtype)
