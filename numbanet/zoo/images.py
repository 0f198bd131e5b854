"""What the networks for images share: bringing the inputs into the form (height, width, channels)."""

from __future__ import annotations

from collections.abc import Sequence

from numbanet.errors import ModelError
from numbanet.layers import Layer, Normalize, Reshape


def image_layers(name: str, input_shape: Sequence[int], normalize: bool) -> list[Layer]:
    """The layers before a network's own: they give pictures without channels one, and normalize.

    Raises `ModelError` for inputs that are no pictures.
    """
    shape = tuple(input_shape)
    if len(shape) not in (2, 3):
        raise ModelError(
            f"model {name}: expected images of shape (height, width) or (height, width, channels), got inputs of "
            f"shape {shape}. Use --model mlp, or give the data that shape."
        )
    layers: list[Layer] = [Reshape((*shape, 1))] if len(shape) == 2 else []
    if normalize:
        layers.append(Normalize())
    return layers


def check_size(name: str, input_shape: Sequence[int], least: int) -> None:
    """Raise `ModelError` where an image is smaller than a network can take."""
    if min(input_shape[:2]) < least:
        height, width = input_shape[:2]
        raise ModelError(
            f"model {name}: expected images of at least {least} x {least} pixels, got {height} x {width}. "
            "Use --model mlp, or larger images."
        )
