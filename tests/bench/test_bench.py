"""Measuring kernels: every kernel has a workload that the oracle confirms, and a wrong kernel is not timed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numbanet import backend as backends
from numbanet.bench import assembly, workloads
from numbanet.bench.measure import difference, measure
from numbanet.errors import BenchError
from numbanet.kernels import cpu

from .shapes import small_shape

FAMILIES = {family.kernels[0]: family for family in workloads.FAMILIES}


def test_every_kernel_can_be_measured() -> None:
    kernels = {name for name in cpu.__all__ if hasattr(getattr(cpu, name), "py_func")}
    assert sorted(workloads.known()) == sorted(kernels)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_workloads_agree_with_the_oracle(family: workloads.Family, dtype: str) -> None:
    for workload in family.workloads(small_shape(family), dtype):
        difference(workload, backends.get("cpu"))


class Wrong:
    """A namespace of kernels that forget to work."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def test_a_wrong_kernel_is_not_timed() -> None:
    backend = replace(backends.HostBackend("cpu", Wrong()))
    with pytest.raises(BenchError, match=r"gemm 3x4x5 on cpu: argument 0 differs from the oracle"):
        measure(workloads.workload("gemm", (3, 4, 5), "float32"), backend, 1)


def test_figures_of_a_measurement() -> None:
    found = measure(workloads.workload("gemm", (64, 64, 64), "float32"), backends.get("cpu"), 2)
    assert found.seconds > 0
    assert found.operations_per_second * found.seconds == pytest.approx(2 * 64**3)
    assert found.bytes_per_second * found.seconds == pytest.approx(3 * 4 * 64**2)


def test_a_shape_of_other_axes_is_refused() -> None:
    with pytest.raises(BenchError, match=r"shape 3x4: expected 3 numbers for gemm, mxkxn, as in 128x784x128"):
        workloads.workload("gemm", (3, 4), "float32")


def test_an_array_counts_once() -> None:
    x = np.zeros(10)
    assert workloads.Workload("exp", (10,), "float64", (x, x)).bytes == 80


X86 = """
outer:
\tmovq\t%rax, %rbx
.LBB0_1:
\tvmovups\t(%rsi), %zmm1
\tvfmadd231ps\t(%rdi), %zmm1, %zmm0
\tvmovups\t%zmm0, 64(%rsp)
\tjne\t.LBB0_1
.LBB0_2:
\tvaddss\t(%rsi), %xmm0, %xmm0
\tjne\t.LBB0_2
\tjne\touter
"""
ARM = """
.LBB0_1:
\tldr\tq1, [x0]
\tfmla\tv0.4s, v1.4s, v2.4s
\tb.ne\t.LBB0_1
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [(X86, assembly.Loop(4, 1, 1, 512)), (ARM, assembly.Loop(3, 1, 0, 128)), ("nothing:\n\tret\n", None)],
)
def test_the_inner_loop_is_found(text: str, expected: assembly.Loop | None) -> None:
    assert assembly.inner_loop(assembly.Code("f", "", text)) == expected


def test_scalar_loops_are_known_as_such() -> None:
    assert [loop.vector_bits for loop in assembly.loops(X86)] == [512, 0]


def test_code_of_a_kernel_and_of_what_it_shares() -> None:
    codes = assembly.compiled(cpu.gemm, workloads.workload("gemm", (8, 8, 8), "float32").arguments)
    assert [code.name for code in codes] == ["gemm", "multiply_block"]
    found = assembly.inner_loop(codes[1])
    assert found is not None and found.multiply_adds >= 8 and found.vector_bits >= 128
