"""A user's own image file or array, brought into the shape that a model wants."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from numbanet.cli.art import is_image
from numbanet.data.examples import table_inputs
from numbanet.data.pictures import as_mode, fitted, opened
from numbanet.data.table import load_features
from numbanet.errors import DataError

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Shape = tuple[int, ...]


class Loaded(NamedTuple):
    """Examples [n, *input_shape], and what was done to make them fit, for the user to know."""

    x: NDArray[Any]
    remark: str = ""


def load_file(path: Path, input_shape: Shape, as_drawn: bool = True, target: str | int | None = None) -> Loaded:
    """Read an .npy array, a CSV or an image file. Raises `DataError` if it cannot be read or made to fit.

    `target`: the column of a CSV that is none of the inputs.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file. Name an image, an .npy file, a CSV, or indices of test examples.")
    if path.suffix == ".npy":
        return load_array(path, input_shape)
    if path.name.endswith((".csv", ".csv.gz", ".tsv")):
        rows = load_features(path, math.prod(input_shape), target)
        return Loaded(table_inputs(rows).reshape(-1, *input_shape))
    return load_image(path, input_shape, as_drawn)


def load_array(path: Path, input_shape: Shape) -> Loaded:
    """One example or several from an .npy file: uint8, or float from 0 to 1."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as an .npy array: {error}.") from error
    if array.size == 0 or array.dtype.kind not in "uifb":
        raise DataError(f"{path}: expected numbers, found {array.dtype} {array.shape}.")
    for shape in (input_shape, input_shape[:-1] if input_shape[-1] == 1 else input_shape):
        if array.shape[-len(shape) :] == shape and array.ndim - len(shape) in (0, 1):
            return Loaded(_as_input(path, array.reshape(-1, *input_shape)))
    raise DataError(
        f"{path}: the model wants examples of shape {input_shape} (or several, {('n', *input_shape)}), "
        f"found {array.shape}.".replace("'n'", "n")
    )


def _as_input(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    """Bytes stay bytes; other whole numbers must be bytes in disguise; floats become float32."""
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise DataError(f"{path}: holds numbers that are not finite.")
        return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.min() < 0 or array.max() > 255:
        raise DataError(f"{path}: expected whole numbers from 0 to 255, found {array.min()} to {array.max()}.")
    return np.ascontiguousarray(array, dtype=np.uint8)


def load_image(path: Path, input_shape: Shape, as_drawn: bool = True) -> Loaded:
    """An image file as one example: gray or color as the model wants, resized, light background inverted.

    MNIST and its relatives are bright on black; what people draw or scan is mostly dark on white. Where the model was
    trained on image files, not `as_drawn`, an image stays as it is.
    """
    if not is_image(input_shape):
        raise DataError(f"{path}: the model wants examples of shape {input_shape}, which is not an image's.")
    height, width, channels = input_shape
    with opened(path) as image:
        flat = as_mode(image, channels)
        remarks = [f"resized from {image.width}x{image.height}"] if image.size != (width, height) else []
    if not as_drawn:  # as a folder of images is read for training
        return Loaded(fitted(flat, height, width).reshape(1, *input_shape), ", ".join(remarks))
    inverted = channels == 1 and _background(flat) > 127
    pixels = fitted(flat, height, width, round(_background(flat)) if channels == 1 else None)
    if inverted:
        pixels = 255 - pixels
        remarks.append("inverted, since its background is light")
    return Loaded(pixels.reshape(1, height, width, channels), ", ".join(remarks))


def _background(image: PillowImage.Image) -> float:
    """The median of the outermost pixels, 0 to 255."""
    pixels = np.asarray(image)
    return float(np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])))
