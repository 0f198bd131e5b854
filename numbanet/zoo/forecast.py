"""Recurrent networks that forecast a series."""

from __future__ import annotations

from numbanet.backend import Backend
from numbanet.layers import Dense
from numbanet.model import Sequential
from numbanet.zoo.language import recurrent_layers


def forecaster(
    window: int,
    columns: int,
    horizon: int,
    *,
    cell: str = "lstm",
    hidden: int = 64,
    layers: int = 1,
    dropout: float = 0.0,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """From the last rows (window, columns) to the next `horizon` values (horizon,), all at once.

    `layers` recurrent layers ("lstm", "gru" or "rnn"), each followed by `dropout`, and a dense layer on the last state.
    """
    return Sequential(
        *recurrent_layers(cell, hidden, layers, dropout, return_sequences=False),
        Dense(horizon),
        input_shape=(window, columns),
        seed=seed,
        device=device,
        dtype=dtype,
    )
