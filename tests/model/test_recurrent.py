"""Recurrent layers in models: what they carry from call to call, first weights, dropout, errors, long sequences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.errors import ModelError
from numbanet.layers.recurrent import Recurrent
from numbanet.layers.weight_exchange import from_keras, from_torch, to_keras, to_torch

from .helpers import BACKENDS, blobs

Make = Callable[..., Recurrent]
MAKERS: dict[str, Make] = {
    "simple_rnn": lambda units, **options: nn.SimpleRNN(units, **options),
    "lstm": lambda units, **options: nn.LSTM(units, **options),
    "lstm, peepholes": lambda units, **options: nn.LSTM(units, True, **options),
    "gru": lambda units, **options: nn.GRU(units, **options),
    "gru, reset before": lambda units, **options: nn.GRU(units, False, **options),
}
every_cell = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def sequences(n: int, steps: int, features: int = 3, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, steps, features)).astype(np.float32)


@every_cell
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("device", BACKENDS)
def test_stateful_in_pieces_is_one_run(make: Make, n: int, device: str) -> None:
    x = sequences(n, 24)
    whole = nn.Sequential(
        make(6, return_sequences=True), make(5, return_sequences=True), input_shape=(24, 3), dtype="float64",
        device=BACKENDS[device],
    )  # fmt: skip
    want = whole.predict(x)
    for piece in (8, 1):
        model = nn.Sequential(
            make(6, return_sequences=True, stateful=True), make(5, return_sequences=True, stateful=True),
            input_shape=(piece, 3), dtype="float64", device=BACKENDS[device],
        )  # fmt: skip
        for _ in range(2):
            got = [model.forward(x[:, at : at + piece]).copy() for at in range(0, 24, piece)]
            np.testing.assert_allclose(np.concatenate(got, axis=1), want, rtol=0, atol=1e-13)
            model.reset_states()


@every_cell
def test_another_batch_size_begins_from_zero(make: Make) -> None:
    model = nn.Sequential(make(4, stateful=True), input_shape=(3, 3))
    first = model.forward(sequences(5, 3)).copy()
    assert not np.array_equal(model.forward(sequences(5, 3)), first)
    model.forward(sequences(2, 3))
    np.testing.assert_array_equal(model.forward(sequences(5, 3)), first)


@every_cell
@pytest.mark.parametrize("n", [1, 9])
@pytest.mark.parametrize("stateful", [False, True])
def test_backward_after_a_pass_that_was_not_for_training(make: Make, n: int, stateful: bool) -> None:
    """It kept next to nothing; backward then goes through x again, from the same state."""
    gradients = []
    for train in (True, False):
        model = nn.Sequential(make(6, stateful=stateful), input_shape=(5, 3), seed=2, dtype="float64")
        for call in range(3):
            model.forward(sequences(n, 5, seed=call), train)
        dx = model.backward(np.ones((n, 6)), need_dx=True)
        gradients.append([dx.copy(), *(g.copy() for g in model.gradients().values())])
    for got, want in zip(*gradients, strict=True):
        np.testing.assert_array_equal(got, want)


@every_cell
def test_training_on_windows_of_one_sequence(make: Make) -> None:
    """Truncated backpropagation: what a window is asked for stood in the one before it, and the state brings it."""
    bits = np.random.default_rng(4).integers(0, 2, (16, 300))
    losses = {}
    for stateful in (True, False):
        model = nn.Sequential(make(16, stateful=stateful), nn.Dense(2), input_shape=(1, 1), seed=1)
        step = nn.TrainStep(model, nn.Adam(0.02))
        x = 2 * bits[:, :, None, None].astype(np.float32) - 1
        losses[stateful] = [step(x[:, t], bits[:, t - 1]) for t in range(1, 300)]
    assert np.mean(losses[True][-50:]) < 0.5 < 0.6 < np.mean(losses[False][-50:])


def test_first_weights() -> None:
    model = nn.Sequential(nn.LSTM(8, True), input_shape=(4, 5), seed=3)
    parameters = model.parameters()
    for gate in np.split(parameters["0_lstm.recurrent"], 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(8), atol=1e-6)
    assert np.abs(parameters["0_lstm.weight"]).max() <= (6 / 13) ** 0.5
    np.testing.assert_array_equal(parameters["0_lstm.bias"], np.repeat([0, 1, 0, 0], 8))
    np.testing.assert_array_equal(parameters["0_lstm.peephole"], np.zeros((3, 8)))
    plain = nn.Sequential(nn.LSTM(8, unit_forget_bias=False), input_shape=(4, 5))
    assert not plain.parameters()["0_lstm.bias"].any()
    shapes = {name: array.shape for name, array in nn.Sequential(nn.GRU(8), input_shape=(4, 5)).parameters().items()}
    assert shapes == {
        "0_gru.weight": (5, 24), "0_gru.recurrent": (8, 24), "0_gru.bias": (24,), "0_gru.recurrent_bias": (8,),
    }  # fmt: skip
    assert "0_gru.recurrent_bias" not in nn.Sequential(nn.GRU(8, False), input_shape=(4, 5)).parameters()


@every_cell
def test_recurrent_dropout(make: Make) -> None:
    """Drawn anew at each step of training, for each example; not outside training."""
    x = np.repeat(sequences(1, 6), 50, axis=0)
    model = nn.Sequential(make(12, recurrent_dropout=0.5), input_shape=(6, 3), seed=5)
    plain = nn.Sequential(make(12), input_shape=(6, 3), seed=5)
    np.testing.assert_array_equal(model.predict(x), plain.predict(x))
    dropped = model.forward(x, train=True).copy()
    assert len(np.unique(dropped, axis=0)) > 45
    np.testing.assert_array_equal(model.forward(x, train=True), dropped)
    model.step[0] += 1
    assert not np.array_equal(model.forward(x, train=True), dropped)


@every_cell
def test_a_thousand_steps_stay_finite_with_clipping(make: Make) -> None:
    model = nn.Sequential(make(16), nn.Dense(3), input_shape=(1000, 3), seed=1)
    step = nn.TrainStep(model, nn.Adam(0.01, clip_norm=1.0))
    x, y = sequences(6, 1000), np.arange(6) % 3
    losses = [step(x, y) for _ in range(12)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]
    assert np.isfinite(model.arena.values).all()


@every_cell
def test_learns_with_a_partial_batch_and_is_saved(make: Make, tmp_path: Path) -> None:
    x, y = blobs(300, features=12)
    layers = (nn.Reshape((4, 3)), make(10, return_sequences=True, reverse=True), make(8), nn.Dense(3))
    model = nn.Sequential(*layers, input_shape=(12,), seed=1)
    model.fit(x, y, epochs=4, batch_size=64, optimizer=nn.Adam(0.01))
    assert model.evaluate(x, y)["accuracy"] > 0.95
    one_by_one = np.concatenate([model.predict(row[None]) for row in x[:20]])
    np.testing.assert_allclose(model.predict(x[:20]), one_by_one, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "model.safetensors")
    back = nn.load(tmp_path / "model.safetensors")
    assert repr(back) == repr(model)
    np.testing.assert_array_equal(back.predict(x), model.predict(x))


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_weights_go_out_and_come_back(cell: str) -> None:
    make = {"simple_rnn": nn.SimpleRNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
    model = nn.Sequential(make(6), input_shape=(4, 5))
    parameters = {name.split(".")[1]: array for name, array in model.parameters().items()}
    for array in parameters.values():
        array[...] = np.random.default_rng(6).normal(size=array.shape)
    for there, here in ((to_torch, from_torch), (to_keras, from_keras)):
        back = here(cell, there(cell, parameters))
        assert back.keys() == parameters.keys()
        for name, array in parameters.items():
            np.testing.assert_array_equal(back[name], array, err_msg=name)
    theirs = {"kernel": (5, -1), "recurrent_kernel": (6, -1), "bias": (2, 18) if cell == "gru" else (-1,)}
    for name, array in to_keras(cell, parameters).items():
        assert array.shape == np.empty(array.shape).reshape(theirs[name]).shape


def test_errors() -> None:
    for make, message in (
        (lambda: nn.LSTM(0), "LSTM: units: expected a whole number from 1 on, found 0"),
        (lambda: nn.GRU(4, recurrent_dropout=1.0), "GRU: recurrent_dropout: expected a number below 1"),
        (lambda: nn.GRU(4, recurrent_dropout=-0.5), "GRU: recurrent_dropout: expected a number from 0 to 1"),
        (lambda: nn.SimpleRNN(4, "sigmoid"), "SimpleRNN: unknown activation 'sigmoid'"),
        (lambda: nn.LSTM(4, reverse=True, stateful=True), "LSTM: expected reverse or stateful, got both"),
    ):
        with pytest.raises(ModelError) as error:
            make()
        assert message in str(error.value)
    for shape, advice in (((28, 28, 1), "Reshape((28, 28))"), ((9,), "Reshape((9, 1))"), ((2, 3, 4, 5), "got inputs")):
        with pytest.raises(ModelError, match="0_lstm: expected sequences of shape") as error:
            nn.Sequential(nn.LSTM(4), input_shape=shape)
        assert advice in str(error.value)


def test_repr_and_arithmetic() -> None:
    layer = nn.LSTM(4, True, return_sequences=True, recurrent_dropout=0.2)
    assert repr(layer) == "LSTM(4, peepholes=True, return_sequences=True, recurrent_dropout=0.2)"
    model = nn.Sequential(layer, nn.GRU(5, False, reverse=True), nn.Dense(2), input_shape=(7, 3))
    assert repr(model.layers[1]) == "GRU(5, reset_after=False, reverse=True)"
    assert model.multiply_adds == 7 * (4 * 4 * (4 + 3) + 3 * 5 * (5 + 4)) + 10
    assert model.output_shape == (2,)
