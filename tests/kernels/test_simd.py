"""The kernels for narrower vector units than this machine's, each forced in a process of its own.

A variant's first run compiles it (10 to 40 seconds); from then on it comes from the cache.
"""

from __future__ import annotations

import pytest

from numbanet.kernels.cpu.simd import UNIT, UNITS, host_features

from .helpers import assert_succeeded, run_python

RUN = "import runpy, sys; sys.argv = ['variant', *sys.argv[1:]]; runpy.run_module('tests.kernels.variant', run_name='__main__')"


def needs(unit: str) -> None:
    if UNITS[unit].feature not in host_features():
        pytest.skip(f"this processor has no {UNITS[unit].feature}")


@pytest.mark.parametrize("unit", ["avx512", "avx2", "sse", "neon"])
def test_forced_width(unit: str) -> None:
    needs(unit)
    if unit == UNIT.name:
        pytest.skip(f"{unit} is what all other tests run on")
    assert_succeeded(run_python(RUN, unit, NUMBANET_SIMD=unit))


def test_a_processor_without_fused_multiply_add() -> None:
    """Plain x86-64 code: neither AVX nor FMA, whatever the host has."""
    needs("sse")
    assert_succeeded(
        run_python(RUN, "sse", "vectormath", NUMBANET_SIMD="sse", NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES="")
    )


@pytest.mark.parametrize("name, says", [("mmx", "Expected one of"), ("neon", "lacks"), ("avx512", "lacks")])
def test_a_width_this_machine_cannot_have(name: str, says: str) -> None:
    if name in UNITS and UNITS[name].feature in host_features():
        pytest.skip(f"this processor has {name}")
    process = run_python("import numbanet.kernels.cpu", NUMBANET_SIMD=name)
    assert process.returncode != 0 and says in process.stderr
