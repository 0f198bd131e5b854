"""A network of residual blocks and branches against PyTorch: outputs, all gradients, and ten training steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn

from .test_models import BATCH, CLASSES, copy_weights, dense_pairs, groups, train
from .torches import assert_equal, tensor, torch

tn = torch.nn
F = torch.nn.functional


class Block(tn.Module):
    """relu(body(x) + shortcut(x))."""

    def __init__(self, width_in: int, hidden: int, width_out: int) -> None:
        super().__init__()
        self.body = tn.Sequential(tn.Linear(width_in, hidden), tn.ReLU(), tn.Linear(hidden, width_out))
        same = width_in == width_out
        self.shortcut = tn.Identity() if same else tn.Linear(width_in, width_out, bias=False)

    def forward(self, x: Any) -> Any:
        return F.relu(self.body(x) + self.shortcut(x))


class Branches(tn.Module):
    """Two branches and x itself, side by side or added."""

    def __init__(self, width: int, concat: bool) -> None:
        super().__init__()
        self.left = tn.Sequential(tn.Linear(width, 7 if concat else width), tn.Tanh())
        self.right = Block(width, 5, width)
        self.concat = concat

    def forward(self, x: Any) -> Any:
        parts = [self.left(x), self.right(x), x]
        return torch.cat(parts, dim=-1) if self.concat else sum(parts)


def ours_block(width_in: int, hidden: int, width_out: int) -> nn.Residual:
    shortcut = None if width_in == width_out else "projection"
    return nn.Residual(nn.Dense(hidden, "relu"), nn.Dense(width_out), shortcut=shortcut, activation="relu")


def models() -> tuple[nn.Sequential, Any]:
    """The same network here and there, in float64."""
    ours = nn.Sequential(
        nn.Flatten(), ours_block(48, 10, 16), ours_block(16, 12, 16), ours_block(16, 8, 12),
        nn.Parallel(nn.Dense(7, "tanh"), ours_block(12, 5, 12), []),
        nn.Parallel(nn.Dense(31, "tanh"), ours_block(31, 5, 31), [], merge="add"), nn.Dense(CLASSES),
        input_shape=(6, 4, 2), seed=3, dtype="float64",
    )  # fmt: skip
    theirs = tn.Sequential(
        tn.Flatten(), Block(48, 10, 16), Block(16, 12, 16), Block(16, 8, 12), Branches(12, True), Branches(31, False),
        tn.Linear(31, CLASSES),
    ).double()  # fmt: skip
    copy_weights(ours, theirs)
    return ours, theirs


@pytest.mark.parametrize("batch", [BATCH, 1])
def test_outputs_and_all_gradients(batch: int) -> None:
    rng = np.random.default_rng(35)
    ours, theirs = models()
    x, dy = rng.standard_normal((batch, 6, 4, 2)), rng.standard_normal((batch, CLASSES))
    y = ours.forward(x).copy()
    dx = ours.backward(dy, need_dx=True)
    leaf = tensor(x, gradient=True)
    expected = theirs(leaf)
    expected.backward(tensor(dy))
    assert_equal(y, expected, 500, "output")
    assert_equal(dx, leaf.grad, 500, "dx")
    gradients = ours.gradients()
    for name, linear in dense_pairs(ours, theirs):
        assert_equal(gradients[f"{name}.weight"].T, linear.weight.grad, 500, f"{name}.weight")
        if linear.bias is not None:
            assert_equal(gradients[f"{name}.bias"], linear.bias.grad, 500, f"{name}.bias")


def test_ten_training_steps() -> None:
    ours, theirs = models()
    step = nn.TrainStep(ours, optimizer=nn.SGD(0.02, momentum=0.9), loss="cross_entropy")
    optimizer = torch.optim.SGD(groups(theirs, 0.0), lr=0.02, momentum=0.9)
    train(ours, theirs, step, optimizer, F.cross_entropy, lambda rng: rng.integers(0, CLASSES, BATCH))
