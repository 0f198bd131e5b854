"""Recurrent networks for images, which they read row by row or pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numbanet.backend import Backend
from numbanet.configurable import check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.layers import GRU, LSTM, Dense, Dropout, Layer, Normalize, Reshape, SimpleRNN
from numbanet.model import Sequential

SEQUENCES = ("row", "pixel")


def lstm(
    input_shape: Sequence[int],
    classes: int,
    *,
    hidden: Sequence[int] = (128,),
    dropout: float = 0.0,
    sequence: str = "row",
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """LSTM layers of the sizes `hidden`, one upon another, and a dense layer on the last one's last state.

    `sequence`: "row" reads an image as its rows, from top to bottom; "pixel" as its pixels. `dropout` after each layer.
    """
    layers = _layers("lstm", LSTM, input_shape, classes, hidden, dropout, sequence, normalize)
    return Sequential(*layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)


def gru(
    input_shape: Sequence[int],
    classes: int,
    *,
    hidden: Sequence[int] = (128,),
    dropout: float = 0.0,
    sequence: str = "row",
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """`lstm` with gated recurrent units."""
    layers = _layers("gru", GRU, input_shape, classes, hidden, dropout, sequence, normalize)
    return Sequential(*layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)


def rnn(
    input_shape: Sequence[int],
    classes: int,
    *,
    hidden: Sequence[int] = (128,),
    dropout: float = 0.0,
    sequence: str = "row",
    normalize: bool = False,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """`lstm` with simple recurrent units of tanh, which forget what lies some dozen steps back."""
    layers = _layers("rnn", SimpleRNN, input_shape, classes, hidden, dropout, sequence, normalize)
    return Sequential(*layers, input_shape=input_shape, seed=seed, device=device, dtype=dtype)


def _layers(
    name: str,
    recurrent: Callable[..., Layer],
    input_shape: Sequence[int],
    classes: int,
    hidden: Sequence[int],
    dropout: float,
    sequence: str,
    normalize: bool,
) -> list[Layer]:
    """All layers. Raises `ModelError` for inputs that are no images and no sequences."""
    shape = tuple(input_shape)
    if sequence not in SEQUENCES:
        raise ModelError(f"model {name}: {unknown_name('sequence', str(sequence), SEQUENCES)}")
    if len(shape) not in (2, 3):
        raise ModelError(
            f"model {name}: expected images of shape (height, width) or (height, width, channels), got inputs of "
            f"shape {shape}. Use --model mlp, or give the data that shape."
        )
    if not hidden:
        raise ModelError(f"model {name}: hidden: expected at least one recurrent layer, got none.")
    height, width, channels = (*shape, 1)[:3]
    steps = (height, width * channels) if sequence == "row" else (height * width, channels)
    layers: list[Layer] = [Normalize()] if normalize else []
    layers += [Reshape(steps)] if steps != shape else []
    for index, units in enumerate(hidden):
        last = index == len(hidden) - 1
        layers.append(recurrent(check_whole(name, "hidden", units, 1), return_sequences=not last))
        layers += [Dropout(dropout)] if dropout else []
    return [*layers, Dense(classes)]
