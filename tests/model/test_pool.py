"""Pooling, upsampling and padding: what the layers compute, for all options, and what they say of themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.errors import ModelError
from numbanet.layers import (
    AvgPool1D,
    AvgPool2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    Layer,
    MaxPool1D,
    MaxPool2D,
    Reshape,
    UpSampling2D,
    ZeroPad2D,
)
from numbanet.model import Sequential

from .helpers import BACKENDS, small

OPTIONS = list(itertools.product((2, 3, (3, 2)), (None, 1, 2, (1, 3)), ("valid", "same", 1, (1, 0, 0, 1))))
IMAGE = (7, 6, 3)


def network(*layers: Layer, shape: tuple[int, ...] = IMAGE, backend: str = "cpu") -> Sequential:
    return Sequential(*layers, input_shape=shape, dtype="float64", device=BACKENDS[backend])


def distinct(*shape: int) -> Any:
    """Numbers of which no two are nearer than 1."""
    return np.random.default_rng(75).permutation(np.arange(float(np.prod(shape)))).reshape(shape)


def check_slopes(model: Sequential) -> None:
    """Steps too small to change which pixel is the largest: the outputs are linear in them."""
    rng = np.random.default_rng(76)
    x, dy = distinct(3, *model.input_shape), rng.normal(size=(3, *model.output_shape))
    model.forward(x)
    dx = np.array(model.backward(dy, need_dx=True))
    for _ in range(5):
        direction = rng.uniform(-0.4, 0.4, x.shape)
        above = float(np.sum(dy * model.forward(x + direction)))
        slope = above - float(np.sum(dy * model.forward(x - direction)))
        assert abs(slope / 2 - np.sum(dx * direction)) < 1e-10


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_for_all_options(backend: str) -> None:
    for size, stride, padding in OPTIONS:
        check_slopes(network(MaxPool2D(size, stride, padding), backend=backend))
        for count_padding in (False, True):
            check_slopes(network(AvgPool2D(size, stride, padding, count_padding=count_padding), backend=backend))
    for size, stride, padding in itertools.product((2, 3), (None, 1, 2), ("valid", "same", 1, (0, 1))):
        check_slopes(network(MaxPool1D(size, stride, padding), shape=(9, 4), backend=backend))
        check_slopes(network(AvgPool1D(size, stride, padding, count_padding=True), shape=(9, 4), backend=backend))
    for layer in (GlobalMaxPool2D(), GlobalAvgPool2D(), UpSampling2D(), UpSampling2D((1, 3)), ZeroPad2D((0, 1, 2, 3))):
        check_slopes(network(layer, backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_they_compute(backend: str) -> None:
    x = distinct(2, 6, 4, 3)
    blocks = x.reshape(2, 3, 2, 2, 2, 3)

    def y(*layers: Layer) -> Any:
        return network(*layers, shape=(6, 4, 3), backend=backend).forward(x)

    close = {"rtol": 1e-13}
    np.testing.assert_array_equal(y(MaxPool2D()), blocks.max(axis=(2, 4)))
    np.testing.assert_allclose(y(AvgPool2D()), blocks.mean(axis=(2, 4)), **close)
    np.testing.assert_array_equal(y(GlobalMaxPool2D()), x.max(axis=(1, 2)))
    np.testing.assert_allclose(y(GlobalAvgPool2D()), x.mean(axis=(1, 2)), **close)
    np.testing.assert_array_equal(y(UpSampling2D((2, 3))), x.repeat(2, axis=1).repeat(3, axis=2))
    np.testing.assert_array_equal(y(ZeroPad2D()), np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
    np.testing.assert_array_equal(y(ZeroPad2D((1, 0, 2, 3))), np.pad(x, ((0, 0), (1, 0), (2, 3), (0, 0))))
    np.testing.assert_array_equal(y(UpSampling2D(), MaxPool2D()), x)
    np.testing.assert_allclose(y(UpSampling2D(), AvgPool2D()), x, **close)
    # A border counts for a mean, if wanted, and never for a maximum, not even where all numbers are below zero.
    corner = y(AvgPool2D(2, padding=1))[:, 0, 0]
    np.testing.assert_array_equal(corner, x[:, 0, 0])
    np.testing.assert_allclose(y(AvgPool2D(2, padding=1, count_padding=True))[:, 0, 0], corner / 4, **close)
    below = network(MaxPool2D(2, padding=1), shape=(6, 4, 3), backend=backend)
    np.testing.assert_array_equal(below.forward(x - 1000)[:, 0, 0], x[:, 0, 0] - 1000)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sequence_is_an_image_one_pixel_high(backend: str) -> None:
    x = distinct(2, 11, 3)
    for size, stride, padding in itertools.product((2, 3), (None, 1, 2), ("valid", "same", 1, (0, 1))):
        ends: Any = padding if isinstance(padding, str) else (0, 0, *((padding,) * 2 if padding == 1 else padding))
        across = None if stride is None else (1, stride)
        for one, two in ((MaxPool1D, MaxPool2D), (AvgPool1D, AvgPool2D)):
            sequence = network(one(size, stride, padding), shape=(11, 3), backend=backend)
            image = network(two((1, size), across, ends), shape=(1, 11, 3), backend=backend)
            assert sequence.output_shape == image.output_shape[1:]
            y = sequence.forward(x).copy()
            np.testing.assert_array_equal(y, image.forward(x[:, None])[:, 0])
            np.testing.assert_array_equal(
                sequence.backward(y, need_dx=True), image.backward(y[:, None], need_dx=True)[:, 0]
            )


LAYERS: dict[str, tuple[Callable[[], Layer], tuple[int, ...]]] = {
    "max_pool2d": (lambda: MaxPool2D(2), IMAGE),
    "max_pool2d, overlapping": (lambda: MaxPool2D(3, 2, (1, 0, 1, 2)), IMAGE),
    "avg_pool2d": (lambda: AvgPool2D((2, 3), padding="same"), IMAGE),
    "avg_pool2d, overlapping": (lambda: AvgPool2D(3, 1, count_padding=True), IMAGE),
    "max_pool1d": (lambda: MaxPool1D(3, 2), (11, 3)),
    "avg_pool1d": (lambda: AvgPool1D(padding="same"), (11, 3)),
    "global_max_pool2d": (GlobalMaxPool2D, IMAGE),
    "global_avg_pool2d": (GlobalAvgPool2D, IMAGE),
    "up_sampling2d": (lambda: UpSampling2D((2, 1)), IMAGE),
    "zero_pad2d": (lambda: ZeroPad2D((0, 1, 2, 0)), IMAGE),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_partial_batch_gives_what_the_whole_gives(name: str, backend: str) -> None:
    make, shape = LAYERS[name]
    model = network(make(), shape=shape, backend=backend)
    rng = np.random.default_rng(77)
    x, dy = rng.normal(size=(9, *shape)), rng.normal(size=(9, *model.output_shape))
    results = []
    for part in (slice(0, 9), slice(0, 6), slice(6, 9)):
        y = model.forward(x[part]).copy()
        results.append((y, np.array(model.backward(dy[part], need_dx=True))))
    for whole, first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(np.concatenate([first, second]), whole)


@pytest.mark.parametrize("name", LAYERS)
def test_save_and_load(name: str, tmp_path: Path) -> None:
    make, shape = LAYERS[name]
    model = network(make(), nn.Flatten(), nn.Dense(3), shape=shape)
    model.save(tmp_path / "model.safetensors")
    back = nn.load(tmp_path / "model.safetensors")
    assert repr(back) == repr(model)
    x = distinct(4, *shape)
    assert np.array_equal(back.predict(x), model.predict(x))


def test_shapes() -> None:
    def shapes(*layers: Layer, input_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [layer.out_shape for layer in small(*layers, input_shape=input_shape).layers]

    assert shapes(
        MaxPool2D(2), MaxPool2D(2, padding="same"), MaxPool2D(3, 2, 1), ZeroPad2D(2), AvgPool2D((5, 2), (1, 3)),
        UpSampling2D((3, 2)), GlobalAvgPool2D(), Reshape((8, 4)), MaxPool1D(3), AvgPool1D(2, padding="same"),
        input_shape=(28, 29, 32),
    ) == [
        (14, 14, 32), (7, 7, 32), (4, 4, 32), (8, 8, 32), (4, 3, 32), (12, 6, 32), (32,), (8, 4), (2, 4), (1, 4),
    ]  # fmt: skip


def test_nothing_is_done_for_a_gradient_nobody_needs() -> None:
    for make, shape in LAYERS.values():
        model = network(make(), shape=shape)
        y = model.forward(distinct(2, *shape))
        assert model.layers[0].backward(distinct(2, *shape), np.ones_like(y), need_dx=False) is None


def test_repr_and_config() -> None:
    for layer, text in (
        (MaxPool2D(), "MaxPool2D()"),
        (MaxPool2D(2), "MaxPool2D()"),
        (MaxPool2D([3, 2], [2, 1], [0, 1, 1, 0]), "MaxPool2D(size=(3, 2), stride=(2, 1), padding=(0, 1, 1, 0))"),
        (AvgPool2D(3, padding="same", count_padding=True), "AvgPool2D(size=3, padding='same', count_padding=True)"),
        (MaxPool1D(3, 1, padding=[1, 2]), "MaxPool1D(size=3, stride=1, padding=(1, 2))"),
        (AvgPool1D(4), "AvgPool1D(size=4)"),
        (GlobalMaxPool2D(), "GlobalMaxPool2D()"),
        (UpSampling2D([2, 3]), "UpSampling2D(factor=(2, 3))"),
        (ZeroPad2D([1, 2, 3, 4]), "ZeroPad2D(padding=(1, 2, 3, 4))"),
    ):
        assert repr(layer) == text
    assert MaxPool2D(np.int64(3)).config() == {"size": 3, "stride": None, "padding": "valid"}  # type: ignore[arg-type]
    assert MaxPool2D().kind == "max_pool2d" and GlobalAvgPool2D().kind == "global_avg_pool2d"


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: small(MaxPool2D(9), input_shape=(8, 7, 3)),
     r"0_max_pool2d: a window of 9 x 9 pixels is larger than the image, 8 x 7 with its padding\. Use a smaller size"),
    (lambda: small(MaxPool2D(2), AvgPool2D((2, 5), padding=(0, 0, 0, 0)), input_shape=(8, 8, 3)),
     "1_avg_pool2d: a window of 2 x 5 pixels is larger than the image, 4 x 4"),
    (lambda: small(MaxPool1D(6, padding=(0, 1)), input_shape=(4, 3)),
     "0_max_pool1d: expected at least 6 steps, padding included, got 5. Use a smaller size"),
    (lambda: small(AvgPool1D(6), input_shape=(4, 3)), "0_avg_pool1d: expected at least 6 steps"),
    (lambda: MaxPool2D(2, padding=2),
     "MaxPool2D: padding: expected less than the size, 2, on each side, found 2: a window could lie beside the input"),
    (lambda: AvgPool2D((3, 2), padding=(2, 2, 1, 2)), r"less than the size, \(3, 2\), .* found \(2, 2, 1, 2\)"),
    (lambda: MaxPool2D((3, 2), padding=(0, 3, 0, 0)), "MaxPool2D: padding: expected less than the size"),
    (lambda: MaxPool1D(3, padding=(0, 3)), "MaxPool1D: padding: expected less than the size, 3"),
    (lambda: AvgPool1D(3, padding=3), "AvgPool1D: padding: expected less than the size, 3"),
    (lambda: MaxPool2D(0), "MaxPool2D: size: expected a whole number from 1 on, found 0"),
    (lambda: MaxPool2D((2, 2, 2)), r"MaxPool2D: size: expected one number or \(height, width\)"),
    (lambda: AvgPool2D(2, 0), "AvgPool2D: stride: expected a whole number from 1 on, found 0"),
    (lambda: AvgPool2D(2, padding="sane"), "AvgPool2D: unknown padding 'sane'.*Did you mean 'same'"),
    (lambda: AvgPool2D(3, padding=(1, 1)), r"AvgPool2D: padding: expected .*\(top, bottom, left, right\), found \(1, 1\)"),
    (lambda: AvgPool2D(3, padding=-1), "AvgPool2D: padding: expected a whole number from 0 on"),
    (lambda: MaxPool1D((2, 2)), "MaxPool1D: size: expected a whole number"),  # type: ignore[arg-type]
    (lambda: MaxPool1D(2, 0), "MaxPool1D: stride: expected a whole number from 1 on"),
    (lambda: MaxPool1D(2, padding="causal"), "MaxPool1D: unknown padding 'causal'"),
    (lambda: MaxPool1D(2, padding=(1, 1, 1, 1)), r"MaxPool1D: padding: expected a name, .*\(before, after\)"),
    (lambda: small(MaxPool2D(), input_shape=(28, 28)), r"0_max_pool2d: expected images .*Put Reshape\(\(28, 28, 1\)\)"),
    (lambda: small(GlobalAvgPool2D(), input_shape=(784,)), "0_global_avg_pool2d: expected images"),
    (lambda: small(MaxPool1D(), input_shape=(28,)), r"0_max_pool1d: expected sequences .*Put Reshape\(\(28, 1\)\)"),
    (lambda: small(AvgPool1D(), input_shape=(28, 28, 1)), r"0_avg_pool1d: expected sequences of shape \(time, features\)"),
    (lambda: small(UpSampling2D(), input_shape=(28, 28)), "0_up_sampling2d: expected images"),
    (lambda: UpSampling2D(0), "UpSampling2D: factor: expected a whole number from 1 on"),
    (lambda: UpSampling2D((1, 2, 3)), "UpSampling2D: factor"),
    (lambda: small(ZeroPad2D(), input_shape=(28, 28)), "0_zero_pad2d: expected images"),
    (lambda: ZeroPad2D("same"), "ZeroPad2D: padding: expected a number of pixels or"),  # type: ignore[arg-type]
    (lambda: ZeroPad2D((1, 2)), r"ZeroPad2D: padding: .*found \(1, 2\)"),
    (lambda: ZeroPad2D(-1), "ZeroPad2D: padding: expected a whole number from 0 on"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)))
def test_errors_for_people(number: int) -> None:
    build, message = BAD[number]
    with pytest.raises(ModelError, match=message):
        build()
