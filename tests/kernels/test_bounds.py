"""No kernel of matrices reads or writes a byte beside its arrays, on any vector unit of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from numbanet.kernels.cpu.simd import UNIT, UNITS, host_features

from .helpers import assert_succeeded, run_python

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects pages by Linux's mprotect")
RUN = (
    "import runpy, sys; sys.argv = ['guard_pages', *sys.argv[1:]]; "
    "runpy.run_module('tests.kernels.guard_pages', run_name='__main__')"
)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_python(RUN, *arguments, **environment)


def test_the_guard_catches_one_element_too_many() -> None:
    assert run("crash").returncode == -signal.SIGSEGV


@pytest.mark.parametrize("unit", ["avx512", "avx2", "sse", "neon"])
def test_matrices_between_guarded_pages(unit: str) -> None:
    if UNITS[unit].feature not in host_features():
        pytest.skip(f"this processor has no {UNITS[unit].feature}")
    # Unforced where it is the one in use anyway: it is compiled already.
    process = run(**({} if unit == UNIT.name else {"NUMBANET_SIMD": unit}))
    assert_succeeded(process)
    assert "stayed inside" in process.stdout
