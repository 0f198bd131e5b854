"""exp, tanh, sigmoid, erf and log1p01: measured in ulp over the whole range of both float types.

An error of n ulp is n times the distance between neighbouring floats at the exact value (never less than the
smallest denormal); 0.5 is what rounding alone costs. `pytest -s` prints the maxima.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, both, out

Array = np.ndarray[Any, Any]
LIMIT = 2.0  # ulp: what the kernels promise
STRIDE = 1021  # a prime: every exponent and 8216 fractions of each, 4 million in all
EXACT = np.longdouble  # the 80-bit float of x86 or the 128-bit one of Arm: an error of at most 2^-11 ulp of float64
HAS_EXACT = np.finfo(EXACT).nmant >= 63
needs_exact = pytest.mark.skipif(not HAS_EXACT, reason="long double is no wider than float64 here")


def exact_sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, x.dtype.type(1)) / (1 + small)


def exact_erf(x: Array) -> Array:
    """erf x = 2 / sqrt(pi) e^(-x^2) x sum (2 x^2)^n / (2n + 1)!!: all terms positive, so nothing cancels."""
    x = np.clip(x, -7, 7)  # 1 - erf 7 = 4e-23
    term = total = x
    for n in range(1, 260):
        term = term * (2 * x * x) / (2 * n + 1)
        total = total + term
    root_pi = np.sqrt(np.arctan(EXACT(1)) * 4)
    return 2 / root_pi * np.exp(-x * x) * total


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": exact_sigmoid,
    "erf": exact_erf,
    "log1p01": np.log1p,
}
# Where float64's interesting values lie; beyond, everything is 0, 1 or infinite.
RANGES = {"exp": (-746, 710), "tanh": (-23, 23), "sigmoid": (-746, 40), "erf": (-6.5, 6.5), "log1p01": (0, 1)}


def errors_in_ulp(got: Array, exact: Array) -> Array:
    """The error of each element. An overflow counts as the first power of two that is out of range."""
    with np.errstate(all="ignore"):
        limit = exact.dtype.type(2.0) ** np.finfo(got.dtype).maxexp
        rounded = np.clip(np.abs(exact), 0, np.finfo(got.dtype).max).astype(got.dtype)
        ulp = np.spacing(rounded).astype(exact.dtype)
        as_exact = np.clip(got.astype(exact.dtype), -limit, limit)
        error = np.abs(as_exact - np.clip(exact, -limit, limit)) / ulp
    return np.where(np.isnan(got) & np.isnan(exact), 0, np.where(np.isnan(error), np.inf, error))


def worst(name: str, x: Array, exact: Array) -> str:
    """Assert the limit; returns a line that says the maximum and where it is."""
    y = np.full_like(x, np.nan)
    getattr(cpu, name)(y, x)
    error = errors_in_ulp(y, exact)
    at = int(np.argmax(error))
    line = f"{name} {x.dtype}: {float(error[at]):.3f} ulp at {x[at]!r} (of {x.size:,} numbers)"
    assert error[at] <= LIMIT, f"{line}: got {y[at]!r}, want {exact[at]!r}"
    return line


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_over_all_bit_patterns(name: str) -> None:
    """Every 1021st float32 there is: both signs, denormals, infinities and NaN included."""
    x = np.arange(0, 2**32, STRIDE, dtype=np.uint64).astype(np.uint32).view(np.float32)
    if name == "log1p01":
        x = x[(x >= 0) & (x <= 1)].copy()
    with np.errstate(all="ignore"):
        exact = np.empty(x.size)
        getattr(reference, name)(exact, x)  # in float64: its own error is 2^-28 ulp of float32
    print("\n" + worst(name, x, exact))


def float64_samples(name: str) -> Array:
    """Both signs of all exponents, evenly many of each; the interesting range densely; the surroundings of 0."""
    rng = np.random.default_rng(3)
    low, high = RANGES[name]
    bits = rng.integers(0, 2**64, 150_000, dtype=np.uint64)
    x = np.concatenate([bits.view(np.float64), rng.uniform(low, high, 150_000), rng.uniform(-1, 1, 50_000)])
    return x[(x >= 0) & (x <= 1)] if name == "log1p01" else x


@needs_exact
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_over_all_exponents(name: str) -> None:
    x = float64_samples(name)
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[name](x.astype(EXACT))
    print("\n" + worst(name, x, exact))


@needs_exact
def test_the_exact_erf_agrees_with_libm() -> None:
    """math.erf is good to 1 ulp, so the yardstick may differ from it by that and no more."""
    x = np.linspace(-6.5, 6.5, 10_001)
    libm = np.array([math.erf(v) for v in x])
    assert errors_in_ulp(libm, exact_erf(x.astype(EXACT))).max() < 1.0


def test_the_measure_sees_errors() -> None:
    one = np.array([1.0, 1.0, np.nan, 1.0, np.inf], np.float32)
    exact = np.array([1.0, 1.0 + 2.0**-22, 1.0, np.nan, 3.0])
    assert errors_in_ulp(one, exact)[:2].tolist() == [0.0, 2.0]
    assert (errors_in_ulp(one, exact)[2:] > 1e6).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype: Any) -> None:
    inf, nan = np.inf, np.nan
    x = np.array([-inf, -0.0, 0.0, inf, nan], dtype)
    wanted = {
        "exp": [0, 1, 1, inf, nan],
        "tanh": [-1, -0.0, 0.0, 1, nan],
        "sigmoid": [0, 0.5, 0.5, 1, nan],
        "erf": [-1, -0.0, 0.0, 1, nan],
    }
    for name, values in wanted.items():
        y = np.full_like(x, 9)
        getattr(cpu, name)(y, x)
        np.testing.assert_array_equal(y, np.array(values, dtype), err_msg=name)
        np.testing.assert_array_equal(np.signbit(y[:4]), np.signbit(np.array(values[:4])), err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_sizes_and_in_place(name: str, dtype: Any) -> None:
    """Every size takes the same path for an element: the vectors, the rest beside them, and the chunks agree."""
    rng = np.random.default_rng(4)
    large = rng.uniform(0, 1, 40_003).astype(dtype)
    [(whole, _)] = both(name, out(large.size, dtype), large)
    for size in (0, 1, 2, 7, 16, 31, 33, 100, 16_384, 16_385, 24_577):
        [(got, _)] = both(name, out(size, dtype), large[:size])
        np.testing.assert_array_equal(got, whole[:size])
    y = large.copy()
    getattr(cpu, name)(y, y)
    np.testing.assert_array_equal(y, whole)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "erf", "log1p01"])
def test_monotonic_where_it_is_pieced_together(name: str, dtype: Any) -> None:
    """Neighbours across the seams (range reduction, saturation, branches) do not step back by more than the error."""
    seams = {"exp": [0.0, math.log(2) / 2, -math.log(2) / 2], "tanh": [0.0, 10.0, -10.0, 22.0, 0.173],
             "sigmoid": [0.0, -0.35], "erf": [1.0, -1.0, 6.0], "log1p01": [0.5]}  # fmt: skip
    for seam in seams[name]:
        x = np.array([seam], dtype)
        around = [x[0]]
        for _ in range(500):
            around = [
                np.nextafter(around[0], dtype(-np.inf)),
                *around,
                np.nextafter(around[-1], dtype(np.inf)),
            ]
        x = np.array([v for v in around if name != "log1p01" or 0 <= v <= 1], dtype)
        y = np.empty_like(x)
        getattr(cpu, name)(y, x)
        steps = np.diff(y.astype(np.float64))
        assert steps.min() >= -2 * LIMIT * float(np.spacing(np.abs(y).max())), f"{name} at {seam}"


def test_sizes_must_agree() -> None:
    for name in FUNCTIONS:
        with pytest.raises(ValueError):
            getattr(cpu, name)(np.empty(3, np.float32), np.ones(4, np.float32))
