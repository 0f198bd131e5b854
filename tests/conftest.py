"""Before a whole suite: all kernels, compiled on all cores. One after another they take several minutes more."""

from __future__ import annotations

import pytest

WHOLE = 800  # tests from which on a selection is taken to call nearly all kernels


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile what tests of kernels call, in both types. What is in the cache already costs nothing."""
    if len(session.items) < WHOLE or session.config.option.collectonly:
        return
    from numbanet.bench.workloads import FAMILIES
    from numbanet.kernels import cpu
    from numbanet.kernels.ahead import Rehearsal

    from .bench.shapes import small_shape

    rehearsal = Rehearsal(cpu)
    for family in FAMILIES:
        for dtype in ("float32", "float64"):
            for workload in family.workloads(small_shape(family), dtype):
                getattr(rehearsal, workload.kernel)(*workload.arguments)
    rehearsal.compile()
