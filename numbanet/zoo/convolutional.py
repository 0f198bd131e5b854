"""Convolutional networks that run straight through."""

from __future__ import annotations

from collections.abc import Sequence

from numbanet.backend import Backend
from numbanet.configurable import check_whole
from numbanet.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D
from numbanet.model import Sequential
from numbanet.zoo.images import check_size, image_layers

FASTNET_PIXELS = 17  # the height and width of the smallest image that leaves `fastnet` a pixel


def lenet(
    input_shape: Sequence[int],
    classes: int,
    *,
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """LeNet-5 with ReLU and maximum pooling: two convolutions of 5 x 5 and three dense layers.

    After LeCun et al., "Gradient-based learning applied to document recognition" (doi 10.1109/5.726791).
    """
    before = image_layers("lenet", input_shape, normalize)
    check_size("lenet", input_shape, 12)
    layers: list[Layer] = [
        Conv2D(6, 5, padding=2, activation="relu"),
        MaxPool2D(2),
        Conv2D(16, 5, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(120, activation="relu"),
        Dense(84, activation="relu"),
        Dense(classes),
    ]
    return Sequential(*before, *layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)


def cnn(
    input_shape: Sequence[int],
    classes: int,
    *,
    dropout: float = 0.25,
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """The network of many introductions: convolutions 3 x 3 to 32 and to 64 maps, pooling, a dense layer of 128.

    `dropout` before the dense layer; twice as much, at most half, before the logits.
    """
    before = image_layers("cnn", input_shape, normalize)
    check_size("cnn", input_shape, 6)
    layers: list[Layer] = [
        Conv2D(32, 3, activation="relu"),
        Conv2D(64, 3, activation="relu"),
        MaxPool2D(2),
        Dropout(dropout),
        Flatten(),
        Dense(128, activation="relu"),
        Dropout(min(0.5, 2 * dropout)),
        Dense(classes),
    ]
    return Sequential(*before, *layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)


def fastnet(
    input_shape: Sequence[int],
    classes: int,
    *,
    width: int = 16,
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """Three convolutions with strides and batch norm, and a dense layer: a good result in a short time.

    Strides in place of pooling leave few pixels for the later layers, which have most of the maps: `width`, twice and
    four times as many. Without biases, which batch norm would take away again.
    """
    before = image_layers("fastnet", input_shape, normalize)
    check_size("fastnet", input_shape, FASTNET_PIXELS)
    maps = check_whole("fastnet", "width", width, 1)
    layers: list[Layer] = [
        Conv2D(maps, 5, stride=2, bias=False),
        BatchNorm(activation="relu"),
        Conv2D(2 * maps, 3, stride=2, bias=False),
        BatchNorm(activation="relu"),
        Conv2D(4 * maps, 3, bias=False),
        BatchNorm(activation="relu"),
        Flatten(),
        Dense(classes),
    ]
    return Sequential(*before, *layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)
