"""What `test_simd.py` runs in a process of its own, where other vector widths are in force: `python -m ... UNIT`.

Exits with a message at the first difference. Not collected by pytest.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from numbanet.kernels.codes import RELU, SIGMOID, TANH
from numbanet.kernels.cpu.simd import UNIT

from .helpers import DTYPES, Out, assert_within, both, eps, out
from .test_conv import ADVERSARIAL, problem
from .test_conv import check as check_conv
from .test_dense import check_backward, check_forward
from .test_gemm import operands
from .test_pool import Problem as Pooling
from .test_pool import check as check_pool
from .test_vectormath import float64_samples, worst

# Tiles of this unit are 6 or 8 rows by 2 registers: 4 to 32 columns.
SIZES = (0, 1, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 19, 24, 25, 31, 32, 33)
DEPTHWISE = ("depthwise", "depthwise, stride 2", "depthwise, dilated, multiplied")
SHAPES = [
    *((s, 9, 11) for s in SIZES), *((9, s, 11) for s in SIZES), *((19, 33, s) for s in (*SIZES, 511, 512, 513)),
    *((25, n, 21) for n in (47, 48, 49, 95, 96, 97, 200)), (390, 201, 520), (37, 301, 53),
]  # fmt: skip


def check_gemm(dtype: Any) -> None:
    rng = np.random.default_rng(26)
    for trans_a, trans_b in ((False, False), (True, False), (False, True), (True, True)):
        for m, n, k in SHAPES:
            c, a, b = operands(rng, m, n, k, trans_a, trans_b, dtype, whole=True)
            for accumulate in (False, True):
                output = Out(c) if accumulate else out((m, n), dtype)
                [(got, want)] = both("gemm", output, a, b, trans_a, trans_b, accumulate)
                np.testing.assert_array_equal(got, want, err_msg=f"{m} x {n} x {k}")


def check_dense() -> None:
    rng = np.random.default_rng(27)
    x, w, b, dy = (rng.standard_normal(s).astype(np.float32) for s in ((37, 50), (50, 29), 29, (37, 29)))
    for activation in (RELU, SIGMOID, TANH):
        check_forward(x, w, b, activation)
    check_backward(x, w, dy, bias=True)


def check_convolutions() -> None:
    for name in ("cnn, first", "rgb, 7x7, stride 2", "resnet, stride 2", "groups of odd sizes", "a row", *DEPTHWISE):
        check_conv(ADVERSARIAL[name], np.float32)
    for filters in (16, 32, 48):  # Winograd's way, by tiles of both widths
        check_conv(problem(2, (14, 11), 32, filters, (3, 3), padding="same"), np.float32)
    for size in SIZES[1:]:
        check_conv(problem(2, (5, size), 3, 9, (3, 3), padding="same"), np.float32)
        check_conv(problem(2, (5, 6), size, 9, (3, 3)), np.float32)
        check_conv(problem(2, (5, 6), 3, size, (3, 3), (1, 2)), np.float32)


def check_pooling() -> None:
    for channels in SIZES[1:]:
        for kernel, stride in ((2, 2), (3, 2), (3, 3)):
            check_pool(Pooling((2, 7, 6, channels), kernel, stride, (1, 0, 0, 1)), np.float32)
            check_pool(Pooling((2, 7, 6, channels), kernel, stride), np.float64)


def check_vectormath() -> None:
    """Without fused multiply-add, too: an old processor, or one that LLVM is told nothing about."""
    bits = np.arange(0, 2**32, 20_011, dtype=np.uint64).astype(np.uint32)
    x = bits.view(np.float32)
    with np.errstate(all="ignore"):
        print(worst("exp", x, np.exp(x.astype(np.float64))))
        print(worst("tanh", x, np.tanh(x.astype(np.float64))))
        x = float64_samples("exp")[::10]
        [(got, want)] = both("exp", out(x.size, np.float64), x)
    assert_within(got, want, 3 * eps(np.float64) * want + 1e-323)


if __name__ == "__main__":
    assert UNIT.name == sys.argv[1], f"the vector unit in use is {UNIT.name}"
    for dtype in DTYPES:
        check_gemm(dtype)
    check_dense()
    check_convolutions()
    check_pooling()
    if "vectormath" in sys.argv:
        check_vectormath()
    print("checked", UNIT.name)
