"""Winograd's convolutions against the oracle and against the direct kernel, and what their errors may be.

A transform mixes the numbers of a tile, so an error is not in proportion to the terms of its own sum, as it is in the
direct kernel, but to the largest such sum of absolute values in the image, |x| * |w|. The tests hold it to

    |error| <= 10 eps max(|x| * |w|)            4.4 is the most that was seen, at up to 256 channels
    root mean square of the errors <= 6 times the direct kernel's      1.5 to 3.8 were seen, on normal numbers
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference
from numbanet.kernels.codes import LINEAR, RELU, SIGMOID, TANH
from numbanet.kernels.cpu import winogradtile
from numbanet.kernels.cpu.simd import UNIT
from numbanet.kernels.cpu.winograd import is_winograd
from numbanet.kernels.cpu.winogradtile import GRADIENTS, OUTPUTS, PATCHES, WEIGHT_GRADIENTS, WEIGHTS
from numbanet.kernels.geometry import WINOGRAD_PLACES, Sides, conv2d_scratch

from .helpers import DTYPES, adversarial, assert_succeeded, assert_within, both, eps, normal, out, run_python
from .test_conv import Array, Problem, problem

BOUND, TIMES_DIRECT = 10, 6
NONE = np.empty(0)
chosen = numba.njit(lambda y, x, window: is_winograd(y, x, window, 1))

SHAPES: dict[str, Problem] = {
    "resnet, 16 maps": problem(3, (28, 28), 16, 16, (3, 3), padding="same"),
    "resnet, 32 maps": problem(4, (14, 14), 32, 32, (3, 3), padding="same"),
    "resnet, 64 maps": problem(6, (7, 7), 64, 64, (3, 3), padding="same"),
    "cnn, second": problem(2, (26, 26), 32, 64, (3, 3)),
    "odd, partial tiles": problem(3, (13, 17), 16, 48, (3, 3)),
    "uneven padding": problem(3, (9, 30), 48, 16, (3, 3), padding=(2, 0, 1, 3)),
    "padding beyond a patch": problem(2, (11, 9), 16, 32, (3, 3), padding=(7, 1, 5, 8)),
    "cropped to two rows": problem(9, (4, 33), 32, 16, (3, 3)),
    "one image": problem(1, (21, 18), 32, 32, (3, 3), padding="same"),
    "blocks of the weights": problem(5, (10, 10), 144, 80, (3, 3), padding="same"),
    "a part of the batch each": problem(37, (6, 6), 16, 16, (3, 3), padding="same"),
}


def transposed(p: Problem) -> Problem:
    """The problem of dx, as far as the choice of the kernel goes."""
    return p._replace(x=p.y, y=p.x)


def is_chosen(p: Problem, dtype: Any) -> bool:
    """Whether the kernels take Winograd's way from p.x to p.y."""
    return bool(chosen(np.empty(p.y, dtype), np.empty(p.x, dtype), p.window))


def kernels(p: Problem, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
    """(y, dx, dw) by the kernels, guarded, outputs and scratch poisoned."""
    dtype, scratch = x.dtype, out(conv2d_scratch(p.window, x.shape[1:], dy.shape[1:], 1), x.dtype)
    none = np.empty(0, dtype)
    y = both("conv2d_forward", out(dy.shape, dtype), x, w, none, p.window, 1, LINEAR, scratch)[0][0]
    dx = both("conv2d_backward_input", out(x.shape, dtype), dy, w, p.window, 1, scratch)[0][0]
    dw = both("conv2d_backward_params", out(w.shape, dtype), out(0, dtype), x, dy, p.window, 1, scratch)[0][0]
    return y, dx, dw


def direct(p: Problem, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
    """The same by the direct kernels: a channel and a filter more, of zeros, and registers are no longer full."""
    wide_x, wide_dy = (np.pad(a, ((0, 0), (0, 0), (0, 0), (0, 1))) for a in (x, dy))
    wide = p._replace(x=wide_x.shape, y=wide_dy.shape)
    assert not is_chosen(wide, x.dtype) and not is_chosen(transposed(wide), x.dtype)
    y, dx, dw = kernels(p, wide_x, np.pad(w, ((0, 0), (0, 0), (0, 1), (0, 1))), wide_dy)
    return y[..., :-1], dx[..., :-1], dw[:, :, :-1, :-1]


def oracle(p: Problem, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
    """The same in float64."""
    y, dx, dw = np.empty(p.y), np.empty(p.x), np.empty(p.w)
    reference.conv2d_forward(y, x, w, NONE, p.window, 1, LINEAR, NONE)
    reference.conv2d_backward_input(dx, dy, w, p.window, 1, NONE)
    reference.conv2d_backward_params(dw, NONE, x, dy, p.window, 1, NONE)
    return y, dx, dw


def check(p: Problem, got: tuple[Array, Array, Array], arguments: tuple[Array, Array, Array]) -> None:
    """The bound above: for y and dx with the maximum of each image by itself."""
    want, sizes = oracle(p, *arguments), oracle(p, *(np.abs(a) for a in arguments))
    for name, a, b, size in zip(("y", "dx", "dw"), got, want, sizes, strict=True):
        largest = size.max() if name == "dw" else size.max(axis=(1, 2, 3), keepdims=True)
        assert_within(a, b, BOUND * eps(a.dtype) * np.broadcast_to(largest, a.shape), f"{name} of {p}")


def random_arguments(p: Problem, dtype: Any, seed: int = 43) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return normal(rng, p.x, dtype), normal(rng, p.w, dtype), normal(rng, p.y, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPES)
def test_oracle_and_direct_kernel(name: str, dtype: Any) -> None:
    p = SHAPES[name]
    assert is_chosen(p, dtype) and is_chosen(transposed(p), dtype)
    arguments = random_arguments(p, dtype)
    got, plain, want = kernels(p, *arguments), direct(p, *arguments), oracle(p, *arguments)
    check(p, got, arguments)
    for a, b, exact in zip(got, plain, want, strict=True):
        assert np.std(a - exact) <= TIMES_DIRECT * np.std(b - exact)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Any shape for which y, dx or both may be Winograd's."""
    blocks = UNIT.bytes // 4  # channels that fill registers of both types
    channels, filters = (blocks * draw(st.integers(1, 6)) for _ in range(2))
    padding: Sides = tuple(draw(st.integers(0, 4)) for _ in range(4))  # type: ignore[assignment]
    size = draw(st.integers(3, 19)), draw(st.integers(3, 19))
    return problem(draw(st.integers(1, 20)), size, channels, filters, (3, 3), padding=padding)


@settings(adversarial)
@given(p=problems(), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_any_shape(p: Problem, dtype: Any, seed: int, scale: float) -> None:
    x, w, dy = random_arguments(p, dtype, seed)
    x *= dtype(scale) * np.float32(2) ** np.random.default_rng(seed).integers(-9, 9, (len(x), 1, 1, 1))
    arguments = (x, w, dy)
    check(p, kernels(p, *arguments), arguments)


def test_the_matrices_make_a_convolution() -> None:
    """By their definition, for 4 outputs of a window of 3, and for 3 of one of 4."""
    rng = np.random.default_rng(44)
    data, window, gradients = rng.standard_normal(6), rng.standard_normal(3), rng.standard_normal(4)
    patches = np.array(PATCHES) @ data
    outputs = np.array(OUTPUTS) @ ((np.array(WEIGHTS) @ window) * patches)
    np.testing.assert_allclose(outputs, np.correlate(data, window), rtol=1e-13, atol=1e-13)
    sums = np.array(WEIGHT_GRADIENTS) @ ((np.array(GRADIENTS) @ gradients) * patches)
    np.testing.assert_allclose(sums, np.correlate(data, gradients), rtol=1e-13, atol=1e-13)
    assert winogradtile.PLACES == WINOGRAD_PLACES


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [LINEAR, RELU, SIGMOID, TANH])
def test_bias_and_activation(activation: int, dtype: Any) -> None:
    p = SHAPES["odd, partial tiles"]
    x, w, _ = random_arguments(p, dtype)
    w *= dtype(0.05)
    b = normal(np.random.default_rng(45), p.y[3], dtype)
    [(got, want), _] = both(
        "conv2d_forward", out(p.y, dtype), x, w, b, p.window, 1, activation, p.scratch(dtype)
    )  # fmt: skip
    size = np.empty(p.y)
    reference.conv2d_forward(size, np.abs(x), np.abs(w), np.abs(b), p.window, 1, LINEAR, NONE)
    own = 0 if activation in (LINEAR, RELU) else 2
    assert_within(got, want, eps(dtype) * (BOUND * size.max() + own * np.abs(want)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bias_gradient(dtype: Any) -> None:
    p = SHAPES["blocks of the weights"]
    x, _, dy = random_arguments(p, dtype)
    db = out(p.y[3], dtype)
    pairs = both("conv2d_backward_params", out(p.w, dtype), db, x, dy, p.window, 1, p.scratch(dtype))
    got, want = pairs[1]
    assert_within(got, want, eps(dtype) * p.y[0] * p.y[1] * p.y[2] * np.abs(dy).sum(axis=(0, 1, 2), dtype=np.float64))


def test_nan_reaches_all_that_sees_it_and_no_other_image() -> None:
    p = SHAPES["resnet, 32 maps"]
    x, w, dy = random_arguments(p, np.float32)
    x[1, 6, 5, 3] = np.nan
    dy[2, 9, 9, 7] = np.inf
    y, dx, dw = kernels_unguarded(p, x, w, dy)
    assert np.isnan(y[1, 5:8, 4:7]).all() and np.isfinite(y[[0, 2, 3]]).all()
    assert not np.isfinite(dx[2, 8:11, 8:11]).any() and np.isfinite(dx[[0, 1, 3]]).all()
    assert np.isnan(dw[:, :, 3]).all() and not np.isfinite(dw[..., 7]).any()
    assert np.isfinite(np.delete(np.delete(dw, 3, axis=2), 7, axis=3)).all()


def kernels_unguarded(p: Problem, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
    """(y, dx, dw) by the kernels alone."""
    y, dx, dw, none = np.empty_like(dy), np.empty_like(x), np.empty_like(w), np.empty(0, x.dtype)
    scratch = np.empty(conv2d_scratch(p.window, p.x[1:], p.y[1:], 1), x.dtype)
    cpu.conv2d_forward(y, x, w, none, p.window, 1, LINEAR, scratch)
    cpu.conv2d_backward_input(dx, dy, w, p.window, 1, scratch)
    cpu.conv2d_backward_params(dw, none, x, dy, p.window, 1, scratch)
    return y, dx, dw


MANY_THREADS = """
import numba
import numba
import numpy as np
from tests.kernels.test_winograd import SHAPES, kernels_unguarded, random_arguments
for name, p in SHAPES.items():
    arguments, results = random_arguments(p, np.float32), []
    for count in (1, 2, 3, 5, 7):
        numba.set_num_threads(count)
        results.append([a.tobytes() for a in kernels_unguarded(p, *arguments)])
    assert all(result == results[0] for result in results), name
print("same bits")
"""


def test_same_bits_for_more_threads_than_processors() -> None:
    process = run_python(MANY_THREADS, NUMBA_NUM_THREADS="7")
    assert_succeeded(process)
    assert "same bits" in process.stdout
