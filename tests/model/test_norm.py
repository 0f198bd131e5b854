"""The normalizing layers inside models, and batch normalization folded away for inference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import numbanet as nn
from numbanet import backend
from numbanet.errors import ModelError
from numbanet.layers import (
    Activation,
    BatchNorm,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GroupNorm,
    Layer,
    LayerNorm,
    Parallel,
    Reshape,
    Residual,
    RMSNorm,
    SeparableConv2D,
)
from numbanet.layers.chain import walk
from numbanet.model import Sequential
from numbanet.training.step import TrainStep

from .helpers import BACKENDS, blobs, flat, small
from .test_serialize import every_layer

Array = NDArray[Any]


def images(n: int = 20, shape: tuple[int, ...] = (6, 5, 3), seed: int = 0) -> Array:
    """With a mean and a deviation of its own for each channel."""
    rng = np.random.default_rng(seed)
    channels = np.arange(shape[-1])
    return (rng.normal(size=(n, *shape)) * (1 + channels) + 3 * channels).astype(np.float32)


def state_of(model: Sequential, name: str) -> tuple[Array, Array]:
    return tuple(model.state()[f"{name}.{part}"].copy() for part in ("running_mean", "running_variance"))  # type: ignore[return-value]


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("shape", [(3,), (7, 3), (6, 5, 3), (2, 3, 2, 3)])
def test_batch_norm_by_the_batch_and_by_the_running_averages(shape: tuple[int, ...], name: str) -> None:
    model = small(BatchNorm(0.3, 1e-3), input_shape=shape, device=BACKENDS[name])
    gamma, beta = (model.parameters()[f"0_batch_norm.{p}"] for p in ("gamma", "beta"))
    assert np.array_equal(gamma, [1, 1, 1]) and np.array_equal(beta, [0, 0, 0])
    gamma[:], beta[:] = [2, -1, 0.5], [1, 0, -3]
    assert [a.tolist() for a in state_of(model, "0_batch_norm")] == [[0, 0, 0], [1, 1, 1]]
    running_mean, running_variance = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = images(9, shape, seed)
        rows = x.reshape(-1, 3).astype(np.float64)
        mean, variance = rows.mean(axis=0), rows.var(axis=0)
        expected = (rows - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        np.testing.assert_allclose(model.forward(x, train=True).reshape(-1, 3), expected, rtol=1e-4, atol=1e-5)
        running_mean = 0.7 * running_mean + 0.3 * mean
        running_variance = 0.7 * running_variance + 0.3 * rows.var(axis=0, ddof=1)
        for got, want in zip(state_of(model, "0_batch_norm"), (running_mean, running_variance), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5)
    before = state_of(model, "0_batch_norm")
    expected = (rows - running_mean) / np.sqrt(running_variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(model.forward(x).reshape(-1, 3), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(x[:1]).reshape(-1, 3), expected[: len(rows) // 9], rtol=1e-4, atol=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(before, state_of(model, "0_batch_norm"), strict=True))


@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid", "tanh"])
def test_the_activation_is_that_of_a_layer_after_it(activation: str) -> None:
    x, dy = images(), images(seed=1)
    inside, outside = small(BatchNorm(activation=activation), input_shape=(6, 5, 3)), None
    outside = small(BatchNorm(), Activation(activation), input_shape=(6, 5, 3))
    for train in (True, False):
        y = inside.forward(x, train).copy()
        np.testing.assert_allclose(y, outside.forward(x, train), rtol=1e-5, atol=1e-6)
        dx = inside.backward(dy, need_dx=True)
        np.testing.assert_allclose(dx, outside.backward(dy, need_dx=True), rtol=1e-4, atol=1e-5)
        for mine, other in zip(inside.gradients().values(), outside.gradients().values(), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-3)


def test_backward_after_inference_takes_the_averages_as_constants() -> None:
    model, x = small(BatchNorm(), input_shape=(6, 5, 3), dtype="float64"), images().astype(np.float64)
    for seed in range(3):
        model.forward(images(seed=seed), train=True)
    model.parameters()["0_batch_norm.gamma"][:] = [2, 3, -1]
    rng = np.random.default_rng(1)
    dy, u = rng.normal(size=x.shape), rng.normal(size=x.shape)
    y = model.forward(x).copy()
    dx = model.backward(dy, need_dx=True).copy()  # type: ignore[union-attr]
    assert np.vdot(dx, u) == pytest.approx(np.vdot(model.forward(x + u) - y, dy))  # y is linear in x


def test_a_single_number_for_a_channel_is_refused_in_training_alone() -> None:
    model = small(Dense(4), BatchNorm(), Dense(3))
    x, y = blobs(9)
    assert np.isfinite(model.forward(x[:1])).all()
    for run in (lambda: model.forward(x[:1], train=True), lambda: model.fit(x, y, batch_size=4)):
        with pytest.raises(ModelError, match=r"1_batch_norm: expected at least two .*got one.*Choose a batch_size"):
            run()
    model.fit(x, y, batch_size=7)
    conv = small(Conv2D(2), BatchNorm(), input_shape=(4, 4, 1))
    assert np.isfinite(conv.forward(np.random.default_rng(0).random((1, 4, 4, 1)), train=True)).all()


def test_a_partial_batch_gives_what_the_whole_gives() -> None:
    x = images(10)
    model = small(
        GroupNorm(3), LayerNorm(), RMSNorm(), BatchNorm(activation="relu"), Flatten(), Dense(3), input_shape=(6, 5, 3)
    )
    model.forward(x, train=True)
    whole = model.forward(x).copy()
    parts = [model.forward(x[:7]).copy(), model.forward(x[7:]).copy(), model.forward(x[:7]).copy()]
    np.testing.assert_allclose(np.concatenate(parts[:2]), whole, rtol=1e-5, atol=1e-6)
    assert np.array_equal(parts[0], parts[2])


@pytest.mark.parametrize("shape", [(8,), (5, 8), (4, 3, 8)])
def test_norms_of_each_example(shape: tuple[int, ...]) -> None:
    x = images(7, shape)
    wide = x.astype(np.float64)

    def normalized(axes: int | tuple[int, ...], of: Array = wide) -> Array:
        mean, variance = of.mean(axis=axes, keepdims=True), of.var(axis=axes, keepdims=True)
        return ((of - mean) / np.sqrt(variance + 1e-5)).reshape(wide.shape)

    grouped = wide.reshape(7, -1, 4, 2)
    for layer, expected in (
        (LayerNorm(), normalized(-1)),
        (RMSNorm(), wide / np.sqrt(np.square(wide).mean(axis=-1, keepdims=True) + 1e-6)),
        (GroupNorm(4), normalized((1, 3), grouped)),
        (GroupNorm(1), normalized(tuple(range(1, wide.ndim)))),
    ):
        model = small(layer, input_shape=shape)
        for train in (True, False):
            np.testing.assert_allclose(model.forward(x, train), expected, rtol=1e-4, atol=1e-5)
        gamma = next(iter(model.parameters().values()))
        gamma[:] = np.arange(8)
        np.testing.assert_allclose(model.forward(x), expected * np.arange(8), rtol=1e-4, atol=1e-4)


def test_dropout_of_channels() -> None:
    x = np.ones((40, 5, 6, 30), np.float32)
    model = small(Dropout(0.5, per_channel=True), input_shape=(5, 6, 30))
    assert model.forward(x) is not None and np.array_equal(model.forward(x), x)
    y = model.forward(x, train=True).copy()
    assert np.array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape)) and set(np.unique(y)) == {0.0, 2.0}
    assert abs((y == 0).mean() - 0.5) < 5 * 0.5 / 1200**0.5
    assert np.array_equal(model.backward(x, need_dx=True), y)  # type: ignore[arg-type]
    model.step[0] += 1
    assert not np.array_equal(model.forward(x, train=True), y)
    features = np.ones((9, 50), np.float32)
    each, whole = (small(Dropout(0.5, per_channel=p), input_shape=(50,)) for p in (False, True))
    assert np.array_equal(each.forward(features, train=True), whole.forward(features, train=True))


def test_the_same_bits_for_any_number_of_threads() -> None:
    x, y = images(64, (12, 11, 3)), np.arange(64) % 5
    weights = []
    before = backend.threads()
    try:
        for threads in (1, before):
            backend.set_threads(threads)
            model = small(
                BatchNorm(), Conv2D(16, bias=False), BatchNorm(activation="relu"), GroupNorm(4), LayerNorm(), RMSNorm(),
                Dropout(0.2, per_channel=True), Flatten(), Dense(5), input_shape=(12, 11, 3),
            )  # fmt: skip
            model.fit(x, y, epochs=3, batch_size=24)
            weights.append((flat(model), model.state_arena.values.copy()))
    finally:
        backend.set_threads(before)
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_a_network_that_is_out_of_scale_learns_with_batch_norm() -> None:
    x, y = blobs(600)
    x = x * np.float32(1e3) + np.float32(2e4)

    def accuracy(*layers: Layer) -> float:
        model = small(*layers, Dense(3))
        model.fit(x, y, epochs=5, batch_size=32, optimizer=nn.SGD(0.1))
        return model.evaluate(x, y)["accuracy"]

    assert accuracy(BatchNorm(), Dense(16, bias=False), BatchNorm(activation="relu")) > 0.95


def test_running_averages_are_saved(tmp_path: Path) -> None:
    x, y = blobs(50)
    model = small(Dense(8), BatchNorm(0.05, 1e-4, "relu"), Dense(3))
    model.fit(x, y, epochs=2, batch_size=16)
    model.save(tmp_path / "m.safetensors")
    back = nn.load(tmp_path / "m.safetensors")
    assert repr(back.layers[1]) == "BatchNorm(momentum=0.05, epsilon=0.0001, activation='relu')"
    saved, loaded = state_of(model, "1_batch_norm"), state_of(back, "1_batch_norm")
    assert all(np.array_equal(a, b) for a, b in zip(saved, loaded, strict=True))
    assert not np.array_equal(loaded[0], np.zeros(8))
    assert np.array_equal(back.predict(x), model.predict(x))
    assert back.fit(x, y, batch_size=16)["loss"] == model.fit(x, y, batch_size=16)["loss"]


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: BatchNorm(1.5), "BatchNorm: momentum: expected a number from 0 to 1, found 1.5"),
    (lambda: BatchNorm(epsilon=0), "BatchNorm: epsilon: expected a number above 0, found 0"),
    (
        lambda: BatchNorm(activation="gelu"),
        r"linear, relu, sigmoid, tanh, found 'gelu': add Activation\('gelu'\) after",
    ),
    (lambda: BatchNorm(activation="rleu"), "BatchNorm: unknown activation 'rleu'.*Did you mean 'relu'"),
    (lambda: BatchNorm(activation="softmax"), r"found 'softmax': add Activation\('softmax'\) after it"),
    (lambda: GroupNorm(0), "GroupNorm: groups: expected a whole number from 1 on"),
    (lambda: GroupNorm(2, -1), "GroupNorm: epsilon"),
    (lambda: LayerNorm(-1), "LayerNorm: epsilon"),
    (lambda: RMSNorm("x"), "RMSNorm: epsilon"),  # type: ignore[arg-type]
    (
        lambda: small(GroupNorm(4), input_shape=(5, 6)),
        r"0_group_norm: expected channels, the last axis, that are a multiple of 4 groups, got inputs of shape \(5, 6\)",
    ),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_arguments(number: int) -> None:
    make, message = BAD[number]
    with pytest.raises(ModelError, match=message):
        make()


def test_what_the_layers_say_of_themselves() -> None:
    assert repr(BatchNorm(activation=None)) == "BatchNorm()"
    assert repr(GroupNorm(4)) == "GroupNorm(4)"
    assert repr(Dropout(0.5, per_channel=True)) == "Dropout(0.5, per_channel=True)"
    model = small(Dense(4), BatchNorm(activation="tanh"), input_shape=(3,))
    assert model.output_function == "tanh"
    assert [s for s in model.arena.slots if "norm" in s] == ["1_batch_norm.gamma", "1_batch_norm.beta"]
    assert all(model.arena.slots[f"1_batch_norm.{p}"].offset >= model.arena.decay_end for p in ("gamma", "beta"))


# Folding. Each case: the layers, the shape of their inputs, and what is left of them.
FUSED: dict[str, tuple[Callable[[], list[Layer]], tuple[int, ...], str]] = {
    "dense": (lambda: [Dense(5), BatchNorm(activation="relu"), Dense(2)], (4,), "Dense Dense"),
    "dense without bias": (lambda: [Dense(5, bias=False), BatchNorm(epsilon=0.1)], (4,), "Dense"),
    "conv2d": (
        lambda: [Conv2D(4, bias=False), BatchNorm(activation="tanh"), Conv2D(3, 1), BatchNorm()],
        (5, 4, 2),
        "Conv2D Conv2D",
    ),
    "conv2d of groups": (lambda: [Conv2D(4, groups=2), BatchNorm(activation="sigmoid")], (5, 4, 2), "Conv2D"),
    "depthwise": (lambda: [DepthwiseConv2D(2, 3), BatchNorm(), SeparableConv2D(3, 2), BatchNorm()], (5, 4, 2),
                  "DepthwiseConv2D SeparableConv2D"),
    "conv1d": (lambda: [Conv1D(4, 2), BatchNorm(activation="relu")], (6, 3), "Conv1D"),
    "an activation between": (lambda: [Dense(5, "relu"), BatchNorm(), Dense(2)], (4,), "Dense BatchNorm Dense"),
    "first": (lambda: [BatchNorm(), Dense(2), Activation("relu"), BatchNorm()], (4,),
              "BatchNorm Dense Activation BatchNorm"),
    "twice": (lambda: [Dense(5), BatchNorm(), BatchNorm(activation="relu")], (4,), "Dense BatchNorm"),
    "not directly": (lambda: [Dense(6), Reshape((2, 3)), BatchNorm(), Flatten(), Dropout(0.5), BatchNorm()], (4,),
                     "Dense Reshape BatchNorm Flatten Dropout BatchNorm"),
    "transposed": (lambda: [Conv2DTranspose(2, 2), BatchNorm()], (5, 4, 2), "Conv2DTranspose BatchNorm"),
    "residual": (
        lambda: [
            Conv2D(4, padding="same", bias=False),
            BatchNorm(activation="relu"),
            Residual(
                Conv2D(4, padding="same"), BatchNorm(activation="relu"), Conv2D(4, padding="same"), BatchNorm(),
                activation="relu",
            ),
            Residual(
                Conv2D(6, stride=2, padding="same"), BatchNorm(activation="relu"), Residual(Conv2D(6, 1), BatchNorm()),
                shortcut=[Conv2D(6, 1, stride=2, bias=False), BatchNorm()], activation="gelu",
            ),
            Residual(BatchNorm(), Conv2D(3, 1), shortcut="projection"),
        ],
        (5, 4, 2),
        "Conv2D Residual Conv2D Conv2D Residual Conv2D Residual Conv2D Conv2D Activation Residual BatchNorm Conv2D Conv2D",
    ),
    "parallel": (
        lambda: [Parallel([Dense(5), BatchNorm(activation="relu")], Dense(3), BatchNorm(), [], [Dense(2, "tanh")])],
        (4,),
        "Parallel Dense Dense BatchNorm Dense",
    ),
}  # fmt: skip


def trained(name: str, dtype: str = "float64") -> Sequential:
    """A model whose running averages, scales and shifts are far from what they started as."""
    layers, shape, _ = FUSED[name]
    model = Sequential(*layers(), input_shape=shape, seed=4, dtype=dtype)
    rng = np.random.default_rng(5)
    for key, array in {**model.parameters(), **model.state()}.items():
        array[...] = rng.uniform(0.5, 2, array.shape) if key.endswith("variance") else rng.normal(size=array.shape)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUSED)
def test_fused_equals_unfused(name: str, dtype: str) -> None:
    model = trained(name, dtype)
    x = np.random.default_rng(6).normal(size=(9, *model.input_shape)).astype(dtype)
    expected, weights = model.predict(x), flat(model)
    fused = model.fuse()
    assert " ".join(type(layer).__name__ for layer in walk(fused.layers)) == FUSED[name][2]
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(fused.predict(x), expected, rtol=0, atol=200 * np.finfo(dtype).eps * scale)
    assert np.array_equal(flat(model), weights) and np.array_equal(model.predict(x), expected)
    fused.arena.values[:] = 0
    assert np.array_equal(model.predict(x), expected), "the two models share an array"


def test_what_a_fused_model_keeps(tmp_path: Path) -> None:
    model = trained("residual", "float32")
    model.meta, model.step[0] = {"classes": ["a"]}, 7
    TrainStep(model, "sgd", "mse")
    fused = model.fuse()
    assert fused.meta == model.meta and fused.meta["classes"] is not model.meta["classes"]
    assert fused.loss is model.loss and fused.step[0] == 7 and fused.seed == 4
    assert fused.input_shape == model.input_shape and fused.output_shape == model.output_shape
    assert repr(fused.fuse()) == repr(fused)
    assert fused.layers[0].activation == "relu" and fused.layers[0].bias  # type: ignore[attr-defined]
    x = images(3, (5, 4, 2))
    fused.save(tmp_path / "m.safetensors")
    assert np.array_equal(nn.load(tmp_path / "m.safetensors").predict(x), fused.predict(x))
    assert fused.arena.parameters < model.arena.parameters


def test_a_model_of_every_layer() -> None:
    """All of them can be copied, whatever their arguments."""
    x, y = blobs(40)
    model = every_layer(seed=3)
    model.fit(x, y, epochs=2)
    fused = model.fuse()
    assert len(list(walk(fused.layers))) == len(list(walk(model.layers))) - 1
    np.testing.assert_allclose(fused.predict(x), model.predict(x), rtol=1e-4, atol=1e-5)


def test_folding_knows_no_device() -> None:
    layers, shape, _ = FUSED["conv2d"]
    x = np.random.default_rng(6).normal(size=(9, *shape))
    models = [Sequential(*layers(), input_shape=shape, dtype="float64", device=device) for device in BACKENDS.values()]
    fused = [model.fuse() for model in models]
    assert fused[1].backend is BACKENDS["reference"]
    np.testing.assert_allclose(fused[0].predict(x), fused[1].predict(x), rtol=1e-10)
