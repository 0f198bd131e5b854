"""Residual networks (He et al., "Deep residual learning for image recognition", arXiv 1512.03385)."""

from __future__ import annotations

from collections.abc import Sequence

from numbanet.backend import Backend
from numbanet.configurable import check_whole
from numbanet.layers import BatchNorm, Conv2D, Dense, GlobalAvgPool2D, Layer, Residual
from numbanet.model import Sequential
from numbanet.zoo.images import image_layers


def resnet(
    input_shape: Sequence[int],
    classes: int,
    *,
    width: int = 16,
    blocks: Sequence[int] = (1, 1, 1),
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """A convolution of 3 x 3, stages of basic blocks, the mean of each map, and a dense layer.

    `blocks` is the number of blocks in each stage; each stage but the first halves the image and doubles its maps,
    of which the first has `width`. So (3, 3, 3) is the paper's ResNet-20.
    """
    layers = image_layers("resnet", input_shape, normalize)
    maps = check_whole("resnet", "width", width, 1)
    layers += [Conv2D(maps, 3, padding="same", bias=False), BatchNorm(activation="relu")]
    for stage, count in enumerate(blocks):
        for block in range(check_whole("resnet", "blocks", count, 1)):
            stride = 2 if stage > 0 and block == 0 else 1
            maps = width * 2**stage
            layers.append(_basic_block(maps, stride, changes=stride > 1))
    layers += [GlobalAvgPool2D(), Dense(classes)]
    return Sequential(*layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)


def _basic_block(maps: int, stride: int, *, changes: bool) -> Residual:
    """Two convolutions of 3 x 3 with batch norm; a projection beside them where the shape changes."""
    shortcut: list[Layer] | None = [Conv2D(maps, 1, stride=stride, bias=False), BatchNorm()] if changes else None
    return Residual(
        Conv2D(maps, 3, stride=stride, padding=1, bias=False),
        BatchNorm(activation="relu"),
        Conv2D(maps, 3, padding=1, bias=False),
        BatchNorm(),
        shortcut=shortcut,
        activation="relu",
    )
