"""From what a user hands in to the arrays that kernels take: checked once, converted where it must be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import ModelError

BYTE_SCALE = 1.0 / 255.0  # uint8 inputs are read as 0 .. 1


def as_inputs(
    x: Any, input_shape: tuple[int, ...], dtype: str, where: str = "x", tokens: int | None = None
) -> NDArray[Any]:
    """`x` as an array [n, *input_shape] of uint8 (kept: 0..255 stands for 0..1) or of `dtype`.

    With `tokens`, how many there are, x is whole numbers from 0 to below that, and the result is int64.
    The result is contiguous, aligned and writable; it is `x` itself where x is all that. Raises `ModelError`.
    """
    try:
        array = np.asarray(x)
    except ValueError as error:
        advice = "" if tokens is None else " Fill up the shorter ones: Embedding's padding_index."
        raise ModelError(f"{where}: expected an array of numbers, got rows of different lengths.{advice}") from error
    if array.dtype.kind not in "uifb":
        raise ModelError(f"{where}: expected numbers, got elements of type {array.dtype}.")
    if array.shape[1:] != input_shape or array.ndim == 0:
        raise ModelError(
            f"{where}: expected an array of examples, {_batch(input_shape)}, got one of shape "
            f"{array.shape}.{_shape_advice(array.shape, input_shape)}"
        )
    if len(array) == 0:
        raise ModelError(f"{where}: expected at least one example, got none (shape {array.shape}).")
    if tokens is not None:
        _check_tokens(array, tokens, where)
        dtype = "int64"
    elif array.dtype == np.uint8:
        dtype = "uint8"
    return np.require(array, dtype, ["C", "A", "W"])


def _check_tokens(array: NDArray[Any], tokens: int, where: str) -> None:
    if array.dtype.kind not in "ui":
        raise ModelError(
            f"{where}: expected tokens, whole numbers from 0 to {tokens - 1}, got {array.dtype}. Convert them: "
            "x.astype('int64')."
        )
    low, high = array.min(), array.max()
    if low < 0 or high >= tokens:
        wrong = low if low < 0 else high
        place = tuple(map(int, np.argwhere(array == wrong)[0]))
        raise ModelError(
            f"{where}: expected tokens from 0 to {tokens - 1}, as the model's Embedding has rows, got {wrong} at "
            f"{list(place)}. Give the Embedding a larger vocabulary, or map such tokens to one that it has."
        )


def _batch(shape: tuple[int, ...]) -> str:
    return f"(n, {', '.join(map(str, shape))})"


def _shape_advice(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if got == wanted:
        return " For one example, give it a first axis: x[None]."
    if wanted[-1:] == (1,) and got[1:] == wanted[:-1]:
        return " Add the axis of the channel: x[..., None]."
    if len(got) > 1 and int(np.prod(got[1:])) == int(np.prod(wanted)):
        return f" The number of elements is right: x.reshape(-1, {', '.join(map(str, wanted))})."
    return ""


def is_ready(x: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether kernels can take `x` as it is: [n, *shape] of `dtype`, contiguous, aligned and writable."""
    if type(x) is not np.ndarray or x.dtype != dtype or x.ndim == 0 or x.shape[1:] != shape:
        return False
    return x.flags.carray and len(x) > 0
