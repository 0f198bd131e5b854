"""Pooling against the oracle, and the oracle against loops over single numbers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference
from numbanet.kernels.geometry import Sides, Window, slide

from .helpers import DTYPES, adversarial, assert_within, both, eps, normal, out

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int, int]
CHANNELS = (1, 2, 3, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47)  # around the registers of every vector unit
KERNELS = (1, 2, 3, (2, 3), (3, 1), (1, 4))
STRIDES = (1, 2, 3, (1, 2))


class Problem:
    """One pooling. `paddings`: "valid", "same", or pixels on each side, cut to what the kernel allows."""

    def __init__(self, x: Shape, kernel: Any, stride: Any, padding: str | Sides = "valid") -> None:
        pairs = [(value, value) if isinstance(value, int) else value for value in (kernel, stride)]
        (height, width), self.stride = pairs
        if not isinstance(padding, str):
            top, bottom, left, right = padding
            padding = (min(top, height - 1), min(bottom, height - 1), min(left, width - 1), min(right, width - 1))
        self.kernel, self.x = (height, width), x
        self.window, (oh, ow) = slide(x[1:3], self.kernel, self.stride, padding=padding)
        self.y: Shape = (x[0], oh, ow, x[3])
        self.overlap = -(-height // self.stride[0]) * -(-width // self.stride[1])  # windows that a pixel is in

    def __repr__(self) -> str:
        return f"{self.x} -> {self.y} by {self.window}"


def check_max(p: Problem, x: Array, dy: Array) -> None:
    """Nothing is rounded but the sums of overlapping windows' gradients."""
    [(y, want)] = both("max_pool2d_forward", out(p.y, x.dtype), x, p.window)
    np.testing.assert_array_equal(y, want, err_msg=f"{p}")
    [(dx, want)] = both("max_pool2d_backward", out(p.x, x.dtype), dy, x, p.window)
    size = np.empty(p.x)
    reference.max_pool2d_backward(size, np.abs(dy), x, p.window)
    assert_within(dx, want, (p.overlap - 1) * eps(x.dtype) * size, f"dx of {p}")


def check_mean(p: Problem, x: Array, dy: Array) -> None:
    """A sum of k terms times a rounded 1 / k; in the gradient, of as many as there are windows over a pixel."""
    e, terms = eps(x.dtype), p.kernel[0] * p.kernel[1]
    for count_padding in (False, True):
        tail = (p.window, count_padding)
        [(y, want)] = both("avg_pool2d_forward", out(p.y, x.dtype), x, *tail)
        size = np.empty(p.y)
        reference.avg_pool2d_forward(size, np.abs(x), *tail)
        assert_within(y, want, (terms + 2) * e * size, f"y of {p}")
        [(dx, want)] = both("avg_pool2d_backward", out(p.x, x.dtype), dy, *tail)
        size = np.empty(p.x)
        reference.avg_pool2d_backward(size, np.abs(dy), *tail)
        assert_within(dx, want, (p.overlap + 2) * e * size, f"dx of {p}")


def check(p: Problem, dtype: Any, seed: int = 70) -> None:
    """On random numbers, and for the maximum on few whole numbers, of which many are equal."""
    rng = np.random.default_rng(seed)
    x, dy = normal(rng, p.x, dtype), normal(rng, p.y, dtype)
    check_mean(p, x, dy)
    check_max(p, x, dy)
    check_max(p, rng.integers(-1, 2, p.x).astype(dtype), dy)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["valid", "same", (1, 0, 2, 1)])
def test_every_window(padding: Any, dtype: Any) -> None:
    for number, (kernel, stride) in enumerate(itertools.product(KERNELS, STRIDES)):
        channels = CHANNELS[number % len(CHANNELS)]
        for size in ((7, 6), (5, 9)):
            check(Problem((2, *size, channels), kernel, stride, padding), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", CHANNELS)
def test_every_number_of_channels(channels: int, dtype: Any) -> None:
    for kernel, stride in ((2, 2), (3, 3), (3, 2), (2, 1), ((1, 2), (1, 2))):
        check(Problem((2, 7, 8, channels), kernel, stride), dtype)
        check(Problem((2, 7, 8, channels), kernel, stride, (1, 1, 1, 1)), dtype)


# Networks' layers and batches in which threads share the work: many lines, few lines and channels to cut, one image.
LARGE: list[tuple[Shape, Any, Any, str | Sides]] = [
    ((37, 28, 28, 6), 2, 2, "valid"), ((37, 10, 10, 16), 2, 2, "valid"), ((9, 24, 24, 64), 2, 2, "valid"),
    ((5, 27, 25, 33), 3, 2, (1, 1, 1, 1)), ((1, 41, 39, 40), 3, 2, "same"), ((3, 30, 31, 70), 2, 2, "same"),
    ((1, 30, 31, 130), 2, 2, "valid"), ((11, 17, 18, 19), (17, 18), (17, 18), "valid"),
    ((1, 17, 18, 101), (17, 18), (17, 18), "valid"), ((2, 1, 900, 30), (1, 2), (1, 2), "valid"),
    ((3, 1, 700, 30), (1, 5), (1, 3), (0, 0, 4, 4)), ((1, 5, 6, 1000), 3, 1, "same"),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, kernel, stride, padding", LARGE)
def test_large(shape: Shape, kernel: Any, stride: Any, padding: Any, dtype: Any) -> None:
    check(Problem(shape, kernel, stride, padding), dtype)


@settings(adversarial)
@given(n=st.integers(0, 3), h=st.integers(1, 12), w=st.integers(1, 12), c=st.integers(0, 40), kernel=st.tuples(st.integers(1, 6), st.integers(1, 6)),
       stride=st.tuples(st.integers(1, 7), st.integers(1, 7)), padding=st.tuples(*4 * [st.integers(0, 5)]),
       dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32))  # fmt: skip
def test_any_shape(n: int, h: int, w: int, c: int, kernel: Any, stride: Any, padding: Any, dtype: Any, seed: int) -> None:  # fmt: skip
    try:
        p = Problem((n, h, w, c), kernel, stride, padding)
    except ValueError:  # a window larger than the padded image
        return
    check(p, dtype, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel, stride, padding", [(2, 2, "valid"), (3, 3, "same"), (3, 2, (1, 1, 1, 1))])
def test_nan_and_infinity(kernel: int, stride: int, padding: Any, dtype: Any) -> None:
    """A NaN is the largest, the first of several; infinities are numbers like any other; both wherever they are."""
    p = Problem((6, 9, 8, 21), kernel, stride, padding)
    rng = np.random.default_rng(71)
    dy = normal(rng, p.y, dtype)
    for share in (0.05, 0.4, 1.0):
        x = rng.choice(np.array([np.nan, np.inf, -np.inf, 1], dtype), p.x)
        x = np.where(rng.random(p.x) < share, x, normal(rng, p.x, dtype))
        check_max(p, x, dy)
    check_max(p, np.full(p.x, -np.inf, dtype), dy)
    check_max(p, np.full(p.x, np.nan, dtype), dy)
    x = normal(rng, p.x, dtype)
    x[1, 4, 4, 7] = np.nan
    [(y, want)] = both("avg_pool2d_forward", out(p.y, dtype), x, p.window, False)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(want))
    dy[2, 1, 1, 3] = np.nan
    [(dx, want)] = both("avg_pool2d_backward", out(p.x, dtype), dy, p.window, True)
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(want))
    [(dx, want)] = both("max_pool2d_backward", out(p.x, dtype), dy, normal(rng, p.x, dtype), p.window)
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(want))
    assert np.isnan(dx).sum() == 1


def test_the_oracle_by_its_definition() -> None:
    """Single numbers, taken from an image with a border."""
    rng = np.random.default_rng(72)
    for kernel, stride, padding in (((2, 3), (2, 1), (1, 0, 2, 1)), ((3, 3), (2, 2), (1, 1, 1, 1))):
        p = Problem((2, 6, 7, 3), kernel, stride, padding)
        x = rng.normal(size=p.x)
        top, bottom, left, right = padding
        border = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=np.nan)
        largest, mean, padded = (np.empty(p.y) for _ in range(3))
        reference.max_pool2d_forward(largest, x, p.window)
        reference.avg_pool2d_forward(mean, x, p.window, False)
        reference.avg_pool2d_forward(padded, x, p.window, True)
        for n, i, j, c in np.ndindex(p.y):
            rows = slice(i * stride[0], i * stride[0] + kernel[0])
            seen = border[n, rows, j * stride[1] : j * stride[1] + kernel[1], c]
            assert largest[n, i, j, c] == np.nanmax(seen)
            assert abs(mean[n, i, j, c] - np.nanmean(seen)) < 1e-12
            assert abs(padded[n, i, j, c] - np.nansum(seen) / seen.size) < 1e-12


def test_the_oracles_gradients_are_its_slopes() -> None:
    """Between two maxima, and for means everywhere, pooling is linear: small differences are exact up to rounding."""
    rng = np.random.default_rng(73)
    for kernel, stride, padding in (((2, 2), (2, 2), "valid"), ((3, 2), (2, 1), (2, 1, 1, 0))):
        p = Problem((2, 5, 6, 2), kernel, stride, padding)
        x, dy, y, dx = (
            rng.permutation(np.arange(120.0)).reshape(p.x),
            rng.normal(size=p.y),
            np.empty(p.y),
            np.empty(p.x),
        )
        for name, tail in (("max", ()), ("avg", (False,)), ("avg", (True,))):
            forward = getattr(reference, f"{name}_pool2d_forward")
            saved = (x,) if name == "max" else ()
            getattr(reference, f"{name}_pool2d_backward")(dx, dy, *saved, p.window, *tail)
            for at in np.ndindex(p.x):
                values = []
                for step in (0.25, -0.25):
                    moved = x.copy()
                    moved[at] += step
                    forward(y, moved, p.window, *tail)
                    values.append(float(np.sum(y * dy)))
                assert abs((values[0] - values[1]) / 0.5 - dx[at]) < 1e-10


def test_of_equals_the_first_takes_the_gradient() -> None:
    x, dy, dx = (
        np.zeros((1, 4, 4, 20), np.float32),
        np.ones((1, 2, 2, 20), np.float32),
        np.empty((1, 4, 4, 20), np.float32),
    )
    cpu.max_pool2d_backward(dx, dy, x, slide((4, 4), (2, 2), (2, 2))[0])
    expected = np.zeros_like(x)
    expected[:, ::2, ::2] = 1
    np.testing.assert_array_equal(dx, expected)


def test_shapes_must_agree() -> None:
    f = np.float32
    x, y, w = np.ones((2, 6, 8, 3), f), np.ones((2, 3, 4, 3), f), Window(2, 2, 2, 2, 1, 1, 0, 0)
    wrong: list[tuple[Array, Array, Window]] = [
        (y[:1], x, w), (y[..., :2].copy(), x, w), (np.ones((2, 4, 4, 3), f), x, w), (np.ones((2, 3, 5, 3), f), x, w),
        (y, x, w._replace(dilation_h=2)), (y, x, w._replace(stride_w=0)), (y, x, w._replace(top=2)),
        (y, x, w._replace(left=2)), (y, x, w._replace(left=-1)), (y[:, :0], x, w), (y, x[:, :0], w),
    ]  # fmt: skip
    for a, b, window in wrong:
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        with pytest.raises(ValueError, match="do not fit"):
            cpu.max_pool2d_forward(a, b, window)
        with pytest.raises(ValueError, match="do not fit"):
            cpu.avg_pool2d_forward(a, b, window, True)
        with pytest.raises(ValueError, match="do not fit"):
            cpu.max_pool2d_backward(b, a, b, window)
        with pytest.raises(ValueError, match="do not fit"):
            cpu.avg_pool2d_backward(b, a, window, True)
    with pytest.raises(ValueError, match="do not fit"):
        cpu.max_pool2d_backward(x[:1].copy(), y, x, w)
    vast, one = np.empty((1, 4097, 4097, 0), f), np.empty((1, 1, 1, 0), f)
    with pytest.raises(ValueError, match=r"more than 2\*\*24 pixels"):
        cpu.max_pool2d_backward(vast, one, vast, Window(4097, 4097, 1, 1, 1, 1, 0, 0))
