"""Recurrent networks over sequences of tokens: language models."""

from __future__ import annotations

from collections.abc import Callable

from numbanet.backend import Backend
from numbanet.configurable import check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.layers import GRU, LSTM, Dense, Dropout, Embedding, Layer, SimpleRNN, TimeDistributed
from numbanet.model import Sequential

CELLS: dict[str, Callable[..., Layer]] = {"lstm": LSTM, "gru": GRU, "rnn": SimpleRNN}


def recurrent_layers(
    cell: str, hidden: int, layers: int, dropout: float, *, return_sequences: bool, stateful: bool = False
) -> list[Layer]:
    """`layers` layers of `hidden` cells each, with dropout behind each; the last gives a sequence if wanted."""
    if cell not in CELLS:
        raise ModelError(unknown_name("recurrent layer", cell, CELLS))
    count = check_whole("network", "layers", layers, 1)
    result: list[Layer] = []
    for index in range(count):
        sequences = return_sequences or index < count - 1
        result.append(CELLS[cell](hidden, return_sequences=sequences, stateful=stateful))
        if dropout:
            result.append(Dropout(dropout))
    return result


def language_model(
    symbols: int,
    window: int,
    *,
    cell: str = "lstm",
    hidden: int = 256,
    layers: int = 1,
    embedding: int = 64,
    dropout: float = 0.0,
    seed: int = 0,
    device: str | Backend = "cpu",
    dtype: str = "float32",
) -> Sequential:
    """From tokens (window,) to the logits (window, symbols) of the token that follows each.

    An embedding, `layers` recurrent layers ("lstm", "gru" or "rnn") that keep their state from batch to batch, and
    a dense layer for each step. `dropout` before and behind each recurrent layer (Zaremba et al., arXiv 1409.2329).
    """
    first: list[Layer] = [Embedding(symbols, embedding)]
    if dropout:
        first.append(Dropout(dropout))
    return Sequential(
        *first,
        *recurrent_layers(cell, hidden, layers, dropout, return_sequences=True, stateful=True),
        TimeDistributed(Dense(symbols)),
        input_shape=(window,),
        seed=seed,
        device=device,
        dtype=dtype,
    )
