"""The normalizing layers against PyTorch: outputs, all gradients, running statistics, and ten training steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn

from .test_conv import channels_last, kernels, nchw
from .torches import assert_equal, tensor, torch

F, tn = torch.nn.functional, torch.nn
BATCH, CHANNELS = 6, 8
SHAPES = ((CHANNELS,), (5, CHANNELS), (7, 6, CHANNELS))
ACTIVATIONS = {"linear": lambda x: x, "relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


def batch_norm_of(shape: tuple[int, ...], **options: Any) -> Any:
    return (tn.BatchNorm1d if len(shape) < 3 else tn.BatchNorm2d)(CHANNELS, **options)


def randomized(model: nn.Sequential, rng: np.random.Generator) -> dict[str, Any]:
    """The parameters, away from what they start as."""
    parameters = model.parameters()
    for array in parameters.values():
        array[...] = rng.standard_normal(array.shape)
    return parameters


def check_gradients(model: nn.Sequential, x: Any, dy: Any, leaf: Any, theirs: Any, tensors: dict[str, Any]) -> None:
    """dx and the gradient of each of our parameters, against those of PyTorch's tensors of that name."""
    theirs.backward(nchw(dy).detach())
    dx = model.backward(dy, need_dx=True)
    assert_equal(dx, channels_last(leaf.grad), 200, "dx")
    for name, gradient in model.gradients().items():
        assert_equal(gradient, tensors[name.split(".")[1]].grad, 400, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm(shape: tuple[int, ...], activation: str, dtype: str) -> None:
    """Five batches in training, one afterwards: outputs, running statistics and gradients, after each."""
    rng = np.random.default_rng(80)
    model = nn.Sequential(nn.BatchNorm(0.2, 1e-3, activation), input_shape=shape, dtype=dtype)
    theirs = batch_norm_of(shape, momentum=0.2, eps=1e-3).to(getattr(torch, dtype))
    parameters = randomized(model, rng)
    with torch.no_grad():
        theirs.weight.copy_(tensor(parameters["0_batch_norm.gamma"]))
        theirs.bias.copy_(tensor(parameters["0_batch_norm.beta"]))
    for step in range(6):
        train = step < 5
        theirs.train(train)
        theirs.zero_grad()
        n = BATCH - step // 2  # a partial batch too
        x = (3 * rng.standard_normal((n, *shape)) + np.arange(CHANNELS)).astype(dtype)
        dy = rng.standard_normal(x.shape).astype(dtype)
        leaf = nchw(x)
        y = model.forward(x, train).copy()
        expected = ACTIVATIONS[activation](theirs(leaf))
        assert_equal(y, channels_last(expected), 100, "y")
        check_gradients(model, x, dy, leaf, expected, {"gamma": theirs.weight, "beta": theirs.bias})
        assert_equal(model.state()["0_batch_norm.running_mean"], theirs.running_mean, 50, "running_mean")
        assert_equal(model.state()["0_batch_norm.running_variance"], theirs.running_var, 50, "running_variance")


def test_a_single_number_for_a_channel_is_refused_here_and_there() -> None:
    with pytest.raises(nn.NumbanetError):
        nn.Sequential(nn.BatchNorm(), input_shape=(3,)).forward(np.ones((1, 3)), train=True)
    with pytest.raises(ValueError):
        tn.BatchNorm1d(3)(torch.ones(1, 3))


NORMS: dict[str, tuple[Any, Any]] = {
    "group_norm": (lambda: nn.GroupNorm(4, 1e-3), lambda x, w, b: F.group_norm(x, 4, w, b, 1e-3)),
    "group_norm of one group": (lambda: nn.GroupNorm(1), lambda x, w, b: F.group_norm(x, 1, w, b)),
    "instance norm": (lambda: nn.GroupNorm(CHANNELS), lambda x, w, b: F.group_norm(x, CHANNELS, w, b)),
    "layer_norm": (
        lambda: nn.LayerNorm(1e-3),
        lambda x, w, b: F.layer_norm(x.movedim(1, -1), (CHANNELS,), w, b, 1e-3).movedim(-1, 1),
    ),
    "rms_norm": (
        lambda: nn.RMSNorm(1e-3),
        lambda x, w, b: F.rms_norm(x.movedim(1, -1), (CHANNELS,), w, 1e-3).movedim(-1, 1),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", NORMS)
def test_norms_of_each_example(kind: str, shape: tuple[int, ...], dtype: str) -> None:
    if kind == "instance norm" and len(shape) == 1:
        pytest.skip("PyTorch refuses groups of one number, which are 0 here")
    make, function = NORMS[kind]
    rng = np.random.default_rng(81)
    model = nn.Sequential(make(), input_shape=shape, dtype=dtype)
    parameters = {name.split(".")[1]: tensor(a, gradient=True) for name, a in randomized(model, rng).items()}
    x = (3 * rng.standard_normal((BATCH, *shape)) + 1).astype(dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    leaf = nchw(x)
    y = model.forward(x, True).copy()
    expected = function(leaf, parameters["gamma"], parameters.get("beta"))
    assert_equal(y, channels_last(expected), 100, "y")
    check_gradients(model, x, dy, leaf, expected, parameters)


class Block(tn.Module):
    """relu(norm(conv(relu(norm(conv x)))) + norm(conv x)): the block of a residual network."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convs = tn.ModuleList([
            tn.Conv2d(channels, filters, 3, padding=1, bias=False), tn.Conv2d(filters, filters, 3, padding=1, bias=False),
            tn.Conv2d(channels, filters, 1, bias=False),
        ])  # fmt: skip
        self.norms = tn.ModuleList([tn.BatchNorm2d(filters) for _ in range(3)])

    def forward(self, x: Any) -> Any:
        body = F.relu(self.norms[0](self.convs[0](x)))
        return F.relu(self.norms[1](self.convs[1](body)) + self.norms[2](self.convs[2](x)))


def ours_block(filters: int) -> nn.Residual:
    def conv(kernel: int) -> nn.Conv2D:
        return nn.Conv2D(filters, kernel, padding="same", bias=False)

    return nn.Residual(
        conv(3), nn.BatchNorm(activation="relu"), conv(3), nn.BatchNorm(), shortcut=[conv(1), nn.BatchNorm()],
        activation="relu",
    )  # fmt: skip


def test_ten_training_steps_of_a_residual_network() -> None:
    """Losses, weights and running statistics, then the outputs of the trained network, fused too."""
    rng = np.random.default_rng(82)
    ours = nn.Sequential(
        ours_block(8), ours_block(6), nn.Flatten(), nn.Dense(5), input_shape=(6, 5, 3), seed=3, dtype="float64"
    )
    theirs = tn.Sequential(Block(3, 8), Block(8, 6), tn.Flatten(), tn.Linear(180, 5)).double()
    arrays, state = ours.parameters(), ours.state()
    with torch.no_grad():
        for i in (0, 1):
            for conv, name in zip(theirs[i].convs, (".body.0_", ".body.2_", ".shortcut.0_"), strict=True):
                conv.weight.copy_(kernels(arrays[f"{i}_residual{name}conv2d.weight"]))
        # PyTorch flattens channels first.
        dense = arrays["3_dense.weight"].reshape(6, 5, 6, 5)
        theirs[3].weight.copy_(tensor(np.ascontiguousarray(dense.transpose(3, 2, 0, 1)).reshape(5, 180)))
        theirs[3].bias.zero_()
    step = nn.TrainStep(ours, optimizer=nn.SGD(0.05, momentum=0.9), loss="cross_entropy")
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    for _ in range(10):
        x, y = rng.standard_normal((16, 6, 5, 3)), rng.integers(0, 5, 16)
        mine = step(x, y)
        optimizer.zero_grad()
        loss = F.cross_entropy(theirs(nchw(x)), tensor(y))
        loss.backward()
        optimizer.step()
        assert_equal(mine, loss, 10_000, "loss")
    theirs.eval()
    for i in (0, 1):
        for norm, name in zip(theirs[i].norms, (".body.1_", ".body.3_", ".shortcut.1_"), strict=True):
            full = f"{i}_residual{name}batch_norm"
            assert_equal(arrays[f"{full}.gamma"], norm.weight, 20_000, full)
            assert_equal(state[f"{full}.running_mean"], norm.running_mean, 20_000, full)
            assert_equal(state[f"{full}.running_variance"], norm.running_var, 20_000, full)
    expected = theirs(nchw(x))
    for model in (ours, ours.fuse()):
        assert_equal(model.predict(x), expected, 100_000, "outputs")
