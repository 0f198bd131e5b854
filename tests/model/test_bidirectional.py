"""A recurrent layer in both directions: how it is made, what it is made of, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.errors import ModelError
from numbanet.layers import GRU, LSTM, Bidirectional, Dense, Embedding, Layer, Masking, SimpleRNN, TimeDistributed
from numbanet.model import Sequential
from numbanet.optimizers import Adam

from .helpers import BACKENDS


def copy_into(target: Sequential, place: str, source: Sequential, layer: str) -> None:
    """The tensors of `layer` in `source` become those at `place` in `target`."""
    for name, array in source.parameters().items():
        if name.startswith(f"{layer}."):
            target.parameters()[name.replace(layer, place, 1)][...] = array


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("merge", ["concat", "sum", "mean"])
@pytest.mark.parametrize("sequences", [True, False])
def test_it_is_two_layers(sequences: bool, merge: str, backend: str) -> None:
    """One of them runs backwards over the same steps; masked ones don't count for either."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 6, 3))
    x[rng.random((7, 6)) < 0.3] = 0.0
    options: dict[str, Any] = {"input_shape": (6, 3), "dtype": "float64", "device": BACKENDS[backend]}
    both = Sequential(Masking(), Bidirectional(LSTM(4, return_sequences=sequences), merge), **options)
    there = Sequential(Masking(), LSTM(4, return_sequences=sequences), seed=1, **options)
    back = Sequential(Masking(), LSTM(4, return_sequences=sequences, reverse=True), seed=2, **options)
    copy_into(both, "1_bidirectional.forward.0_lstm", there, "1_lstm")
    copy_into(both, "1_bidirectional.backward.0_lstm", back, "1_lstm")
    one, other = there.predict(x), back.predict(x)
    merged = {"concat": np.concatenate([one, other], axis=-1), "sum": one + other, "mean": (one + other) / 2}[merge]
    np.testing.assert_allclose(both.predict(x), merged, rtol=1e-13, atol=1e-15)
    if sequences:  # run over sequences that are turned round, the second is the first
        turned = Sequential(Masking(), LSTM(4, return_sequences=True), **options)
        copy_into(turned, "1_lstm", back, "1_lstm")
        np.testing.assert_allclose(turned.predict(x[:, ::-1].copy())[:, ::-1], other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("layer", [SimpleRNN(3, "relu"), LSTM(3, peepholes=True), GRU(3, reset_after=False)], ids=repr)
def test_the_second_has_the_options_of_the_first(layer: Layer) -> None:
    both = Bidirectional(layer)
    first, second = (chain.layers[0] for chain in both.chains)
    assert first is layer
    assert second.config() == {**layer.config(), "reverse": True}
    assert repr(both) == f"Bidirectional({layer!r})"


def test_a_tagger_that_needs_both_sides(tmp_path: Path) -> None:
    """Whether the token before is smaller than the one after: neither direction alone can know."""
    rng = np.random.default_rng(0)
    x = rng.integers(1, 8, (400, 9))
    x[np.arange(9) >= rng.integers(3, 10, (400, 1))] = 0
    before, after = np.pad(x, ((0, 0), (1, 0)))[:, :-1], np.pad(x, ((0, 0), (0, 1)))[:, 1:]
    y = (before < after).astype(np.int64)

    def tagger(*layers: Layer) -> Sequential:
        embedding = Embedding(8, 8, padding_index=0)
        return Sequential(embedding, *layers, TimeDistributed(Dense(2)), input_shape=(9,), seed=3)

    model = tagger(Bidirectional(GRU(16, return_sequences=True)))
    history = model.fit(x, y, epochs=12, batch_size=32, optimizer=Adam(0.02))
    assert history["accuracy"][-1] > 0.97
    one_way = tagger(GRU(32, return_sequences=True)).fit(x, y, epochs=12, batch_size=32, optimizer=Adam(0.02))
    assert one_way["accuracy"][-1] < 0.9
    model.save(tmp_path / "model.safetensors")
    back = nn.load(tmp_path / "model.safetensors")
    assert repr(back) == repr(model)
    assert np.array_equal(back.predict(x), model.predict(x))
    np.testing.assert_allclose(np.concatenate([back.predict(x[:5]), back.predict(x[5:])]), model.predict(x), rtol=1e-4)


def test_what_it_refuses() -> None:
    for make, message in (
        (lambda: Bidirectional(Dense(3)), r"Bidirectional: expected a recurrent layer, such as LSTM\(64\), got Dense"),
        (lambda: Bidirectional(3), "Bidirectional: expected a recurrent layer, .* got 3"),  # type: ignore[arg-type]
        (lambda: Bidirectional(LSTM(3), "max"), "unknown merge 'max'. .*concat, mean, sum"),
        (lambda: Bidirectional(LSTM(3, stateful=True)), "a layer without a state that it keeps, got LSTM.*stream"),
        (lambda: Sequential(Bidirectional(LSTM(3)), input_shape=(4,)), "0_lstm: expected sequences"),
    ):
        with pytest.raises(ModelError, match=message):
            make()
