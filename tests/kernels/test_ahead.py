"""Kernels compiled ahead, in several processes: what a rehearsal calls is then there for whoever calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import assert_succeeded, run_python

REHEARSE = """
import os, sys
import numpy as np
from numbanet.kernels import cpu, jit
from numbanet.kernels.ahead import Rehearsal

if sys.argv[1] == "alone":
    sys.executable = "false"  # the other processes fail to start
x, y, labels = np.ones((3, 4), np.float32), np.full((3, 4), 7.0, np.float32), np.arange(3)

rehearsal = Rehearsal(cpu)
for _ in range(2):
    rehearsal.bias_forward(y, x[0].copy(), rehearsal.LINEAR)
    rehearsal.gather_labels(labels, labels, labels)
assert (y == 7).all(), "a rehearsal runs no kernel"
assert [name for name, _ in rehearsal.calls] == ["bias_forward", "gather_labels"]
assert not jit.was_compiled(cpu.bias_forward)
rehearsal.compile()
assert jit.was_compiled(cpu.bias_forward) and jit.was_compiled(cpu.gather_labels)

cpu.bias_forward(y, x[0].copy(), cpu.LINEAR)
cpu.gather_labels(labels, labels, labels)
assert (y == 8).all()
"""

USE = """
import numpy as np
from numbanet.kernels import cpu
x, y, labels = np.ones((3, 4), np.float32), np.zeros((3, 4), np.float32), np.arange(3)
cpu.bias_forward(y, x[0].copy(), cpu.LINEAR)
cpu.gather_labels(labels, labels, labels)
for kernel in (cpu.bias_forward, cpu.gather_labels):
    assert not kernel.stats.cache_misses, f"{kernel} was compiled again"
"""


@pytest.mark.parametrize("helpers", ["working", "alone"])
def test_what_was_rehearsed_is_compiled(tmp_path: Path, helpers: str) -> None:
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert_succeeded(run_python(REHEARSE, helpers, **cache))
    assert_succeeded(run_python(USE, **cache))
