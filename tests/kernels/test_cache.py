"""Compiled kernels on disk are shared by processes that know nothing of each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from numbanet.kernels import cpu
from numbanet.kernels.jit import cache_folder, shared_functions

from .helpers import assert_succeeded, run_python

RACE = """
import os, shutil, sys
import numpy as np
from numbanet.kernels import cpu  # with an empty cache
shutil.copytree(sys.argv[1], os.environ["NUMBA_CACHE_DIR"], dirs_exist_ok=True)  # another process fills it
y, x, w, b = (np.ones(s) for s in ((8, 16), (8, 9), (9, 16), 16))
cpu.dense_forward(y, x, w, b, cpu.LINEAR)
assert (y == 10).all()
cpu.gemm(y, x, w, False, False, False)
assert (y == 9).all()
"""


def test_kernels_that_another_process_compiled_meanwhile(tmp_path: Path) -> None:
    """What a cached kernel calls must be there, though this process did not compile it and did not see it coming.

    Once, a float64 kernel from the cache called a function that only the process which compiled it had.
    """
    y, x, w, b = (np.ones(s) for s in ((8, 16), (8, 9), (9, 16), 16))
    cpu.dense_forward(y, x, w, b, cpu.LINEAR)  # so that the cache has both
    cpu.gemm(y, x, w, False, False, False)
    filled = tmp_path / "filled"
    shutil.copytree(cache_folder(), filled)
    assert_succeeded(run_python(RACE, str(filled), NUMBA_CACHE_DIR=str(tmp_path / "cache")))


def test_shared_functions_are_told_apart_from_helpers_of_the_same_name() -> None:
    """A dense layer's `forward_part` is a helper; that of convolution is shared, and no business of a dense layer."""
    dense = {shared.symbol for shared in shared_functions(cpu.dense_forward.py_func)}
    assert dense == {"numbanet_multiply_block"}
    convolution = {shared.symbol for shared in shared_functions(cpu.conv2d_forward.py_func)}
    assert {"numbanet_forward_part", "numbanet_correlate"} <= convolution  # the second by way of the first
