"""Every convolutional layer with its options against PyTorch, forward and backward, and ten training steps."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.initializers import Normal
from numbanet.kernels.geometry import pair, same_padding

from .torches import assert_equal, tensor, torch

F, tn = torch.nn.functional, torch.nn
BATCH = 4
IMAGE = (9, 8)
WINDOWS = list(itertools.product((1, 2, 3), (1, 2), ("valid", "same", 2, (2, 0, 1, 3))))  # stride, dilation, padding
OPTIONS: dict[str, Any] = {"bias_initializer": Normal(0.5)}


def nchw(array: Any) -> Any:
    """Images as PyTorch has them, as a leaf."""
    return tensor(np.moveaxis(array, -1, 1), gradient=True)


def channels_last(images: Any) -> Any:
    """Images or sequences of PyTorch's as ours."""
    return torch.movedim(images, 1, -1)


def kernels(array: Any) -> Any:
    """(kh, kw, in, out) to (out, in, kh, kw), as a leaf; a transposed convolution's has in and out exchanged."""
    return tensor(np.moveaxis(array, (-1, -2), (0, 1)), gradient=True)


def ours_last(weight: Any) -> Any:
    """The inverse of `kernels`."""
    return torch.movedim(weight, (0, 1), (-1, -2))


def padded(images: Any, padding: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Images with zeros around them: PyTorch's own padding is the same on both sides."""
    if padding == "valid":
        return images
    if padding == "same":
        axes = zip(images.shape[2:], pair(kernel), pair(stride), pair(dilation), strict=True)
        (top, bottom), (left, right) = (same_padding(*axis) for axis in axes)
    else:
        top, bottom, left, right = (padding,) * 4 if isinstance(padding, int) else padding
    return F.pad(images, (left, right, top, bottom))


def compare(layer: Any, shape: tuple[int, ...], dtype: str, theirs: Any) -> None:
    """Outputs and all gradients of `layer` and of `theirs(images, tensors)`."""
    rng = np.random.default_rng(60)
    model = nn.Sequential(layer, input_shape=shape, seed=7, dtype=dtype)
    x = rng.standard_normal((BATCH, *shape)).astype(dtype)
    y = model.forward(x).copy()
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx = model.backward(dy, need_dx=True)
    named = {name.partition(".")[2]: array for name, array in model.parameters().items()}
    leaves = {name: tensor(a, gradient=True) if a.ndim == 1 else kernels(a) for name, a in named.items()}
    images = nchw(x)
    expected = channels_last(theirs(images, leaves))
    expected.backward(tensor(dy))
    assert_equal(y, expected, 100, "output")
    assert_equal(dx, channels_last(images.grad), 100, "dx")
    for name, array in model.gradients().items():
        gradient = leaves[name.partition(".")[2]].grad
        assert_equal(array, gradient if array.ndim == 1 else ours_last(gradient), 400, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize(("stride", "dilation", "padding"), WINDOWS)
def test_conv2d(stride: int, dilation: int, padding: Any, groups: int, dtype: str) -> None:
    for kernel, bias in (((3, 2), True), (1, False)):
        window = (kernel, stride, dilation)

        def theirs(x: Any, t: Any, window: Any = window) -> Any:
            _, step, spread = window
            return F.conv2d(padded(x, padding, *window), t["weight"], t.get("bias"), step, 0, spread, groups)

        layer = nn.Conv2D(
            12, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias, **OPTIONS
        )
        compare(layer, (*IMAGE, 6), dtype, theirs)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "gelu", "silu", "leaky_relu"])
def test_activations(activation: str) -> None:
    functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
    function = functions.get(activation) or getattr(F, activation)
    compare(nn.Conv2D(7, (5, 3), activation=activation, **OPTIONS), (*IMAGE, 3), "float64",
            lambda x, t: function(F.conv2d(x, t["weight"], t["bias"])))  # fmt: skip
    compare(nn.Conv2DTranspose(7, stride=2, activation=activation, **OPTIONS), (*IMAGE, 3), "float64",
            lambda x, t: function(F.conv_transpose2d(x, t["kernel"], t["bias"], 2)))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("stride", "dilation", "padding"), WINDOWS)
def test_depthwise(stride: int, dilation: int, padding: Any, dtype: str) -> None:
    window = ((3, 2), stride, dilation)
    for multiplier in (1, 3):
        layer = nn.DepthwiseConv2D((3, 2), multiplier, stride=stride, padding=padding, dilation=dilation, **OPTIONS)
        compare(layer, (*IMAGE, 5), dtype, lambda x, t: F.conv2d(
            padded(x, padding, *window), t["weight"], t["bias"], stride, 0, dilation, 5))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("stride", "dilation", "padding"), WINDOWS)
def test_separable(stride: int, dilation: int, padding: Any, dtype: str) -> None:
    def theirs(x: Any, t: Any) -> Any:
        images = padded(x, padding, 3, stride, dilation)
        return F.conv2d(F.conv2d(images, t["depthwise"], None, stride, 0, dilation, 4), t["weight"], t["bias"])

    layer = nn.SeparableConv2D(7, stride=stride, padding=padding, dilation=dilation, multiplier=2, **OPTIONS)
    compare(layer, (*IMAGE, 4), dtype, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(("stride", "extra"), [(1, 0), (2, 0), (2, 1), ((3, 2), (2, 1))])
@pytest.mark.parametrize("padding", [0, 1])
def test_transposed(padding: int, stride: Any, extra: Any, dilation: int, groups: int, dtype: str) -> None:
    for kernel in (3, (2, 4)):
        layer = nn.Conv2DTranspose(6, kernel, stride=stride, padding=padding, output_padding=extra, dilation=dilation,
                                   groups=groups, **OPTIONS)  # fmt: skip
        compare(layer, (5, 4, 4), dtype, lambda x, t: F.conv_transpose2d(
            x, t["kernel"], t["bias"], stride, padding, extra, groups, dilation))  # fmt: skip


def test_transposed_with_other_paddings() -> None:
    """What PyTorch has not: sides that differ, and "same", in * stride; both are crops of the whole."""
    compare(nn.Conv2DTranspose(6, 4, stride=2, padding=(2, 0, 1, 3), bias=False), (5, 4, 4), "float64",
            lambda x, t: F.conv_transpose2d(x, t["kernel"], None, 2)[:, :, 2:, 1:-3])  # fmt: skip
    compare(nn.Conv2DTranspose(6, 5, stride=2, padding="same", bias=False), (5, 4, 4), "float64",
            lambda x, t: F.conv_transpose2d(x, t["kernel"], None, 2)[:, :, 1:-2, 1:-2])  # fmt: skip
    compare(nn.Conv2DTranspose(6, 2, stride=3, padding="same", bias=False), (5, 4, 4), "float64",
            lambda x, t: F.pad(F.conv_transpose2d(x, t["kernel"], None, 3), (0, 1, 0, 1)))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("stride", "dilation", "padding"),
    list(itertools.product((1, 2, 3), (1, 2), ("valid", "same", "causal", 2, (3, 1)))),
)
def test_conv1d(stride: int, dilation: int, padding: Any, groups: int, dtype: str) -> None:
    time = 13
    ends = {"valid": (0, 0), "same": same_padding(time, 4, stride, dilation), "causal": (3 * dilation, 0), 2: (2, 2)}
    layer = nn.Conv1D(8, 4, stride=stride, padding=padding, dilation=dilation, groups=groups, **OPTIONS)
    compare(layer, (time, 6), dtype, lambda x, t: F.conv1d(
        F.pad(x, ends.get(padding, padding)), t["weight"], t["bias"], stride, 0, dilation, groups))  # fmt: skip


def test_ten_training_steps() -> None:
    """LeNet's first half, a strided and a depthwise convolution, and a way back up: losses, then all weights."""
    ours = nn.Sequential(
        nn.Conv2D(6, 5, padding="same", activation="relu"), nn.Conv2D(8, 3, stride=2, activation="tanh"),
        nn.DepthwiseConv2D(3, 2, padding="same"), nn.Conv2D(5, 1, activation="gelu"),
        nn.Conv2DTranspose(4, 2, stride=2), nn.Flatten(), nn.Dense(3),
        input_shape=(12, 12, 1), seed=8, dtype="float64",
    )  # fmt: skip
    theirs = tn.Sequential(
        tn.Conv2d(1, 6, 5, padding=2), tn.ReLU(), tn.Conv2d(6, 8, 3, stride=2), tn.Tanh(),
        tn.Conv2d(8, 16, 3, padding=1, groups=8), tn.Conv2d(16, 5, 1), tn.GELU(),
        tn.ConvTranspose2d(5, 4, 2, stride=2), tn.Flatten(), tn.Linear(4 * 10 * 10, 3),
    ).double()  # fmt: skip
    modules = [m for m in theirs if hasattr(m, "weight")]
    layers = [layer for layer in ours.layers if layer.parameters]
    parameters = ours.parameters()

    def weights() -> list[tuple[str, Any, Any]]:
        """(name, ours, theirs in our layout): we flatten images with their channels last."""
        found = []
        for layer, module in zip(layers, modules, strict=True):
            weight = module.weight
            if weight.ndim == 2:
                weight = weight.reshape(3, 4, 10, 10).permute(2, 3, 1, 0).reshape(400, 3)
            else:
                weight = ours_last(weight)
            for spec, array in zip(layer.parameters, (weight, module.bias), strict=True):
                found.append((f"{layer.name}.{spec.name}", parameters[f"{layer.name}.{spec.name}"], array))
        return found

    with torch.no_grad():
        for _, array, theirs_now in weights():
            array[...] = theirs_now.numpy()
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
        assert_equal(mine, loss, 10_000, "loss")
    for name, array, theirs_now in weights():
        assert_equal(array, theirs_now, 100_000, name)
