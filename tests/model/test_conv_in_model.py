"""The convolutional layers in a model: the kernels they call, batches, files, first weights, and how they are shown."""

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
from numbanet.backend import HostBackend
from numbanet.initializers import Initializer, Orthogonal, PerGroup, PerPhase, fans
from numbanet.kernels import reference
from numbanet.layers import (
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

from .helpers import BACKENDS, network, small

Array = NDArray[Any]


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
