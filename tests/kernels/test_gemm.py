"""The matrix product: every shape and transposition against the oracle, nothing outside C, no wrong shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, normal, out

# The edges: of tiles (6 or 8 rows; 2 to 32 columns, by unit and type), of packing (18 or 24 rows of C, 6 panels
# of up to 32 columns, 384 rows of A) and of blocks (512 steps of k), each one off in both directions.
EDGES = sorted({e + d for e in (4, 6, 8, 16, 18, 24, 32, 48, 64) for d in (-1, 0, 1)} | {0, 1, 2, 13, 37, 53})
DEEP = (383, 384, 385, 511, 512, 513, 1024, 1025)
WIDE = (191, 192, 193, 200, 257)
TALL = (383, 384, 385, 401)
CASES = [
    *((e, 9, 11) for e in EDGES),
    *((9, e, 11) for e in EDGES),
    *((9, 11, e) for e in EDGES),
    *((10, 33, e) for e in DEEP),
    *((1, 17, e) for e in DEEP),
    *((31, e, 19) for e in WIDE),
    *((e, 35, 19) for e in TALL),
    (1, 1, 1), (1, 1, 0), (0, 0, 0), (0, 5, 0), (37, 301, 53), (385, 193, 513), (390, 450, 30), (1, 401, 401), (401, 1, 401),
]  # fmt: skip


def operands(rng: np.random.Generator, m: int, n: int, k: int, ta: bool, tb: bool, dtype: Any, whole: bool) -> Any:
    """C, A and B. Whole numbers of at most 3 bits make every product and every sum exact."""

    def draw(shape: tuple[int, int]) -> np.ndarray[Any, Any]:
        return rng.integers(-7, 8, shape).astype(dtype) if whole else normal(rng, shape, dtype)

    return draw((m, n)), draw((k, m) if ta else (m, k)), draw((n, k) if tb else (k, n))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trans_a", [False, True])
@pytest.mark.parametrize("trans_b", [False, True])
def test_exact_on_every_edge(dtype: Any, trans_a: bool, trans_b: bool) -> None:
    """Whole numbers leave no tolerance: one product too few, too many or from the wrong place shows."""
    rng = np.random.default_rng(1)
    for m, n, k in CASES:
        c, a, b = operands(rng, m, n, k, trans_a, trans_b, dtype, whole=True)
        for accumulate in (False, True):
            output = Out(c) if accumulate else out((m, n), dtype)
            [(got, want)] = both("gemm", output, a, b, trans_a, trans_b, accumulate)
            np.testing.assert_array_equal(got, want, err_msg=f"{m} x {n} x {k}, accumulate={accumulate}")


sizes = st.one_of(st.sampled_from(EDGES), st.integers(0, 70))


@settings(adversarial, max_examples=150)
@given(m=sizes, n=st.one_of(sizes, st.sampled_from(WIDE)), k=st.one_of(sizes, st.sampled_from(DEEP)),
       trans_a=st.booleans(), trans_b=st.booleans(), accumulate=st.booleans(),
       dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32))  # fmt: skip
def test_rounding_stays_within_its_bound(
    m: int, n: int, k: int, trans_a: bool, trans_b: bool, accumulate: bool, dtype: Any, seed: int
) -> None:
    """Each of the k products and sums is rounded once: |error| <= k u (|A| |B|), u = eps / 2 (Higham, section 3.5).

    The oracle, itself rounded in float64, gets the other half of k eps; 3 more pay for accumulating and the k / 512
    sums over blocks.
    """
    rng = np.random.default_rng(seed)
    c, a, b = operands(rng, m, n, k, trans_a, trans_b, dtype, whole=False)
    output = Out(c) if accumulate else out((m, n), dtype)
    [(got, want)] = both("gemm", output, a, b, trans_a, trans_b, accumulate)
    size = np.zeros((m, n))
    reference.gemm(size, np.abs(a), np.abs(b), trans_a, trans_b, False)
    assert_within(got, want, (k + 3) * eps(dtype) * (size + np.abs(c) * accumulate))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(9, 11, 13), (1, 33, 40), (50, 210, 520)])
def test_nan_and_infinity_reach_just_what_depends_on_them(dtype: Any, shape: tuple[int, int, int]) -> None:
    m, n, k = shape
    rng = np.random.default_rng(2)
    for trans_a, trans_b in ((False, False), (True, False), (False, True), (True, True)):
        _, a, b = operands(rng, m, n, k, trans_a, trans_b, dtype, whole=True)
        a[(k - 1, m - 1) if trans_a else (m - 1, k - 1)] = np.nan
        b[(n - 1, 0) if trans_b else (0, n - 1)] = np.inf
        row = a[0] if not trans_a else a[:, 0]
        row[0] = 0  # 0 * inf is NaN: nothing may be skipped for being zero
        [(got, want)] = both("gemm", out((m, n), dtype), a, b, trans_a, trans_b, False)
        assert np.isnan(want[m - 1]).all() and np.isnan(want[0, n - 1])
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_accumulate_what_was_in_c_is_not_read(dtype: Any) -> None:
    """0 * NaN would be NaN; so would a NaN in C when k is 0."""
    for k in (0, 1, 600):
        a, b = np.ones((5, k), dtype), np.ones((k, 7), dtype)
        [(got, _)] = both("gemm", out((5, 7), dtype), a, b, False, False, False)
        np.testing.assert_array_equal(got, k)


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_magnitudes(dtype: Any) -> None:
    """Denormals are not flushed, and an overflow is infinite."""
    smallest, largest = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    a, b = np.full((9, 3), smallest, dtype), np.ones((3, 20), dtype)
    [(got, _)] = both("gemm", out((9, 20), dtype), a, b, False, False, False)
    np.testing.assert_array_equal(got, 3 * smallest)
    with np.errstate(over="ignore"):
        [(got, _)] = both("gemm", out((9, 20), dtype), np.full((9, 3), largest, dtype), b, False, False, False)
    np.testing.assert_array_equal(got, np.inf)


@pytest.mark.parametrize("c, a, b, ta, tb", [
    ((3, 4), (3, 5), (6, 4), False, False),
    ((3, 4), (2, 5), (5, 4), False, False),
    ((3, 4), (3, 5), (5, 3), False, False),
    ((3, 4), (3, 5), (5, 4), True, False),
    ((3, 4), (3, 5), (5, 4), False, True),
    ((3, 4), (3, 5), (5, 4), True, True),
    ((3, 4), (3, 0), (5, 4), False, False),
])  # fmt: skip
@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
def test_shapes_that_do_not_fit(kernels: Any, c: Any, a: Any, b: Any, ta: bool, tb: bool) -> None:
    arrays = [np.ones(shape, np.float32) for shape in (c, a, b)]
    with pytest.raises(ValueError):
        kernels.gemm(*arrays, ta, tb, False)
