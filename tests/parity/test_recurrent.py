"""Recurrent layers against PyTorch's, with the same random weights: outputs and all gradients, in both directions.

Peepholes and the GRU that resets before the product are none of PyTorch's: tests/kernels holds them to the oracle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.layers.weight_exchange import from_torch

from .torches import assert_equal, tensor, torch

tn = torch.nn
CELLS: dict[str, tuple[Any, Any]] = {
    "simple_rnn": (nn.SimpleRNN, tn.RNN),
    "simple_rnn, relu": (
        lambda units, **options: nn.SimpleRNN(units, "relu", **options),
        lambda *sizes, **options: tn.RNN(*sizes, nonlinearity="relu", **options),
    ),
    "lstm": (nn.LSTM, tn.LSTM),
    "gru": (nn.GRU, tn.GRU),
}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
STEPS, FEATURES, UNITS = 9, 5, 14


def copy(ours: nn.Sequential, layer: str, theirs: Any, suffix: str = "_l0") -> None:
    """PyTorch's weights into a layer here."""
    cell = layer.split("_", 1)[1]
    values = from_torch(cell, {name: getattr(theirs, name + suffix).detach().numpy() for name in NAMES})
    for name, value in values.items():
        ours.parameters()[f"{layer}.{name}"][...] = value


def gradients(ours: nn.Sequential, layer: str) -> dict[str, Any]:
    """Ours as PyTorch has them; both of its biases have the same gradient, but for a GRU's candidate."""
    found = {name.rpartition(".")[2]: g for name, g in ours.gradients().items() if name.startswith(layer)}
    state = found["bias"].copy()
    if "recurrent_bias" in found:
        state[2 * UNITS :] = found["recurrent_bias"]
    return dict(zip(NAMES, (found["weight"].T, found["recurrent"].T, found["bias"], state), strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [40, 3, 1])
@pytest.mark.parametrize("cell", CELLS)
def test_all_steps_and_all_gradients(cell: str, batch: int, dtype: str) -> None:
    rng = np.random.default_rng(41)
    make, their_make = CELLS[cell]
    ours = nn.Sequential(make(UNITS, return_sequences=True), input_shape=(STEPS, FEATURES), dtype=dtype)
    theirs = their_make(FEATURES, UNITS, batch_first=True).to(getattr(torch, dtype))
    name = ours.layers[0].name
    copy(ours, name, theirs)
    x, dy = (rng.standard_normal((batch, STEPS, width)).astype(dtype) for width in (FEATURES, UNITS))
    leaf = tensor(x, gradient=True)
    expected, _ = theirs(leaf)
    expected.backward(tensor(dy))
    assert_equal(ours.forward(x, train=True), expected, 100, "output")
    assert_equal(ours.backward(dy, need_dx=True), leaf.grad, 300, "dx")
    for key, gradient in gradients(ours, name).items():
        assert_equal(gradient, getattr(theirs, f"{key}_l0").grad, 500, key)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_two_directions_and_the_last_state(cell: str) -> None:
    """PyTorch's second direction is `reverse`; the states after both walks, side by side."""
    rng = np.random.default_rng(42)
    make, their_make = CELLS[cell]
    ours = nn.Sequential(
        nn.Parallel(make(UNITS), make(UNITS, reverse=True)), input_shape=(STEPS, FEATURES), dtype="float64"
    )
    theirs = their_make(FEATURES, UNITS, batch_first=True, bidirectional=True).double()
    for branch, suffix in enumerate(("_l0", "_l0_reverse")):
        name = f"0_parallel.branch{branch}.0_{cell}"
        values = from_torch(cell, {n: getattr(theirs, n + suffix).detach().numpy() for n in NAMES})
        for key, value in values.items():
            ours.parameters()[f"{name}.{key}"][...] = value
    x, dy = rng.standard_normal((11, STEPS, FEATURES)), rng.standard_normal((11, 2 * UNITS))
    leaf = tensor(x, gradient=True)
    _, last = theirs(leaf)
    last = last[0] if isinstance(last, tuple) else last
    expected = torch.cat([last[0], last[1]], dim=1)
    expected.backward(tensor(dy))
    assert_equal(ours.forward(x), expected, 100, "output")
    assert_equal(ours.backward(dy, need_dx=True), leaf.grad, 300, "dx")
    for branch, suffix in enumerate(("_l0", "_l0_reverse")):
        for key, gradient in gradients(ours, f"0_parallel.branch{branch}").items():
            assert_equal(gradient, getattr(theirs, key + suffix).grad, 500, key)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_sequences_of_different_lengths(cell: str) -> None:
    """Masking what fills up after each length, against PyTorch's packed sequences."""
    rng = np.random.default_rng(43)
    make, their_make = CELLS[cell]
    layer = make(UNITS)
    ours = nn.Sequential(nn.Masking(), layer, input_shape=(STEPS, FEATURES), dtype="float64")
    theirs = their_make(FEATURES, UNITS, batch_first=True).double()
    copy(ours, layer.name, theirs)
    lengths = rng.integers(1, STEPS + 1, 12)
    x, dy = rng.standard_normal((12, STEPS, FEATURES)), rng.standard_normal((12, UNITS))
    x[np.arange(STEPS) >= lengths[:, None]] = 0
    leaf = tensor(x, gradient=True)
    packed = tn.utils.rnn.pack_padded_sequence(leaf, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    _, last = theirs(packed)
    last = (last[0] if isinstance(last, tuple) else last)[0]
    last.backward(tensor(dy))
    assert_equal(ours.forward(x, train=True), last, 100, "output")
    assert_equal(ours.backward(dy, need_dx=True), leaf.grad, 300, "dx")
    for key, gradient in gradients(ours, layer.name).items():
        assert_equal(gradient, getattr(theirs, f"{key}_l0").grad, 500, key)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_one_upon_the_other(cell: str) -> None:
    rng = np.random.default_rng(44)
    make, their_make = CELLS[cell]
    ours = nn.Sequential(
        make(UNITS, return_sequences=True), make(UNITS), input_shape=(STEPS, FEATURES), dtype="float64"
    )
    theirs = their_make(FEATURES, UNITS, num_layers=2, batch_first=True).double()
    for number, layer in enumerate(ours.layers):
        copy(ours, layer.name, theirs, f"_l{number}")
    x, dy = rng.standard_normal((17, STEPS, FEATURES)), rng.standard_normal((17, UNITS))
    leaf = tensor(x, gradient=True)
    expected = theirs(leaf)[0][:, -1]
    expected.backward(tensor(dy))
    assert_equal(ours.forward(x), expected, 100, "output")
    assert_equal(ours.backward(dy, need_dx=True), leaf.grad, 300, "dx")
    for number, layer in enumerate(ours.layers):
        for key, gradient in gradients(ours, layer.name).items():
            assert_equal(gradient, getattr(theirs, f"{key}_l{number}").grad, 500, key)
