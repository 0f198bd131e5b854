"""What each kernel is called with to be measured: for a shape, arguments, and how much arithmetic that is.

A kernel belongs to a family of kernels that take the same shapes: "n in out" for the dense ones. The families stand
in modules by subject; each adds its own to `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from numbanet.errors import BenchError, unknown_name

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Workload:
    """One call of a kernel: its arguments, and the floating-point operations it takes (0: few for its bytes)."""

    kernel: str
    shape: Shape
    dtype: str
    arguments: tuple[Any, ...]
    operations: float = 0.0

    @property
    def bytes(self) -> int:
        """The size of all arrays, each counted once: what must come from memory or go there."""
        return sum({id(a): a.nbytes for a in self.arguments if isinstance(a, np.ndarray)}.values())


class Arrays:
    """Arrays for arguments: the same numbers each time."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._random = np.random.default_rng(0)

    def normal(self, *shape: int) -> NDArray[Any]:
        """Standard normal numbers."""
        return self._random.standard_normal(shape).astype(self.dtype)

    def uniform(self, *shape: int) -> NDArray[Any]:
        """Numbers from 0 to 1."""
        return self._random.random(shape).astype(self.dtype)

    def zeros(self, *shape: int) -> NDArray[Any]:
        """Zeros: for outputs and scratch."""
        return np.zeros(shape, self.dtype)

    def below(self, bound: int, *shape: int) -> NDArray[Any]:
        """Whole numbers from 0 to bound - 1: labels, rows."""
        return self._random.integers(0, bound, shape)


# From arrays and a shape to the arguments of each kernel of a family, and the operations of one call.
Build = Callable[..., Iterable[tuple[str, tuple[Any, ...], float]]]


@dataclass(frozen=True)
class Family:
    """Kernels that are measured on the same shapes; `axes` names the numbers of a shape."""

    kernels: tuple[str, ...]
    axes: tuple[str, ...]
    shapes: tuple[Shape, ...]
    build: Build

    def check(self, shape: Shape) -> None:
        """Raise `BenchError` for a shape of other axes."""
        if len(shape) != len(self.axes):
            raise BenchError(
                f"shape {text_of(shape)}: expected {len(self.axes)} numbers for {self.kernels[0]}, "
                f"{'x'.join(self.axes)}, as in {text_of(self.shapes[0])}."
            )

    def workloads(self, shape: Shape, dtype: DTypeLike) -> list[Workload]:
        """The calls of all its kernels for one shape. Raises `BenchError` for a shape that does not fit."""
        self.check(shape)
        calls = self.build(Arrays(dtype), *shape)
        return [Workload(name, shape, str(np.dtype(dtype)), arguments, work) for name, arguments, work in calls]


FAMILIES: list[Family] = []


def family(kernels: str, axes: str, *shapes: Shape) -> Callable[[Build], Build]:
    """Add a family: its kernels' names and its axes, each with blanks between them, and the usual shapes."""

    def add(build: Build) -> Build:
        FAMILIES.append(Family(tuple(kernels.split()), tuple(axes.split()), shapes, build))
        return build

    return add


def known() -> list[str]:
    """The names of all kernels that can be measured."""
    return [name for each in FAMILIES for name in each.kernels]


def family_of(kernel: str) -> Family:
    """The family of a kernel. Raises `BenchError` for a name that is none."""
    for each in FAMILIES:
        if kernel in each.kernels:
            return each
    raise BenchError(unknown_name("kernel", kernel, known()))


def workload(kernel: str, shape: Shape | None, dtype: DTypeLike) -> Workload:
    """The call of one kernel for a shape, by default the first of its usual ones."""
    found = family_of(kernel)
    return next(w for w in found.workloads(shape or found.shapes[0], dtype) if w.kernel == kernel)


def text_of(shape: Shape) -> str:
    """(128, 784, 128) -> "128x784x128"."""
    return "x".join(map(str, shape))
