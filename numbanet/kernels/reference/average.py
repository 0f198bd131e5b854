"""Running averages. a is read and overwritten (`=`)."""

from __future__ import annotations

from numbanet.kernels.reference.arrays import Array, quiet, wide


@quiet
def average(a: Array, b: Array, rate: float) -> None:
    """a = a + rate * (b - a); b itself for a rate of 1. a and b flat."""
    if a.size != b.size:
        raise ValueError("average: a and b differ in size")
    a[...] = b if rate == 1 else wide(a) + rate * (wide(b) - wide(a))
