"""The convolution's three kernels against the oracle, and the oracle against loops over single numbers."""

from __future__ import annotations

import itertools
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference
from numbanet.kernels.codes import FUSED, LINEAR, RELU, SIGMOID, TANH
from numbanet.kernels.geometry import Sides, Window, conv2d_scratch, extent, slide, slide_back

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, normal, out

Array = np.ndarray[Any, Any]
PADDINGS: tuple[str | Sides, ...] = ("valid", "same", (2, 0, 1, 3))
EVERY = list(itertools.product((1, 2, 3), (1, 2), PADDINGS, ("one", "two", "depthwise")))  # stride, dilation, ...


class Problem(NamedTuple):
    """One convolution: shapes x (n, h, w, c), w (kh, kw, c / groups, f), y (n, oh, ow, f)."""

    x: tuple[int, int, int, int]
    w: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    window: Window
    groups: int

    def scratch(self, dtype: Any) -> Out:
        """Poisoned."""
        return out(conv2d_scratch(self.window, self.x[1:], self.y[1:], self.groups), dtype)


def problem(
    n: int, size: tuple[int, int], channels: int, filters: int, kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1), padding: str | Sides = "valid",
    groups: int = 1,
) -> Problem:  # fmt: skip
    window, out_size = slide(size, kernel, stride, dilation, padding)
    return Problem(
        (n, *size, channels), (*kernel, channels // groups, filters), (n, *out_size, filters), window, groups
    )


def check_forward(p: Problem, x: Array, w: Array, b: Array, activation: int) -> None:
    """As in the dense layer: (k + 3) eps (|x| * |w| + |b|), k being the terms of a sum, and the activation's 2 ulp."""
    tail = (p.window, p.groups, activation)
    got, want = both("conv2d_forward", out(p.y, x.dtype), x, w, b, *tail, p.scratch(x.dtype))[0]
    size = np.empty(p.y)
    reference.conv2d_forward(size, np.abs(x), np.abs(w), np.abs(b), p.window, p.groups, LINEAR, size)
    terms, own = p.w[0] * p.w[1] * p.w[2], 0 if activation in (LINEAR, RELU) else 2
    assert_within(got, want, eps(x.dtype) * ((terms + 3) * size + own * np.abs(want)), f"y of {p}")


def check_backward(p: Problem, x: Array, w: Array, dy: Array, bias: bool) -> None:
    """The same bound, with the terms of the gradients' sums."""
    n, out_h, out_w, filters = p.y
    e, tail = eps(x.dtype), (p.window, p.groups)
    got, want = both("conv2d_backward_input", out(p.x, x.dtype), dy, w, *tail, p.scratch(x.dtype))[0]
    size = np.empty(p.x)
    reference.conv2d_backward_input(size, np.abs(dy), np.abs(w), *tail, size)
    assert_within(got, want, (p.w[0] * p.w[1] * filters // p.groups + 3) * e * size, f"dx of {p}")
    dw, db = out(p.w, x.dtype), out(filters if bias else 0, x.dtype)
    dw_pair, db_pair, _ = both("conv2d_backward_params", dw, db, x, dy, *tail, p.scratch(x.dtype))
    dw_size, db_size = np.empty(p.w), np.empty(filters if bias else 0)
    reference.conv2d_backward_params(dw_size, db_size, np.abs(x), np.abs(dy), *tail, size)
    assert_within(*dw_pair, (n * out_h * out_w + 3) * e * dw_size, f"dw of {p}")
    assert_within(*db_pair, n * out_h * out_w * e * db_size, f"db of {p}")


def check(p: Problem, dtype: Any, seed: int = 40, scale: float = 1.0) -> None:
    """Forward with and without a bias, and all gradients."""
    rng = np.random.default_rng(seed)
    x, w, dy = (normal(rng, shape, dtype) * dtype(scale) for shape in (p.x, p.w, p.y))
    b = normal(rng, p.y[3], dtype)
    w /= dtype(max(1, p.w[0] * p.w[1] * p.w[2]) ** 0.5)
    check_forward(p, x, w, b, int(rng.choice(sorted(FUSED))))
    check_forward(p, x, w, b[:0].copy(), LINEAR)
    check_backward(p, x, w, dy, bias=True)
    check_backward(p, x, w, dy, bias=False)


def shared_channels(kind: str, channels: int, filters: int) -> tuple[int, int, int]:
    """(channels, filters, groups) of a kind of grouping."""
    return {"one": (channels, filters, 1), "two": (2 * channels, 2 * filters, 2),
            "depthwise": (2 * channels, 6 * channels, 2 * channels)}[kind]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("stride", "dilation", "padding", "grouping"), EVERY)
def test_every_combination(stride: int, dilation: int, padding: str | Sides, grouping: str, dtype: Any) -> None:
    channels, filters, groups = shared_channels(grouping, 3, 5)
    for kernel in ((3, 3), (1, 1), (2, 5)):
        for size in ((11, 9), (14, 17)):
            p = problem(2, size, channels, filters, kernel, (stride, stride), (dilation, dilation), padding, groups)
            check(p, dtype)


ADVERSARIAL: dict[str, Problem] = {
    "lenet, first": problem(5, (28, 28), 1, 6, (5, 5), padding="same"),
    "lenet, second": problem(5, (14, 14), 6, 16, (5, 5)),
    "cnn, first": problem(3, (28, 28), 1, 32, (3, 3)),
    "cnn, second": problem(2, (26, 26), 32, 64, (3, 3)),
    "rgb": problem(2, (32, 32), 3, 33, (3, 3), padding="same"),
    "rgb, 7x7, stride 2": problem(2, (31, 33), 3, 20, (7, 7), (2, 2), padding="same"),
    "resnet, stride 2": problem(3, (28, 28), 16, 32, (3, 3), (2, 2), padding="same"),
    "shortcut": problem(3, (28, 28), 16, 32, (1, 1), (2, 2)),
    "one tap, padded": problem(2, (5, 6), 4, 7, (1, 1), padding=(1, 1, 1, 1)),
    "one tap": problem(2, (9, 7), 33, 70, (1, 1)),
    "one of everything": problem(1, (1, 1), 1, 1, (1, 1)),
    "one pixel, same": problem(4, (1, 1), 5, 9, (3, 3), padding="same"),
    "kernel as large as the image": problem(5, (7, 7), 33, 70, (7, 7)),
    "kernel larger than the image": problem(2, (2, 3), 5, 6, (5, 5), padding=(2, 2, 2, 2)),
    "windows all in the padding": problem(2, (3, 3), 3, 5, (2, 2), padding=(5, 4, 3, 6)),
    "dilated windows around the image": problem(2, (3, 2), 3, 5, (2, 2), dilation=(6, 7), padding=(4, 3, 6, 1)),
    "stride beyond the kernel": problem(2, (13, 11), 5, 7, (1, 2), (3, 3)),
    "stride leaves pixels over": problem(2, (12, 13), 5, 7, (3, 3), (3, 2)),
    "asymmetric all over": problem(2, (13, 8), 6, 4, (2, 5), (3, 1), (1, 2), (0, 3, 4, 1), 2),
    "a row": problem(3, (1, 200), 8, 12, (1, 5), padding="same"),
    "a column": problem(3, (200, 1), 8, 12, (5, 1), padding="same"),
    "causal": problem(3, (1, 37), 8, 12, (1, 4), dilation=(1, 3), padding=(0, 0, 9, 0)),
    "many channels, few pixels": problem(1, (4, 4), 130, 200, (3, 3), padding="same"),
    "few channels, many pixels": problem(1, (70, 90), 2, 3, (3, 3), padding="same"),
    "one filter": problem(2, (12, 12), 33, 1, (3, 3), padding="same"),
    "depthwise": problem(2, (13, 13), 33, 33, (3, 3), padding="same", groups=33),
    "depthwise, stride 2": problem(2, (14, 14), 64, 64, (3, 3), (2, 2), padding="same", groups=64),
    "depthwise, dilated, multiplied": problem(2, (13, 11), 9, 27, (3, 2), dilation=(2, 2), padding="same", groups=9),
    "as many groups as filters": problem(2, (8, 8), 32, 8, (3, 3), groups=8),
    "groups of odd sizes": problem(2, (8, 9), 15, 35, (3, 3), padding="same", groups=5),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial(name: str, dtype: Any) -> None:
    check(ADVERSARIAL[name], dtype)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    kernel, stride, dilation = ((draw(st.integers(1, most)), draw(st.integers(1, most))) for most in (5, 3, 2))
    padding = draw(st.sampled_from(["valid", "same", "sides"]))
    around = tuple(draw(st.integers(0, 6)) for _ in range(4)) if padding == "sides" else (0, 0, 0, 0)
    top, bottom, left, right = around
    shortest = [extent(k, d) - p for k, d, p in zip(kernel, dilation, (top + bottom, left + right), strict=True)]
    height, width = (max(1, draw(st.integers(1, 15)), 0 if padding == "same" else least) for least in shortest)
    groups = draw(st.integers(1, 33)) if draw(st.booleans()) else 1
    channels, filters = draw(st.integers(1, 33 // groups)) * groups, draw(st.integers(1, 70 // groups)) * groups
    return problem(draw(st.integers(1, 5)), (height, width), channels, filters, kernel, stride, dilation,
                   around if padding == "sides" else padding, groups)  # fmt: skip


@settings(adversarial)
@given(p=problems(), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_any_convolution(p: Problem, dtype: Any, seed: int, scale: float) -> None:
    check(p, dtype, seed, scale)


def loops(p: Problem, x: Array, w: Array, dy: Array) -> tuple[Array, Array, Array]:
    """(y, dx, dw) by the definition at the top of `geometry`: every product of two numbers by itself."""
    y, dx, dw = np.zeros(p.y), np.zeros(p.x), np.zeros(p.w)
    _, height, width, channels = p.x
    kernel_h, kernel_w, ins, filters = p.w
    v = p.window
    for e, i, j, f in np.ndindex(p.y):
        group = f // (filters // p.groups)
        for a, b, c in np.ndindex(kernel_h, kernel_w, ins):
            row = i * v.stride_h + a * v.dilation_h - v.top
            column = j * v.stride_w + b * v.dilation_w - v.left
            if 0 <= row < height and 0 <= column < width:
                channel = group * (channels // p.groups) + c
                y[e, i, j, f] += x[e, row, column, channel] * w[a, b, c, f]
                dx[e, row, column, channel] += dy[e, i, j, f] * w[a, b, c, f]
                dw[a, b, c, f] += dy[e, i, j, f] * x[e, row, column, channel]
    return y, dx, dw


@pytest.mark.parametrize(("stride", "dilation", "padding", "grouping"), EVERY)
def test_the_oracle_against_loops(stride: int, dilation: int, padding: str | Sides, grouping: str) -> None:
    """In whole numbers, so that the order of the sums is no matter."""
    channels, filters, groups = shared_channels(grouping, 1 if grouping == "two" else 2, 2)
    p = problem(2, (5, 6), channels, filters, (2, 3), (stride, 2), (dilation, dilation), padding, groups)
    rng = np.random.default_rng(41)
    x, w, dy, b = (rng.integers(-9, 10, shape).astype(np.float64) for shape in (p.x, p.w, p.y, p.y[3]))
    y, dx, dw = loops(p, x, w, dy)
    got_y, got_dx, got_dw, got_db = (np.full_like(a, np.nan) for a in (y, dx, dw, b))
    none = np.empty(0)
    reference.conv2d_forward(got_y, x, w, none, p.window, groups, LINEAR, none)
    np.testing.assert_array_equal(got_y, y)
    reference.conv2d_forward(got_y, x, w, b, p.window, groups, RELU, none)
    np.testing.assert_array_equal(got_y, np.maximum(y + b, 0))
    reference.conv2d_backward_input(got_dx, dy, w, p.window, groups, none)
    np.testing.assert_array_equal(got_dx, dx)
    reference.conv2d_backward_params(got_dw, got_db, x, dy, p.window, groups, none)
    np.testing.assert_array_equal(got_dw, dw)
    np.testing.assert_array_equal(got_db, dy.sum(axis=(0, 1, 2)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [LINEAR, RELU, SIGMOID, TANH])
@pytest.mark.parametrize("groups", [1, 3])
def test_nan_and_infinity_go_where_a_window_sees_them(groups: int, activation: int, dtype: Any) -> None:
    p = problem(3, (9, 8), 6, 18, (3, 3), (2, 1), (1, 2), groups=groups)
    rng = np.random.default_rng(42)
    x, w = normal(rng, p.x, dtype), np.abs(normal(rng, p.w, dtype))
    x[1, 4, 5, 0], w[2, 1, 0, 17] = np.nan, np.inf
    b = np.zeros(18, dtype)
    b[7] = -np.inf
    tail = (p.window, groups, activation, p.scratch(dtype))
    got, want = both("conv2d_forward", out(p.y, dtype), x, w, b, *tail)[0]
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    special = ~np.isfinite(want)
    np.testing.assert_array_equal(got[special], want[special])
    assert np.isnan(got[1]).any() and not np.isnan(got[[0, 2]][..., :17]).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_gradients_go_on(dtype: Any) -> None:
    p = problem(3, (9, 8), 4, 40, (3, 3), (1, 2), padding="valid")
    x, w, dy = np.ones(p.x, dtype), np.ones(p.w, dtype), np.ones(p.y, dtype)
    dy[1, 2, 1, 33] = np.nan
    dx, want = both("conv2d_backward_input", out(p.x, dtype), dy, w, p.window, 1, p.scratch(dtype))[0]
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(want))
    assert np.isnan(dx[1, 2:5, 2:5]).all() and np.isnan(dx).sum() == 9 * 4
    dw_pair, db_pair, _ = both("conv2d_backward_params", out(p.w, dtype), out(40, dtype), x, dy, p.window, 1,
                               p.scratch(dtype))  # fmt: skip
    for got, _ in (dw_pair, db_pair):
        assert np.isnan(got[..., 33]).all() and np.isfinite(np.delete(got, 33, axis=-1)).all()


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
def test_shapes_must_agree(kernels: ModuleType) -> None:
    f = np.float32
    p = problem(2, (6, 6), 4, 6, (3, 3), groups=2)
    x, w, b, y = np.ones(p.x, f), np.ones(p.w, f), np.ones(6, f), np.ones(p.y, f)
    scratch = np.empty(conv2d_scratch(p.window, p.x[1:], p.y[1:], 2), f)
    wrong_w, fewer = w[:, :, :1].copy(), y[..., :4].copy()
    for wrong in ((y, x, w, b[:5]), (y[:1], x, w, b), (y, x, wrong_w, b), (y, x, w[:2], b), (fewer, x, w, b)):
        with pytest.raises(ValueError, match="conv2d"):
            kernels.conv2d_forward(*wrong, p.window, 2, LINEAR, scratch)
    for wrong in ((x, y, wrong_w), (x[:1], y, w), (x, fewer, w)):
        with pytest.raises(ValueError, match="conv2d"):
            kernels.conv2d_backward_input(*wrong, p.window, 2, scratch)
    for wrong in ((w, b[:5], x, y), (wrong_w, b, x, y), (w, b, x[:1], y), (w, b, x, fewer)):
        with pytest.raises(ValueError, match="conv2d"):
            kernels.conv2d_backward_params(*wrong, p.window, 2, scratch)


def test_the_transposed_window_slides_over_the_size_it_came_from() -> None:
    for size, kernel, stride, dilation in itertools.product((1, 2, 5), (1, 2, 3, 5), (1, 2, 3), (1, 2)):
        for padding in ("valid", "same", (1, 0, 0, 2)):
            for extra in range(stride if padding != "same" else 1):
                two = ((kernel, kernel), (stride, stride), (dilation, dilation), padding)
                if padding != "same" and (size - 1) * stride + extent(kernel, dilation) + extra < 3:
                    continue  # cropped to nothing
                window, image = slide_back((size, size), *two, (extra, extra))
                if padding == "same":
                    assert image == (size * stride, size * stride)
                assert slide(image, *two) == (window, (size, size))
    with pytest.raises(ValueError, match=r"a padding of \(0, 0, 2, 1\) crops the image to 3 x 0 pixels"):
        slide_back((1, 1), (3, 3), padding=(0, 0, 2, 1))
