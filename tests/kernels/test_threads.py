"""Every kernel gives the same bits for any number of threads, and the same bits each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest

from numbanet.kernels import cpu, reference

from .cases import cases
from .helpers import DTYPES, Out


@pytest.fixture
def threads() -> Iterator[int]:
    """How many there are, at most; the number in use is put back afterwards."""
    before = numba.get_num_threads()
    yield numba.config.NUMBA_NUM_THREADS
    numba.set_num_threads(before)


def bits(name: str, arguments: tuple[Any, ...]) -> list[bytes]:
    """The outputs of one call."""
    values = [a.initial.copy() if isinstance(a, Out) else a for a in arguments]
    getattr(cpu, name)(*values)
    return [v.tobytes() for v, a in zip(values, arguments, strict=True) if isinstance(a, Out)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_for_any_number_of_threads(dtype: Any, threads: int) -> None:
    if threads < 2:
        pytest.skip("this machine has one processor")
    for name, arguments in cases(dtype):
        numba.set_num_threads(1)
        alone = bits(name, arguments)
        for count in {2, 3, threads} & set(range(threads + 1)):
            numba.set_num_threads(count)
            assert bits(name, arguments) == alone, f"{name} with {count} threads"
            assert bits(name, arguments) == alone, f"{name} again with {count} threads"


def test_every_kernel_has_a_case() -> None:
    named = {name for name, _ in cases(np.float32)}
    assert named == {name for name in reference.__all__ if callable(getattr(reference, name))}
