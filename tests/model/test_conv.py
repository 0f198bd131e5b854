"""The convolutional layers: what they compute, their gradients for all options, and what they say of themselves."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import numbanet as nn
from numbanet.backend import Backend, HostBackend
from numbanet.errors import ModelError
from numbanet.initializers import Initializer, Orthogonal, PerGroup, PerPhase, fans
from numbanet.kernels import reference
from numbanet.layers import (
    Activation,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Layer,
    Reshape,
    SeparableConv2D,
)
from numbanet.model import Sequential

from .helpers import BACKENDS, small

Array = NDArray[Any]
STRIDES, DILATIONS = (1, 2, 3, (1, 2)), (1, 2, (2, 1))
PADDINGS: tuple[Any, ...] = ("valid", "same", 2, (2, 0, 1, 3))
OPTIONS = list(itertools.product(STRIDES, DILATIONS, PADDINGS))


def network(*layers: Layer, shape: tuple[int, ...], backend: str | Backend = "reference") -> Sequential:
    """A model in float64 whose biases are not 0."""
    device = BACKENDS[backend] if isinstance(backend, str) else backend
    model = Sequential(*layers, input_shape=shape, seed=6, dtype="float64", device=device)
    for name, array in model.parameters().items():
        if name.endswith("bias"):
            array[...] = np.random.default_rng(45).normal(size=array.shape)
    return model


def check_slopes(model: Sequential, batch: int = 3) -> None:
    """<dx, u> is the slope of <dy, y> along u, and the same for each parameter.

    Without activations y is linear in each tensor, so that a difference over a whole unit is exact.
    """
    rng = np.random.default_rng(46)
    x = rng.normal(size=(batch, *model.input_shape))
    dy = rng.normal(size=model.forward(x).shape)
    model.arena.gradients[:] = np.nan
    dx = model.backward(dy, need_dx=True)
    tensors = {
        "x": (x, np.array(dx)),
        **{n: (a, np.array(model.gradients()[n])) for n, a in model.parameters().items()},
    }
    for name, (array, gradient) in tensors.items():
        direction, before = rng.normal(size=array.shape), array.copy()
        array[...] = before + direction / 2
        above = float(np.sum(dy * model.forward(x)))
        array[...] = before - direction / 2
        slope = above - float(np.sum(dy * model.forward(x)))
        array[...] = before
        scale = float(np.sum(np.abs(gradient * direction)))
        assert abs(slope - float(np.sum(gradient * direction))) <= 1e-12 * scale, name


KINDS: dict[str, Callable[[dict[str, Any]], Layer]] = {
    "conv2d": lambda o: Conv2D(6, (2, 3), **o),
    "conv2d of one tap": lambda o: Conv2D(5, 1, **o),
    "conv2d in groups": lambda o: Conv2D(6, (3, 2), groups=2, bias=False, **o),
    "depthwise": lambda o: DepthwiseConv2D((2, 3), 2, **o),
    "separable": lambda o: SeparableConv2D(3, (2, 3), multiplier=2, **o),
    "transposed": lambda o: Conv2DTranspose(6, (3, 2), **o),
    "transposed in groups": lambda o: Conv2DTranspose(6, (3, 4), groups=2, bias=False, **o),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_for_all_options(kind: str, backend: str) -> None:
    for stride, dilation, padding in OPTIONS:
        for shape in ((7, 6, 4), (5, 9, 4)):
            options = {"stride": stride, "dilation": dilation, "padding": padding}
            check_slopes(network(KINDS[kind](options), shape=shape, backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_of_conv1d_for_all_options(backend: str) -> None:
    for stride, dilation, padding, groups in itertools.product(
        (1, 2, 3), (1, 2), ("valid", "same", "causal", 2, (3, 1)), (1, 2)
    ):
        layer = Conv1D(6, 3, stride=stride, dilation=dilation, padding=padding, groups=groups)
        check_slopes(network(layer, shape=(11, 4), backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_of_output_padding(backend: str) -> None:
    for extra in ((0, 0), (1, 0), (2, 1), (0, 1)):
        layer = Conv2DTranspose(4, (2, 3), stride=(3, 2), padding=(1, 0, 2, 1), output_padding=extra, dilation=(1, 2))
        model = network(layer, shape=(3, 4, 2), backend=backend)
        assert model.output_shape == (2 * 3 + 2 - 1 + extra[0], 3 * 2 + 5 - 3 + extra[1], 4)
        check_slopes(model)


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


class Counting:
    """The oracle's kernels; counts their calls."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(reference, name)

        def counted(*arguments: Any) -> None:
            self.calls[name] += 1
            kernel(*arguments)

        return counted


def calls(layer: Layer, shape: tuple[int, ...], need_dx: bool) -> dict[str, int]:
    """The kernels that a training step calls."""
    kernels = Counting()
    model = network(layer, shape=shape, backend=HostBackend("cpu", kernels))
    y = model.forward(np.ones((2, *shape)), train=True)
    model.backward(np.ones_like(y), need_dx=need_dx)
    return dict(kernels.calls)


def test_kernels_that_a_step_calls() -> None:
    conv = {"conv2d_forward": 1, "conv2d_backward_params": 1}
    dense = {"dense_forward": 1, "dense_backward_params": 1}
    shape = (6, 6, 4)
    assert calls(Conv2D(8), shape, False) == conv
    assert calls(Conv2D(8), shape, True) == {**conv, "conv2d_backward_input": 1}
    fused = {**conv, "dense_backward_activation": 1}
    assert calls(Conv2D(8, activation="relu"), shape, False) == fused
    assert calls(Conv2D(8, activation="gelu"), shape, False) == {
        **conv, "activation_forward": 1, "activation_backward": 1,
    }  # fmt: skip
    assert calls(Conv2D(8, 1, padding="same"), shape, False) == dense
    assert calls(Conv2D(8, 1), shape, True) == {**dense, "dense_backward_input": 1}
    for layer in (Conv2D(8, 1, groups=2), Conv2D(8, 1, stride=2), Conv2D(8, 1, padding=1), DepthwiseConv2D(1)):
        assert calls(layer, shape, False) == conv
    assert calls(Conv1D(3, 1), (5, 4), False) == dense
    separable = {**conv, **dense, "dense_backward_input": 1}
    assert calls(SeparableConv2D(3), shape, False) == separable
    assert calls(SeparableConv2D(3), shape, True) == {**separable, "conv2d_backward_input": 1}
    back = {"conv2d_backward_input": 1, "conv2d_backward_params": 1}
    bias = {"bias_forward": 1, "bias_backward": 1}
    assert calls(Conv2DTranspose(3), shape, False) == {**back, **bias}
    assert calls(Conv2DTranspose(3, bias=False), shape, True) == {**back, "conv2d_forward": 1}
    fused = {**back, "bias_forward": 1, "dense_backward_activation": 1}
    assert calls(Conv2DTranspose(3, bias=False, activation="relu"), shape, False) == fused


LAYERS: dict[str, tuple[Callable[[], Layer], tuple[int, ...]]] = {
    "conv2d": (lambda: Conv2D(8, (3, 2), stride=(1, 2), padding=(1, 0, 2, 1), activation="gelu"), (6, 5, 3)),
    "conv2d of one tap": (lambda: Conv2D(8, 1, activation="relu"), (6, 5, 3)),
    "conv2d in groups": (lambda: Conv2D(8, groups=2, dilation=2, padding="same", bias=False), (6, 5, 4)),
    "depthwise_conv2d": (lambda: DepthwiseConv2D(3, 2, stride=2, activation="elu"), (6, 5, 3)),
    "separable_conv2d": (lambda: SeparableConv2D(8, 2, activation="tanh"), (6, 5, 3)),
    "conv2d_transpose": (lambda: Conv2DTranspose(4, stride=2, output_padding=1, activation="sigmoid"), (3, 4, 2)),
    "conv1d": (lambda: Conv1D(8, stride=2, padding="causal", activation="relu"), (11, 3)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_partial_batch_gives_what_the_whole_gives(name: str, backend: str) -> None:
    make, shape = LAYERS[name]
    model = network(make(), shape=shape, backend=backend)
    rng = np.random.default_rng(55)
    x, dy = rng.normal(size=(9, *shape)), rng.normal(size=(9, *model.output_shape))
    results = []
    for part in (slice(0, 9), slice(0, 6), slice(6, 9)):
        y = model.forward(x[part]).copy()
        dx = np.array(model.backward(dy[part], need_dx=True))
        results.append((y, dx, model.arena.gradients.copy()))
    whole, first, second = results
    tolerance = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(np.concatenate([first[0], second[0]]), whole[0], **tolerance)
    np.testing.assert_allclose(np.concatenate([first[1], second[1]]), whole[1], **tolerance)
    np.testing.assert_allclose(first[2] + second[2], whole[2], **tolerance)


@pytest.mark.parametrize("name", LAYERS)
def test_save_and_load(name: str, tmp_path: Path) -> None:
    make, shape = LAYERS[name]
    model = network(make(), Flatten(), Dense(3), shape=shape)
    model.save(tmp_path / "model.safetensors")
    back = nn.load(tmp_path / "model.safetensors", device=BACKENDS["reference"])
    assert [repr(layer) for layer in back.layers] == [repr(layer) for layer in model.layers]
    x = np.random.default_rng(56).normal(size=(4, *shape))
    assert np.array_equal(back.predict(x), model.predict(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_and_both_types(dtype: str) -> None:
    x = np.random.default_rng(57).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
    y = [
        Sequential(Conv2D(4, activation="relu"), SeparableConv2D(3), Conv2DTranspose(2, stride=2),
                   input_shape=(8, 8, 1), dtype=d, device=BACKENDS["reference"]).predict(data)
        for d, data in ((dtype, x), ("float64", x / 255))
    ]  # fmt: skip
    np.testing.assert_allclose(y[0], y[1], rtol=1e-5, atol=1e-5)


def test_shapes_parameters_and_multiply_adds() -> None:
    model = small(
        Conv2D(32, activation="relu"), Conv2D(64, groups=2, stride=2, padding="same"), DepthwiseConv2D((3, 5), 2),
        Conv2DTranspose(16, 4, stride=2, padding=1, groups=4), SeparableConv2D(8, multiplier=2, bias=False),
        Reshape((-1, 4)), Conv1D(6, 5, padding="causal", dilation=3), input_shape=(28, 28, 1),
    )  # fmt: skip
    shapes = [layer.out_shape for layer in model.layers]
    assert shapes == [(26, 26, 32), (13, 13, 64), (11, 9, 128), (22, 18, 16), (20, 16, 8), (640, 4), (640, 6)]
    weights = {name: array.shape for name, array in model.parameters().items() if array.ndim > 1}
    assert weights == {
        "0_conv2d.weight": (3, 3, 1, 32),
        "1_conv2d.weight": (3, 3, 16, 64),
        "2_depthwise_conv2d.weight": (3, 5, 1, 128),
        "3_conv2d_transpose.kernel": (4, 4, 4, 128),
        "4_separable_conv2d.depthwise": (3, 3, 1, 32),
        "4_separable_conv2d.weight": (1, 1, 32, 8),
        "6_conv1d.weight": (5, 4, 6),
    }
    assert all(model.arena.slots[name].offset < model.arena.decay_end for name in weights)
    assert [layer.multiply_adds() for layer in model.layers] == [
        26 * 26 * 9 * 32, 13 * 13 * 9 * 16 * 64, 11 * 9 * 15 * 128, 11 * 9 * 16 * 4 * 128, 20 * 16 * (9 * 32 + 32 * 8),
        0, 640 * 5 * 4 * 6,
    ]  # fmt: skip


class Recording(Initializer):
    """Zeros; remembers the shapes that it was asked for."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        self.shapes.append(shape)
        return np.zeros(shape)


def test_initializers_see_what_one_output_sees() -> None:
    """A group's kernel; of a transposed convolution with a stride, the taps that reach one pixel."""

    def drawn(make: Callable[[Initializer], Layer], channels: int) -> list[tuple[int, ...]]:
        recording = Recording()
        small(make(recording), input_shape=(12, 12, channels))
        return recording.shapes

    assert drawn(lambda i: Conv2D(8, (3, 2), weight_initializer=i), 4) == [(3, 2, 4, 8)]
    assert drawn(lambda i: Conv2D(8, 3, groups=2, weight_initializer=i), 4) == [(3, 3, 2, 4)] * 2
    assert drawn(lambda i: DepthwiseConv2D(3, 2, weight_initializer=i), 4) == [(3, 3, 1, 2)] * 4
    assert drawn(lambda i: SeparableConv2D(5, 3, weight_initializer=i), 2) == [(3, 3, 1, 1)] * 2 + [(1, 1, 2, 5)]
    assert drawn(lambda i: Conv2DTranspose(8, 3, weight_initializer=i), 4) == [(3, 3, 4, 8)]
    by_stride = drawn(lambda i: Conv2DTranspose(8, (3, 2), stride=2, groups=2, weight_initializer=i), 4)
    assert Counter(by_stride) == {(2, 1, 2, 4): 4, (1, 1, 2, 4): 4}
    assert fans((3, 3, 2, 4)) == (18, 36)


def test_initializers_of_parts_fill_the_whole() -> None:
    rng = np.random.default_rng(58)
    groups = PerGroup(Orthogonal(), 3)(rng, (2, 2, 2, 24))
    for group in np.split(groups.reshape(8, 24), 3, axis=1):
        np.testing.assert_allclose(group @ group.T, np.eye(8), atol=1e-12)
    values = PerPhase(Orthogonal(), (2, 3), (1, 2), 2)(rng, (4, 3, 3, 10))
    assert np.isfinite(values).all()
    for start, column, group in itertools.product((0, 1), range(3), (0, 1)):
        part = values[start::2, column, :, 5 * group : 5 * group + 5]  # offsets 0, 2, 4 differ modulo 3
        flat = part.transpose(0, 2, 1).reshape(10, 3)
        np.testing.assert_allclose(flat.T @ flat, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("make", [
    lambda: Conv2D(64, 3, padding="same", activation="relu", bias=False),
    lambda: Conv2D(64, 3, padding="same", activation="relu", groups=16),
    lambda: Conv2DTranspose(64, 4, stride=2, padding="same", activation="relu"),
    lambda: Conv2DTranspose(64, 3, stride=3, groups=4, activation="relu"),
])  # fmt: skip
def test_signals_keep_their_size(make: Callable[[], Layer]) -> None:
    """He's initializer: the mean square of the outputs of a rectifier is that of its inputs."""
    model = Sequential(make(), input_shape=(12, 12, 64), seed=3, device=BACKENDS["reference"])
    y = model.forward(np.random.default_rng(59).normal(size=(4, 12, 12, 64)))
    assert 0.8 < np.mean(y[:, 4:-4, 4:-4] ** 2) < 1.25


def test_repr_and_config() -> None:
    for layer, text in (
        (Conv2D(8), "Conv2D(8)"),
        (Conv2D(8, 5, padding="same", activation="relu"), "Conv2D(8, kernel=5, padding='same', activation='relu')"),
        (Conv2D(8, [3, 1], stride=[2, 2], padding=[0, 1, 2, 3], groups=2),
         "Conv2D(8, kernel=(3, 1), stride=(2, 2), padding=(0, 1, 2, 3), groups=2)"),
        (Conv2D(8, activation=None), "Conv2D(8)"),
        (DepthwiseConv2D(5, 2), "DepthwiseConv2D(kernel=5, multiplier=2)"),
        (SeparableConv2D(8, dilation=2), "SeparableConv2D(8, dilation=2)"),
        (Conv2DTranspose(8, stride=2, output_padding=1), "Conv2DTranspose(8, stride=2, output_padding=1)"),
        (Conv1D(8, 5, padding=[4, 0]), "Conv1D(8, kernel=5, padding=(4, 0))"),
    ):  # fmt: skip
        assert repr(layer) == text
    assert Conv2D(np.int64(8), (np.int64(3), 2)).config()["kernel"] == [3, 2]  # type: ignore[arg-type]
    assert Conv2D(4).kind == "conv2d" and Conv2DTranspose(4).kind == "conv2d_transpose"
    assert Conv2D(4, activation="relu").output_function == "relu"


IMAGE = (8, 8, 4)
BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: small(Conv2D(8, 9), input_shape=IMAGE),
     r"0_conv2d: a window of 9 x 9 pixels is larger than the image, 8 x 8 with its padding\. Use a smaller"),
    (lambda: small(Conv2D(8, (1, 4), dilation=3, padding=(0, 0, 1, 0)), input_shape=IMAGE), "1 x 10 .* 8 x 9"),
    (lambda: small(DepthwiseConv2D(9), input_shape=IMAGE), "0_depthwise_conv2d: a window of 9 x 9"),
    (lambda: small(SeparableConv2D(8, 9), input_shape=IMAGE), "0_separable_conv2d: a window of 9 x 9"),
    (lambda: small(Conv2DTranspose(8, 3, padding=6), input_shape=(2, 3, 4)),
     r"0_conv2d_transpose: a padding of \(6, 6, 6, 6\) crops the image to 0 x 0 pixels\. Use less"),
    (lambda: small(Conv2D(8, groups=8), input_shape=IMAGE),
     "0_conv2d: expected a number of input channels that can be shared by 8 groups, got 4 channels"),
    (lambda: small(Conv2DTranspose(9, groups=3), input_shape=IMAGE), "shared by 3 groups, got 4"),
    (lambda: small(Conv1D(9, groups=3), input_shape=(8, 4)), "shared by 3 groups, got 4"),
    (lambda: Conv2D(8, groups=3), "Conv2D: groups: expected a divisor of the 8 filters, found 3"),
    (lambda: Conv2DTranspose(8, groups=3), "Conv2DTranspose: groups: expected a divisor"),
    (lambda: Conv1D(8, groups=3), "Conv1D: groups: expected a divisor"),
    (lambda: small(Conv2D(8), input_shape=(28, 28)),
     r"0_conv2d: expected images of shape \(height, width, channels\), got inputs of shape \(28, 28\)\. "
     r"Put Reshape\(\(28, 28, 1\)\) before it"),
    (lambda: small(Conv2D(8), input_shape=(784,)), r"Put Reshape\(\(height, width, channels\)\) before it"),
    (lambda: small(Conv2D(8), input_shape=(4, 8, 8, 1)), r"expected images .* got inputs of shape \(4, 8, 8, 1\)"),
    (lambda: small(Conv1D(8), input_shape=(28,)),
     r"0_conv1d: expected sequences of shape \(time, features\), got .*Put Reshape\(\(28, 1\)\) before it"),
    (lambda: small(Conv1D(8), input_shape=IMAGE), r"Put Reshape\(\(time, features\)\) before it"),
    (lambda: small(Conv1D(8, 5, dilation=2, padding=1), input_shape=(6, 4)),
     "0_conv1d: expected sequences of at least 7 steps, got 6"),
    (lambda: Conv2D(0), "Conv2D: filters: expected a whole number from 1 on, found 0"),
    (lambda: Conv2D(8, 0), "Conv2D: kernel: expected a whole number from 1 on, found 0"),
    (lambda: Conv2D(8, (3, 3, 3)), r"Conv2D: kernel: expected one number or \(height, width\), found \(3, 3, 3\)"),
    (lambda: Conv2D(8, 2.5), "Conv2D: kernel: expected a whole number"),  # type: ignore[arg-type]
    (lambda: Conv2D(8, "3"), "Conv2D: kernel: expected a whole number"),
    (lambda: Conv2D(8, stride=0), "Conv2D: stride: expected a whole number from 1 on"),
    (lambda: Conv2D(8, stride=(1, -1)), "Conv2D: stride: expected a whole number from 1 on, found -1"),
    (lambda: Conv2D(8, dilation=0), "Conv2D: dilation"),
    (lambda: Conv2D(8, padding="smae"), "Conv2D: unknown padding 'smae'. Did you mean 'same'"),
    (lambda: Conv2D(8, padding=-1), "Conv2D: padding: expected a whole number from 0 on, found -1"),
    (lambda: Conv2D(8, padding=(1, 1)), r"Conv2D: padding: .*\(top, bottom, left, right\), found \(1, 1\)"),
    (lambda: Conv1D(8, padding="full"), "Conv1D: unknown padding 'full'.*causal, same, valid"),
    (lambda: Conv1D(8, padding=(1, 1, 1, 1)), r"Conv1D: padding: .*\(before, after\)"),
    (lambda: Conv1D(8, (3, 3)), "Conv1D: kernel: expected a whole number"),  # type: ignore[arg-type]
    (lambda: DepthwiseConv2D(3, 0), "DepthwiseConv2D: multiplier"),
    (lambda: SeparableConv2D(3, multiplier=0), "SeparableConv2D: multiplier"),
    (lambda: Conv2DTranspose(8, stride=2, output_padding=2),
     "Conv2DTranspose: output_padding: expected less than the stride, 2, found 2"),
    (lambda: Conv2DTranspose(8, stride=2, output_padding=1, padding="same"), "output_padding: expected 0, since"),
    (lambda: Conv2D(8, activation="rleu"), "unknown activation 'rleu'.*Did you mean 'relu'"),
    (lambda: Conv2D(8, activation="softmax"), r"Conv2D: softmax is a layer of its own: add Activation\('softmax'\)"),
    (lambda: Conv2D(8, weight_initializer="he"), "unknown initializer 'he'"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)))
def test_errors_for_people(number: int) -> None:
    build, message = BAD[number]
    with pytest.raises(ModelError, match=message):
        build()


def test_the_hint_for_a_missing_axis_works() -> None:
    model = small(Reshape((28, 28, 1)), Conv2D(8, stride=2), Activation("relu"), input_shape=(28, 28))
    assert model.output_shape == (13, 13, 8)
