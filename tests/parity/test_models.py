"""Whole models against PyTorch: outputs, all gradients, and ten training steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet import initializers
from numbanet.layers.chain import walk

from .torches import assert_equal, tensor, torch

tn = torch.nn
BATCH, CLASSES = 32, 5


def dense_pairs(ours: nn.Sequential, theirs: Any) -> list[tuple[str, Any]]:
    """(the name of a dense layer here, the module there), in their order."""
    names = [layer.name for layer in walk(ours.layers) if isinstance(layer, nn.Dense)]
    return list(zip(names, [m for m in theirs.modules() if isinstance(m, tn.Linear)], strict=True))


def copy_weights(ours: nn.Sequential, theirs: Any) -> None:
    """PyTorch's weights are (out, in)."""
    parameters = ours.parameters()
    with torch.no_grad():
        for name, linear in dense_pairs(ours, theirs):
            linear.weight.copy_(tensor(parameters[f"{name}.weight"].T))
            if linear.bias is not None:
                linear.bias.copy_(tensor(parameters[f"{name}.bias"]))


def models(kind: str) -> tuple[nn.Sequential, Any]:
    """The same network here and there, in float64."""
    options: dict[str, Any] = {"input_shape": (6, 4, 2), "seed": 3, "dtype": "float64"}
    bias = nn.Dense(9, activation=kind, bias_initializer=initializers.Normal(0.5)) if kind in ELEMENTWISE else None
    if bias is not None:
        ours = nn.Sequential(nn.Flatten(), bias, nn.Dense(CLASSES, bias=False), **options)
        theirs = tn.Sequential(tn.Flatten(), tn.Linear(48, 9), ELEMENTWISE[kind], tn.Linear(9, CLASSES, bias=False))
    elif kind == "layers":
        ours = nn.Sequential(nn.Reshape((48,)), nn.Dense(20), nn.Activation("leaky_relu", 0.2), nn.Dense(11),
                             nn.Activation("elu", 0.7), nn.Dropout(0.5), nn.Dense(CLASSES),
                             nn.Activation("log_softmax"), **options)  # fmt: skip
        theirs = tn.Sequential(tn.Flatten(), tn.Linear(48, 20), tn.LeakyReLU(0.2), tn.Linear(20, 11), tn.ELU(0.7),
                               tn.Identity(), tn.Linear(11, CLASSES), tn.LogSoftmax(dim=1))  # fmt: skip
    else:
        ours = nn.Sequential(nn.Flatten(), nn.Dense(16, "relu"), nn.Dense(CLASSES), **options)
        theirs = tn.Sequential(tn.Flatten(), tn.Linear(48, 16), tn.ReLU(), tn.Linear(16, CLASSES))
    theirs = theirs.double()
    copy_weights(ours, theirs)
    return ours, theirs


ELEMENTWISE: dict[str, Any] = {
    "linear": tn.Identity(), "relu": tn.ReLU(), "sigmoid": tn.Sigmoid(), "tanh": tn.Tanh(), "gelu": tn.GELU(),
    "gelu_tanh": tn.GELU(approximate="tanh"), "silu": tn.SiLU(), "softplus": tn.Softplus(threshold=50),
    "elu": tn.ELU(), "leaky_relu": tn.LeakyReLU(),
}  # fmt: skip


@pytest.mark.parametrize("kind", [*ELEMENTWISE, "layers", "plain"])
@pytest.mark.parametrize("batch", [BATCH, 1])
def test_outputs_and_all_gradients(kind: str, batch: int) -> None:
    rng = np.random.default_rng(32)
    ours, theirs = models(kind)
    x, dy = rng.standard_normal((batch, 6, 4, 2)), rng.standard_normal((batch, CLASSES))
    y = ours.forward(x).copy()
    dx = ours.backward(dy, need_dx=True)
    leaf = tensor(x, gradient=True)
    expected = theirs(leaf)
    expected.backward(tensor(dy))
    assert_equal(y, expected, 200, "output")
    assert_equal(dx, leaf.grad, 200, "dx")
    gradients = ours.gradients()
    for name, linear in dense_pairs(ours, theirs):
        assert_equal(gradients[f"{name}.weight"].T, linear.weight.grad, 200, f"{name}.weight")
        if linear.bias is not None:
            assert_equal(gradients[f"{name}.bias"], linear.bias.grad, 200, f"{name}.bias")


def test_normalize() -> None:
    """The layer's learned mean and deviation against PyTorch's of the same data."""
    rng = np.random.default_rng(33)
    data = 3 + 2 * rng.standard_normal((200, 6, 4, 2))
    layer = nn.Normalize()
    model = nn.Sequential(layer, nn.Flatten(), nn.Dense(CLASSES), input_shape=(6, 4, 2), seed=0, dtype="float64")
    model.adapt(data)
    flat = tensor(data).reshape(-1, 2)
    expected = (tensor(data) - flat.mean(dim=0)) / flat.std(dim=0, correction=0)
    weight, bias = (tensor(model.parameters()[f"2_dense.{p}"]) for p in ("weight", "bias"))
    assert_equal(model.forward(data[:BATCH]), expected[:BATCH].reshape(BATCH, -1) @ weight + bias, 500)


OPTIMIZERS: dict[str, tuple[Any, Any]] = {
    "sgd": (nn.SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (nn.SGD(0.05, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "nesterov": (nn.SGD(0.05, momentum=0.9, nesterov=True),
                 lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True)),
    "rmsprop": (nn.RMSprop(0.01, momentum=0.5), lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5)),
    "adam": (nn.Adam(0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
    "adamw": (nn.AdamW(0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.01)),
}  # fmt: skip


def groups(theirs: Any, decay: float) -> list[dict[str, Any]]:
    """Weights decay, biases don't."""
    named = list(theirs.named_parameters())
    return [{"params": [p for n, p in named if "weight" in n], "weight_decay": decay},
            {"params": [p for n, p in named if "bias" in n], "weight_decay": 0.0}]  # fmt: skip


def train(
    ours: nn.Sequential, theirs: Any, step: Any, optimizer: Any, loss: Any, targets: Any, clip: float = 0
) -> None:
    """Ten steps of both, on ten batches; after each the losses agree, in the end all weights."""
    rng = np.random.default_rng(34)
    for _ in range(10):
        x = rng.standard_normal((BATCH, 6, 4, 2))
        y = targets(rng)
        mine = step(x, y)
        optimizer.zero_grad()
        value = loss(theirs(tensor(x)), tensor(y))
        value.backward()
        if clip:
            tn.utils.clip_grad_norm_(theirs.parameters(), clip)
        optimizer.step()
        assert_equal(mine, value, 2000, "loss")
    parameters = ours.parameters()
    for name, linear in dense_pairs(ours, theirs):
        assert_equal(parameters[f"{name}.weight"].T, linear.weight, 20_000, f"{name}.weight")
        if linear.bias is not None:
            assert_equal(parameters[f"{name}.bias"], linear.bias, 20_000, f"{name}.bias")


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_ten_training_steps(kind: str, clip: float) -> None:
    """Float64, where ten steps of rounding stay far below 20,000 eps = 4e-12: Adam divides by small roots."""
    ours, theirs = models("plain")
    optimizer, make = OPTIMIZERS[kind]
    if clip:
        optimizer = type(optimizer)(**{**optimizer.config(), "clip_norm": clip})
    step = nn.TrainStep(ours, optimizer=optimizer, loss="cross_entropy")
    train(ours, theirs, step, make(groups(theirs, 0.1 if kind == "adamw" else 0.0)), tn.functional.cross_entropy,
          lambda rng: rng.integers(0, CLASSES, BATCH), clip)  # fmt: skip


LOSSES: dict[str, tuple[Any, Any, Any]] = {
    "smoothed": (nn.CrossEntropy(label_smoothing=0.1, class_weights=[1, 2, 0.5, 0, 3]),
                 tn.CrossEntropyLoss(label_smoothing=0.1, weight=tensor([1, 2, 0.5, 0, 3.0]).double()),
                 lambda rng: rng.integers(0, CLASSES, BATCH)),
    "mse": (nn.MeanSquaredError(), tn.MSELoss(), lambda rng: rng.standard_normal((BATCH, CLASSES))),
    "mae": (nn.MeanAbsoluteError(), tn.L1Loss(), lambda rng: rng.standard_normal((BATCH, CLASSES))),
    "huber": (nn.Huber(0.7), tn.HuberLoss(delta=0.7), lambda rng: rng.standard_normal((BATCH, CLASSES))),
    "binary": (nn.BinaryCrossEntropy(), tn.BCEWithLogitsLoss(), lambda rng: rng.random((BATCH, CLASSES)).round()),
}  # fmt: skip


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_and_l2(kind: str) -> None:
    ours, theirs = models("plain")
    mine, loss, targets = LOSSES[kind]
    step = nn.TrainStep(ours, optimizer=nn.SGD(0.1, momentum=0.9, l2=0.01), loss=mine)
    train(ours, theirs, step, torch.optim.SGD(groups(theirs, 0.01), lr=0.1, momentum=0.9), loss, targets)
