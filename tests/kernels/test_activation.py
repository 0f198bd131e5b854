"""Elementwise activations, forward and backward, against the oracle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference
from numbanet.kernels.codes import ACTIVATIONS, NEEDS_INPUT

from .helpers import DTYPES, adversarial, assert_within, both, eps, out, tiny

Array = np.ndarray[Any, Any]
NAMES = list(ACTIVATIONS)
SIZES = (0, 1, 7, 33, 1000, 16_384, 16_385, 30_011)
EMPTY = {dtype: np.empty(0, dtype) for dtype in DTYPES}
# Not beyond: gelu_tanh cubes x, and 1e30 overflows there in float32 as it does in PyTorch.
EXTREMES = (0.0, -0.0, 1e-40, -1e-40, 1e-7, 0.5, -0.5, 5.0, -5.0, -6.5, 10.0, -10.0, 88.0, -88.0, 104.0, -104.0,
            700.0, -750.0, 1e4, -1e4)  # fmt: skip


def forward_bound(name: str, x: Array, want: Array, dtype: Any) -> Array:
    """The error to allow, from at most 2 ulp (2 eps) for each of exp, tanh, sigmoid, erf and log1p, and 1/2 eps for
    each other operation."""
    size, e = np.abs(want), eps(dtype)
    with np.errstate(over="ignore"):
        match name:
            case "linear" | "relu":
                return np.zeros_like(size)
            case "leaky_relu":
                return e * size + tiny(dtype)  # a product, and alpha rounded to the type
            case "gelu":
                # The lower tail has e^(-u^2), u = x / sqrt 2: half an ulp of u^2 is a relative error of u^2 eps / 2;
                # sum the roundings of u, of u^2 and of the constant. Above, 1 + erf u loses what erf loses. The
                # approximation of erfc ends at u = -6: from there on, half an ulp of the number 1 is enough.
                ended = 1.2e-16 * (x < -6 * math.sqrt(2))
                return e * size * (10 + 2 * x * x) + 4 * tiny(dtype) * (1 + np.abs(x)) + ended
            case "gelu_tanh":
                return 8 * e * np.abs(x) + tiny(dtype)  # 1 + tanh cancels: an absolute error of the factor
            case _:
                return 6 * e * size + 4 * tiny(dtype) * (1 + np.abs(x))


def backward_bound(name: str, alpha: float, x: Array, y: Array, dy: Array, want: Array, dtype: Any) -> Array:
    """As above; where a derivative cancels (1 - y, 1 - y^2, y + alpha, 1 - e^-y), relative to what it cancels from."""
    gradient, e = np.abs(dy), eps(dtype)
    match name:
        case "linear" | "relu":
            return np.zeros_like(want)
        case "leaky_relu":
            return e * np.abs(want) + tiny(dtype)
        case "elu":
            return 2 * e * gradient * (np.abs(y) + abs(alpha)) + tiny(dtype)
        case "sigmoid":
            return 3 * e * np.abs(want) + tiny(dtype)
        case "tanh" | "softplus":
            return 3 * e * gradient + tiny(dtype)
        case "silu":
            share = 1 / (1 + np.exp(np.minimum(-x, 700)))
            return 8 * e * gradient * share * (1 + np.abs(x)) + 4 * tiny(dtype) * (1 + np.abs(x)) * (1 + gradient)
        case "gelu":
            # cdf + x pdf: both as in the forward pass, and they have opposite signs below zero.
            size = gradient * np.exp(-x * x / 2) * (1 + np.abs(x)) * (10 + 2 * x * x)
            ended = 2e-17 * (x < -6 * math.sqrt(2)) * gradient
            return ended + e * (size + gradient * (x > -1) * 4) + 4 * tiny(dtype) * (1 + np.abs(x)) * (1 + gradient)
        case _:
            # gelu_tanh: 1 + t and 1 - t^2 cancel to an absolute error, and slope multiplies the latter.
            slope = 0.8 * (1 + 0.14 * x * x)
            steep = np.abs(x) * slope * (np.abs(x) < 10)  # beyond, t is 1 exactly
            return e * gradient * (8 + 8 * steep) + tiny(dtype)


def check_forward(name: str, x: Array, alpha: float) -> None:
    [(got, want)] = both("activation_forward", out(x.size, x.dtype), x, ACTIVATIONS[name], alpha)
    assert_within(got, want, forward_bound(name, x.astype(np.float64), want, x.dtype), name)


def check_backward(name: str, x: Array, dy: Array, alpha: float) -> None:
    code, dtype = ACTIVATIONS[name], x.dtype.type
    y = np.empty_like(x)
    reference.activation_forward(y, x, code, alpha)
    used = (x, EMPTY[dtype]) if code in NEEDS_INPUT else (EMPTY[dtype], y)
    [(got, want)] = both("activation_backward", out(x.size, x.dtype), dy, *used, code, alpha)
    wide = (a.astype(np.float64) for a in (x, y, dy))
    assert_within(got, want, backward_bound(name, alpha, *wide, want, x.dtype), name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_magnitudes(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(5)
    for size in SIZES:
        x = (rng.standard_normal(size) * rng.choice([0.01, 1, 5, 20], size)).astype(dtype)
        check_forward(name, x, 0.3)
        check_backward(name, x, rng.standard_normal(size).astype(dtype), 0.3)


@pytest.mark.parametrize("name", NAMES)
@settings(adversarial, max_examples=40)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), alpha=st.floats(0, 3))
def test_adversarial_values(name: str, data: Any, dtype: Any, alpha: float) -> None:
    value = st.one_of(st.sampled_from(EXTREMES), st.floats(-1e4, 1e4, width=32))
    values = data.draw(st.lists(st.tuples(value, st.floats(-100, 100, width=32)), min_size=1, max_size=40))
    x, dy = (np.array(column, dtype) for column in zip(*values, strict=True))
    check_forward(name, x, alpha)
    check_backward(name, x, dy, alpha)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_infinities_and_nan(name: str, dtype: Any) -> None:
    """Forward at +inf and NaN, and at -inf where that has a limit in one formula (silu and gelu are -inf * 0)."""
    x = np.array([np.inf, np.nan, *([] if ACTIVATIONS[name] in NEEDS_INPUT else [-np.inf])], dtype)
    [(got, want)] = both("activation_forward", out(x.size, dtype), x, ACTIVATIONS[name], 0.5)
    np.testing.assert_array_equal(got, want)
    assert np.isnan(got[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu"])
def test_far_below_zero_there_is_nothing(name: str, dtype: Any) -> None:
    """x times a share that has vanished is 0, however large x is: a constant share would give -1e13 at -1e30."""
    x = np.array([-1e4, -1e10, -1e18, -1e30], dtype)
    y = np.empty_like(x)
    cpu.activation_forward(y, x, ACTIVATIONS[name], 0.0)
    np.testing.assert_array_equal(y, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_gradients_go_on(name: str, dtype: Any) -> None:
    x = np.linspace(0.1, 2, 40).astype(dtype)
    dy = np.ones_like(x)
    dy[[0, 17, 39]] = np.nan
    y = np.empty_like(x)
    reference.activation_forward(y, x, ACTIVATIONS[name], 0.3)
    dx = np.zeros_like(x)
    cpu.activation_backward(dx, dy, x, y, ACTIVATIONS[name], 0.3)
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(dy))


@pytest.mark.parametrize("name", NAMES)
def test_in_place(name: str) -> None:
    """y may be x, and dx may be dy."""
    rng = np.random.default_rng(6)
    x, dy = (rng.standard_normal(20_001).astype(np.float32) for _ in range(2))
    y, dx, code = np.empty_like(x), np.empty_like(x), ACTIVATIONS[name]
    cpu.activation_forward(y, x, code, 0.3)
    cpu.activation_backward(dx, dy, x, y, code, 0.3)
    cpu.activation_backward(dy, dy, x, y, code, 0.3)
    cpu.activation_forward(x, x, code, 0.3)
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(dx, dy)


@pytest.mark.parametrize("name", NAMES)
def test_the_oracles_gradient_is_the_slope_of_its_output(name: str) -> None:
    """Central differences in float64: an error of h^2 f''' / 6 (about 1e-11) and eps / h (1e-10)."""
    x = np.linspace(-4, 4, 80)  # 0, where relu bends, is not among them
    h, code = 1e-5, ACTIVATIONS[name]
    y, above, below, dx = (np.empty_like(x) for _ in range(4))
    reference.activation_forward(y, x, code, 0.3)
    reference.activation_forward(above, x + h, code, 0.3)
    reference.activation_forward(below, x - h, code, 0.3)
    reference.activation_backward(dx, np.full_like(x, 2.0), x, y, code, 0.3)
    np.testing.assert_allclose(dx, (above - below) / h, rtol=0, atol=1e-9)


def test_sizes_must_agree() -> None:
    three, four, none = (np.ones(size, np.float32) for size in (3, 4, 0))
    with pytest.raises(ValueError):
        cpu.activation_forward(three, four, ACTIVATIONS["relu"], 0.0)
    with pytest.raises(ValueError):
        cpu.activation_backward(three, four, none, four, ACTIVATIONS["relu"], 0.0)
    with pytest.raises(ValueError):
        cpu.activation_backward(three, three, none, three, ACTIVATIONS["gelu"], 0.0)
    with pytest.raises(ValueError):
        cpu.activation_backward(three, three, three, none, ACTIVATIONS["relu"], 0.0)
