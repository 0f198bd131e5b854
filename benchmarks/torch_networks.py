"""The workloads' networks in PyTorch, as its users write them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn


def perceptron(hidden: Sequence[int], dropout: float) -> nn.Module:
    """Dense layers with ReLU and dropout, on images."""
    layers: list[nn.Module] = [nn.Flatten()]
    width_in = 784
    for width in hidden:
        layers += [nn.Linear(width_in, width), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        width_in = width
    return nn.Sequential(*layers, nn.Linear(width_in, 10))


def lenet() -> nn.Module:
    """As numbanet.zoo.lenet."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def cnn() -> nn.Module:
    """As numbanet.zoo.cnn."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


class BasicBlock(nn.Module):
    """Two convolutions with batch norm, and a shortcut."""

    def __init__(self, maps_in: int, maps: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(maps_in, maps, 3, stride, 1, bias=False), nn.BatchNorm2d(maps), nn.ReLU(),
            nn.Conv2d(maps, maps, 3, 1, 1, bias=False), nn.BatchNorm2d(maps),
        )  # fmt: skip
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(maps_in, maps, 1, stride, bias=False), nn.BatchNorm2d(maps))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """relu(body + shortcut)."""
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet() -> nn.Module:
    """As numbanet.zoo.resnet."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        BasicBlock(16, 16, 1), BasicBlock(16, 32, 2), BasicBlock(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def fastnet(width: int = 16) -> nn.Module:
    """As numbanet.zoo.fastnet."""
    return nn.Sequential(
        nn.Conv2d(1, width, 5, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, 2, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU(),
        nn.Conv2d(2 * width, 4 * width, 3, bias=False), nn.BatchNorm2d(4 * width), nn.ReLU(),
        nn.Flatten(), nn.Linear(36 * width, 10),
    )  # fmt: skip


class Recurrent(nn.Module):
    """A recurrent layer over (batch, time, features), and a dense layer on its last state."""

    def __init__(self, layer: type[nn.RNNBase], features: int, units: int) -> None:
        super().__init__()
        self.recurrent = layer(features, units, batch_first=True)
        self.dense = nn.Linear(units, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        states, _ = self.recurrent(x)
        return self.dense(states[:, -1])


NETWORKS = {
    "lenet": lenet, "cnn": cnn, "resnet": resnet,
    "lstm": partial(Recurrent, nn.LSTM, 28, 128), "gru": partial(Recurrent, nn.GRU, 28, 128),
    "rnn": partial(Recurrent, nn.RNN, 28, 128), "lstm256": partial(Recurrent, nn.LSTM, 64, 256),
}  # fmt: skip
