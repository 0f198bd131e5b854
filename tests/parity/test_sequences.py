"""Embeddings, and sequences of labels, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn

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
