"""Embeddings, and sequences of labels, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.layers.weight_exchange import to_torch

from .torches import DTYPES, assert_equal, tensor, torch

tn = torch.nn
N, T, VOCABULARY, UNITS, CLASSES = 16, 9, 30, 12, 5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", [None, 0, 7])
def test_embedding(padding: int | None, dtype: Any) -> None:
    """Outputs, gradients and ten steps with momentum: the padding's row stays where it is on both sides."""
    rng = np.random.default_rng(91)
    name = np.dtype(dtype).name
    layers = (nn.Embedding(VOCABULARY, UNITS, padding_index=padding), nn.TimeDistributed(nn.Dense(CLASSES)))
    ours = nn.Sequential(*layers, input_shape=(T,), dtype=name)
    theirs = tn.Sequential(tn.Embedding(VOCABULARY, UNITS, padding_idx=padding), tn.Linear(UNITS, CLASSES))
    theirs = theirs.to(getattr(torch, name))
    table, weight, bias = ours.parameters().values()
    with torch.no_grad():
        theirs[0].weight.copy_(tensor(table))
        theirs[1].weight.copy_(tensor(weight.T))
        theirs[1].bias.copy_(tensor(bias))
    step = nn.TrainStep(ours, nn.SGD(0.1, momentum=0.9), nn.CrossEntropy(ignore_index=-100))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for _ in range(10):
        x, y = rng.integers(0, VOCABULARY, (N, T)), rng.integers(0, CLASSES, (N, T))
        y[rng.random((N, T)) < 0.2] = -100
        if padding is not None:
            y[x == padding] = -100  # what our mask says by itself
        loss = tn.functional.cross_entropy(theirs(tensor(x)).reshape(-1, CLASSES), tensor(y).reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        assert_equal(np.asarray(step(x, y), dtype), loss, 100, "loss")
        for gradient, parameter in zip(ours.gradients().values(), theirs.parameters(), strict=True):
            mine = gradient if parameter.shape == gradient.shape else gradient.T
            assert_equal(mine, parameter.grad, 200, "gradient")
        optimizer.step()
    assert_equal(table, theirs[0].weight, 400, "table")


CELLS: dict[str, tuple[Any, Any]] = {"lstm": (nn.LSTM, tn.LSTM), "gru": (nn.GRU, tn.GRU)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_of_sequences_of_different_lengths(cell: str, dtype: Any) -> None:
    """Two layers, one upon the other, over packed sequences there and masked ones here: outputs and all gradients."""
    rng, name = np.random.default_rng(92), np.dtype(dtype).name
    ours_kind, theirs_kind = CELLS[cell]
    layers = [nn.Bidirectional(ours_kind(UNITS, return_sequences=True)) for _ in range(2)]
    ours = nn.Sequential(nn.Masking(), *layers, input_shape=(T, 4), dtype=name, seed=5)
    theirs = theirs_kind(4, UNITS, num_layers=2, bidirectional=True, batch_first=True).to(getattr(torch, name))
    places = [
        (f"{layer.name}.{way}.0_{cell}", f"l{i}{suffix}")
        for i, layer in enumerate(layers)
        for way, suffix in (("forward", ""), ("backward", "_reverse"))
    ]
    for place, suffix in places:
        with torch.no_grad():
            for key, values in to_torch(cell, tensors(ours.parameters(), place)).items():
                getattr(theirs, f"{key}_{suffix}").copy_(tensor(values))
    lengths = rng.integers(1, T + 1, N)
    lengths[0] = T
    real = np.arange(T) < lengths[:, None]
    x = rng.standard_normal((N, T, 4)).astype(dtype) * real[..., None]
    dy = rng.standard_normal((N, T, 2 * UNITS)).astype(dtype) * real[..., None]
    y = np.array(ours.forward(x, train=True))
    dx = ours.backward(dy, need_dx=True)
    leaf = tensor(x, gradient=True)
    packed = tn.utils.rnn.pack_padded_sequence(leaf, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    expected, _ = tn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    expected.backward(tensor(dy))
    assert_equal(y * real[..., None], expected, 100, "y")
    assert_equal(dx, leaf.grad, 200, "dx")
    for place, suffix in places:
        for key, values in tensors(ours.gradients(), place).items():
            there = {"weight": "weight_ih", "recurrent": "weight_hh", "bias": "bias_ih"}.get(key)
            if there is not None:
                gradient = getattr(theirs, f"{there}_{suffix}").grad
                assert_equal(values if key == "bias" else values.T, gradient, 400, f"{place}.{key}")


def test_the_last_states_of_both_directions() -> None:
    rng = np.random.default_rng(93)
    layer = nn.Bidirectional(nn.LSTM(UNITS))
    ours = nn.Sequential(nn.Embedding(VOCABULARY, 4, padding_index=0), layer, input_shape=(T,), dtype="float64")
    theirs = tn.LSTM(4, UNITS, bidirectional=True, batch_first=True).double()
    for way, suffix in (("forward", ""), ("backward", "_reverse")):
        with torch.no_grad():
            for key, values in to_torch("lstm", tensors(ours.parameters(), f"{layer.name}.{way}.0_lstm")).items():
                getattr(theirs, f"{key}_l0{suffix}").copy_(tensor(values))
    lengths = rng.integers(1, T + 1, N)
    x = np.where(np.arange(T) < lengths[:, None], rng.integers(1, VOCABULARY, (N, T)), 0)
    vectors = tensor(ours.parameters()["0_embedding.weight"][x])
    packed = tn.utils.rnn.pack_padded_sequence(vectors, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    state = theirs(packed)[1][0]  # (direction, n, units)
    assert_equal(ours.forward(x), torch.cat([state[0], state[1]], dim=1), 100, "y")


def tensors(named: dict[str, Any], place: str) -> dict[str, Any]:
    """Those of one layer, without its name."""
    return {name.removeprefix(f"{place}."): array for name, array in named.items() if name.startswith(f"{place}.")}
