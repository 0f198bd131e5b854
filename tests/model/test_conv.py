"""The convolutional layers: what they compute."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numbanet.layers import Conv1D, Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D, SeparableConv2D

from .helpers import BACKENDS, network

Array = NDArray[Any]


@pytest.mark.parametrize("backend", BACKENDS)
def test_conv2d_is_a_weighted_sum_under_a_window(backend: str) -> None:
    """Each pixel by its definition, in whole numbers."""
    rng = np.random.default_rng(47)
    layer = Conv2D(4, (2, 3), stride=(2, 1), padding=(1, 0, 2, 1), dilation=(1, 2), groups=2, activation="relu")
    model = network(layer, shape=(5, 6, 6), backend=backend)
    for array in model.parameters().values():
        array[...] = rng.integers(-3, 4, array.shape)
    x = rng.integers(-3, 4, (2, 5, 6, 6)).astype(np.float64)
    padded = np.pad(x, ((0, 0), (1, 0), (2, 1), (0, 0)))
    w, b = model.parameters()["0_conv2d.weight"], model.parameters()["0_conv2d.bias"]
    assert w.shape == (2, 3, 3, 4) and model.output_shape == (3, 5, 4)
    for i, j, f in np.ndindex(3, 5, 4):
        group = f // 2
        window = padded[:, 2 * i : 2 * i + 2, j : j + 5 : 2, 3 * group : 3 * group + 3]
        expected = np.maximum(np.sum(window * w[..., f], axis=(1, 2, 3)) + b[f], 0)
        np.testing.assert_array_equal(model.forward(x)[:, i, j, f], expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_conv2d_transpose_adds_a_kernel_for_each_pixel(backend: str) -> None:
    rng = np.random.default_rng(48)
    layer = Conv2DTranspose(4, (2, 3), stride=(3, 2), padding=(0, 1, 1, 2), output_padding=(2, 1), groups=2)
    model = network(layer, shape=(3, 4, 6), backend=backend)
    for array in model.parameters().values():
        array[...] = rng.integers(-3, 4, array.shape)
    x = rng.integers(-3, 4, (2, 3, 4, 6)).astype(np.float64)
    w, b = model.parameters()["0_conv2d_transpose.kernel"], model.parameters()["0_conv2d_transpose.bias"]
    assert w.shape == (2, 3, 2, 6)
    whole = np.zeros((2, 8 + 2, 9 + 1, 4)) + b
    for i, j, c in np.ndindex(3, 4, 6):
        filters = slice(2 * (c // 3), 2 * (c // 3) + 2)
        whole[:, 3 * i : 3 * i + 2, 2 * j : 2 * j + 3, filters] += x[:, i, j, c, None, None, None] * w[..., c]
    expected = whole[:, :-1, 1:-2]
    assert model.output_shape == expected.shape[1:] == (9, 7, 4)
    np.testing.assert_array_equal(model.forward(x), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_conv2d_transpose_undoes_the_shape_of_a_convolution(backend: str) -> None:
    """And is its adjoint: <conv(x), y> = <x, transposed(y)> for the same weight."""
    rng = np.random.default_rng(49)
    for stride, dilation, padding, groups in itertools.product((1, 2, 3), (1, 2), ("same", (1, 2, 0, 1)), (1, 2)):
        same: dict[str, Any] = {
            "stride": stride, "dilation": dilation, "padding": padding, "groups": groups, "bias": False,
        }  # fmt: skip
        back = network(Conv2DTranspose(4, (3, 2), **same), shape=(4, 5, 6), backend=backend)
        there = network(Conv2D(6, (3, 2), **same), shape=back.output_shape, backend=backend)
        assert there.output_shape == (4, 5, 6)
        if padding == "same":
            assert back.output_shape == (4 * stride, 5 * stride, 4)
        there.parameters()["0_conv2d.weight"][...] = back.parameters()["0_conv2d_transpose.kernel"]
        x, y = rng.normal(size=(2, *there.input_shape)), rng.normal(size=(2, 4, 5, 6))
        np.testing.assert_allclose(np.sum(there.forward(x) * y), np.sum(x * back.forward(y)), rtol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_depthwise_is_a_convolution_of_each_channel(backend: str) -> None:
    x = np.random.default_rng(50).normal(size=(2, 7, 8, 3))
    options: dict[str, Any] = {"stride": (2, 1), "padding": "same", "dilation": (1, 2), "activation": "gelu"}
    model = network(DepthwiseConv2D((3, 2), 2, **options), shape=(7, 8, 3), backend=backend)
    y = model.forward(x)
    assert model.output_shape == (4, 8, 6)
    for channel in range(3):
        one = network(Conv2D(2, (3, 2), **options), shape=(7, 8, 1), backend=backend)
        for name, array in one.parameters().items():
            tensor = name.partition(".")[2]
            array[...] = model.parameters()[f"0_depthwise_conv2d.{tensor}"][..., 2 * channel : 2 * channel + 2]
        expected = one.forward(np.ascontiguousarray(x[..., channel : channel + 1]))
        np.testing.assert_allclose(y[..., 2 * channel : 2 * channel + 2], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_separable_is_depthwise_and_then_one_tap(backend: str) -> None:
    x = np.random.default_rng(51).normal(size=(2, 7, 8, 3))
    window: dict[str, Any] = {"stride": 2, "padding": (1, 0, 2, 1), "dilation": 2}
    model = network(SeparableConv2D(5, multiplier=2, activation="silu", **window), shape=(7, 8, 3), backend=backend)
    parts = network(DepthwiseConv2D(3, 2, bias=False, **window), Conv2D(5, 1, activation="silu"),
                    shape=(7, 8, 3), backend=backend)  # fmt: skip
    assert model.multiply_adds == parts.multiply_adds == 2 * 4 * (9 * 6 + 6 * 5)
    mine = model.parameters()
    names = ("depthwise", "weight", "bias")
    for name, target in zip(names, ("0_depthwise_conv2d.weight", "1_conv2d.weight", "1_conv2d.bias"), strict=True):
        parts.parameters()[target][...] = mine[f"0_separable_conv2d.{name}"]
    np.testing.assert_allclose(model.forward(x), parts.forward(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_tap_is_a_dense_layer_on_each_pixel(backend: str) -> None:
    x, dy = (np.random.default_rng(52).normal(size=(2, 4, 3, n)) for n in (5, 7))
    model = network(Conv2D(7, 1, activation="tanh"), shape=(4, 3, 5), backend=backend)
    dense = network(Dense(7, "tanh"), shape=(5,), backend=backend)
    for name in ("weight", "bias"):
        dense.parameters()[f"0_dense.{name}"][...] = model.parameters()[f"0_conv2d.{name}"].squeeze()
    np.testing.assert_array_equal(model.forward(x).reshape(-1, 7), dense.forward(x.reshape(-1, 5)))
    dx, expected = model.backward(dy, need_dx=True), dense.backward(dy.reshape(-1, 7), need_dx=True)
    np.testing.assert_array_equal(np.array(dx).reshape(-1, 5), expected)
    for name, gradient in dense.gradients().items():
        mine = model.gradients()[name.replace("dense", "conv2d")]
        np.testing.assert_array_equal(mine.reshape(gradient.shape), gradient)


@pytest.mark.parametrize("backend", BACKENDS)
def test_conv1d(backend: str) -> None:
    x = np.random.default_rng(53).normal(size=(2, 9, 4))
    options: dict[str, Any] = {"stride": 2, "dilation": 2, "groups": 2, "activation": "relu"}
    model = network(Conv1D(6, 3, padding=(3, 1), **options), shape=(9, 4), backend=backend)
    w, b = model.parameters()["0_conv1d.weight"], model.parameters()["0_conv1d.bias"]
    assert w.shape == (3, 2, 6) and model.output_shape == (5, 6)
    padded = np.pad(x, ((0, 0), (3, 1), (0, 0)))
    for t, f in np.ndindex(5, 6):
        window = padded[:, 2 * t : 2 * t + 5 : 2, 2 * (f // 3) : 2 * (f // 3) + 2]
        expected = np.maximum(np.sum(window * w[..., f], axis=(1, 2)) + b[f], 0)
        np.testing.assert_allclose(model.forward(x)[:, t, f], expected, rtol=1e-12, atol=1e-12)
    assert network(Conv1D(6, 3, padding="same", **options), shape=(9, 4), backend=backend).output_shape == (5, 6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_causal_outputs_see_no_later_step(stride: int, backend: str) -> None:
    model = network(Conv1D(3, 3, stride=stride, dilation=2, padding="causal"), shape=(10, 2), backend=backend)
    x = np.random.default_rng(54).normal(size=(1, 10, 2))
    before = model.forward(x).copy()
    assert model.output_shape == (-(-10 // stride), 3)
    for step in range(10):
        later = x.copy()
        later[:, step:] += 1
        changed = np.any(model.forward(later) != before, axis=(0, 2))
        np.testing.assert_array_equal(changed, np.arange(len(changed)) * stride >= step)
