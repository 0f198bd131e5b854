"""Pooling, upsampling and padding against PyTorch, forward and backward, and a network with all of it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.kernels.geometry import pair

from .torches import assert_equal, tensor, torch

F, tn = torch.nn.functional, torch.nn
DTYPES = ("float32", "float64")
IMAGE = (9, 8, 19)
WINDOWS = list(itertools.product((2, 3, (3, 2)), (None, 1, 2, (1, 3)), (0, 1)))  # size, stride, padding


def compare(layer: Any, shape: tuple[int, ...], dtype: str, theirs: Any, roundings: float) -> None:
    """Outputs and gradients of `layer` and of `theirs(images)`. Many numbers are equal, and half are not above zero."""
    rng = np.random.default_rng(78)
    model = nn.Sequential(layer, input_shape=shape, dtype=dtype)
    x = np.maximum(rng.standard_normal((5, *shape)), 0).round(1).astype(dtype)
    y = model.forward(x).copy()
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx = model.backward(dy, need_dx=True)
    images = tensor(np.moveaxis(x, -1, 1), gradient=True)
    expected = torch.movedim(theirs(images), 1, -1)
    expected.backward(tensor(dy))
    assert_equal(y, expected, roundings, "output")
    assert_equal(dx, torch.movedim(images.grad, 1, -1), roundings, "dx")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)
def test_images(size: Any, stride: Any, padding: int, dtype: str) -> None:
    compare(nn.MaxPool2D(size, stride, padding), IMAGE, dtype, lambda x: F.max_pool2d(x, size, stride, padding), 9)
    for count in (False, True):
        layer = nn.AvgPool2D(size, stride, padding, count_padding=count)
        compare(layer, IMAGE, dtype, lambda x, count=count: F.avg_pool2d(
            x, size, stride, padding, count_include_pad=count), 20)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_sides_that_differ(stride: int, dtype: str) -> None:
    """PyTorch pads both sides alike: for others, an image with a border of -inf, or of zeros that count."""
    for padding in ((1, 0, 0, 2), (2, 2, 0, 1)):
        top, bottom, left, right = padding
        border = (left, right, top, bottom)
        compare(nn.MaxPool2D(3, stride, padding), IMAGE, dtype,
                lambda x, b=border: F.max_pool2d(F.pad(x, b, value=-np.inf), 3, stride), 9)  # fmt: skip
        compare(nn.AvgPool2D(3, stride, padding, count_padding=True), IMAGE, dtype,
                lambda x, b=border: F.avg_pool2d(F.pad(x, b), 3, stride), 20)  # fmt: skip
    assert nn.Sequential(nn.MaxPool2D(3, stride, "same"), input_shape=IMAGE).output_shape[:2] == tuple(
        -(-n // s) for n, s in zip(IMAGE[:2], pair(stride), strict=True)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("size", "stride", "padding"), list(itertools.product((2, 3), (None, 1, 2), (0, 1))))
def test_sequences(size: int, stride: Any, padding: int, dtype: str) -> None:
    shape = (13, 6)
    compare(nn.MaxPool1D(size, stride, padding), shape, dtype, lambda x: F.max_pool1d(x, size, stride, padding), 9)
    compare(nn.AvgPool1D(size, stride, padding, count_padding=True), shape, dtype,
            lambda x: F.avg_pool1d(x, size, stride, padding), 20)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_images(dtype: str) -> None:
    for shape in (IMAGE, (1, 1, 3), (28, 28, 6)):
        compare(nn.GlobalAvgPool2D(), shape, dtype, lambda x: x.mean(dim=(2, 3)), 100)
        compare(nn.GlobalMaxPool2D(), shape, dtype, lambda x: F.adaptive_max_pool2d(x, 1).flatten(1), 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_larger_images(dtype: str) -> None:
    for factor in (1, 2, (3, 2)):
        compare(nn.UpSampling2D(factor), IMAGE, dtype, lambda x, f=factor: F.interpolate(
            x, scale_factor=pair(f), mode="nearest"), 10)  # fmt: skip
    compare(nn.ZeroPad2D((1, 0, 2, 3)), IMAGE, dtype, lambda x: F.pad(x, (2, 3, 1, 0)), 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan(dtype: str) -> None:
    """Both hand a NaN on, and send the gradient to one (if there are several, PyTorch to the last)."""
    x = np.random.default_rng(79).standard_normal((2, 6, 6, 5)).astype(dtype)
    x[0, 1, 1, 1] = x[1, 4, 2, 3] = np.nan
    model = nn.Sequential(nn.MaxPool2D(), input_shape=(6, 6, 5), dtype=dtype)
    images = tensor(np.moveaxis(x, -1, 1), gradient=True)
    expected = torch.movedim(F.max_pool2d(images, 2), 1, -1)
    expected.backward(torch.ones_like(expected))
    y = model.forward(x).copy()
    np.testing.assert_array_equal(y, expected.detach())
    dx = model.backward(np.ones_like(y), need_dx=True)
    np.testing.assert_array_equal(dx, torch.movedim(images.grad, 1, -1))


def test_ten_training_steps_of_lenet() -> None:
    """Losses, then all weights."""
    ours = nn.Sequential(
        nn.Conv2D(6, 5, padding="same", activation="tanh"), nn.MaxPool2D(2), nn.ZeroPad2D(1),
        nn.Conv2D(8, 3, activation="relu"), nn.AvgPool2D(3, 2, 1), nn.UpSampling2D(2), nn.MaxPool2D(3, 2, 1),
        nn.GlobalAvgPool2D(), nn.Dense(3), input_shape=(12, 12, 1), seed=8, dtype="float64",
    )  # fmt: skip
    theirs = tn.Sequential(
        tn.Conv2d(1, 6, 5, padding=2), tn.Tanh(), tn.MaxPool2d(2), tn.ZeroPad2d(1),
        tn.Conv2d(6, 8, 3), tn.ReLU(), tn.AvgPool2d(3, 2, 1, count_include_pad=False), tn.Upsample(scale_factor=2),
        tn.MaxPool2d(3, 2, 1), tn.AdaptiveAvgPool2d(1), tn.Flatten(), tn.Linear(8, 3),
    ).double()  # fmt: skip
    pairs = []
    for layer, module in zip(
        [layer for layer in ours.layers if layer.parameters], [m for m in theirs if hasattr(m, "weight")], strict=True
    ):
        for name, array in (("weight", module.weight.movedim((0, 1), (-1, -2))), ("bias", module.bias)):
            pairs.append((f"{layer.name}.{name}", ours.parameters()[f"{layer.name}.{name}"], array))
    with torch.no_grad():
        for _, mine, array in pairs:
            array.copy_(tensor(mine))
    step = nn.TrainStep(ours, optimizer=nn.SGD(0.1, momentum=0.9), loss="cross_entropy")
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    rng = np.random.default_rng(61)
    for _ in range(10):
        x, labels = rng.standard_normal((8, 12, 12, 1)), rng.integers(0, 3, 8)
        mine = step(x, labels)
        optimizer.zero_grad()
        loss = F.cross_entropy(theirs(tensor(np.moveaxis(x, -1, 1))), tensor(labels))
        loss.backward()
        optimizer.step()
        assert_equal(mine, loss, 2000, "loss")
    for name, array, expected in pairs:
        assert_equal(array, expected, 20_000, name)
