"""Kernels that take memory for a thread of their own do not use it after it has been given back."""

from __future__ import annotations

import sys

import pytest

from .helpers import assert_succeeded, run_python

RUN = """
import numpy as np
from tests.kernels.cases import cases
from tests.kernels.helpers import Out, both
for name, arguments in cases(np.float64):
    if name.startswith(("conv2d", "dense", "gemm")):
        scratch = (Out(arguments[-1]),) if name.startswith("conv2d") else ()  # written, and of no interest
        outputs = both(name, *arguments[: len(arguments) - len(scratch)], *scratch)
        for got, want in outputs[: len(outputs) - len(scratch)]:
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-7, err_msg=name)
print("the same")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="MALLOC_PERTURB_ is glibc's")
def test_memory_is_in_use_until_the_end() -> None:
    process = run_python(RUN, MALLOC_PERTURB_="165")  # freed memory is overwritten at once
    assert_succeeded(process)
    assert "the same" in process.stdout
