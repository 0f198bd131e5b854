"""Activations, softmax, the dense layer and the losses of `kernels.cpu` against PyTorch, with their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu
from numbanet.kernels.codes import ACTIVATIONS, FUSED

from .torches import DTYPES, assert_equal, tensor, torch

F = torch.nn.functional
EMPTY = {dtype: np.empty(0, dtype) for dtype in DTYPES}
NO_MASK = np.empty(0, np.uint8)
IGNORED = -100  # the label that PyTorch leaves out by default
THEIRS = {
    "linear": lambda x: x * 1,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.3),
    "elu": lambda x: F.elu(x, 0.3),
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda x: F.softplus(x, threshold=50),  # PyTorch turns linear at 20; its e^90 is inf
}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(29)


def test_every_activation_has_a_counterpart() -> None:
    assert set(THEIRS) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", THEIRS)
def test_activation(name: str, dtype: Any, rng: np.random.Generator) -> None:
    x = np.concatenate([rng.standard_normal(3000) * 3, [0.0, 20, -20, 90, -90]]).astype(dtype)
    dy = rng.standard_normal(x.size).astype(dtype)
    y, dx = np.empty_like(x), np.empty_like(x)
    cpu.activation_forward(y, x, ACTIVATIONS[name], 0.3)
    cpu.activation_backward(dx, dy, x, y, ACTIVATIONS[name], 0.3)
    z = tensor(x, gradient=True)
    theirs = THEIRS[name](z)
    theirs.backward(tensor(dy))
    np.testing.assert_allclose(
        y, theirs.detach(), rtol=0, atol=8 * np.finfo(dtype).eps * np.maximum(1, np.abs(x)).max()
    )
    # gelu_tanh: both sides round 1 - tanh^2 to an eps and multiply it by x times a slope, up to 30.
    assert_equal(dx, z.grad, 100 if name == "gelu_tanh" else 16, "gradient")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name: str, dtype: Any, rng: np.random.Generator) -> None:
    x = (5 * rng.standard_normal((64, 10))).astype(dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    y, dx = np.empty_like(x), np.empty_like(x)
    getattr(cpu, f"{name}_forward")(y, x)
    getattr(cpu, f"{name}_backward")(dx, dy, y)
    z = tensor(x, gradient=True)
    theirs = getattr(F, name)(z, dim=1)
    theirs.backward(tensor(dy))
    assert_equal(y, theirs, 8)
    assert_equal(dx, z.grad, 40, "gradient")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("code", sorted(FUSED))
@pytest.mark.parametrize("bias", [True, False])
def test_dense(bias: bool, code: int, dtype: Any, rng: np.random.Generator) -> None:
    n, width_in, width_out = 37, 101, 53
    x, w, b, dy = (rng.standard_normal(s).astype(dtype)
                   for s in ((n, width_in), (width_in, width_out), width_out if bias else 0, (n, width_out)))  # fmt: skip
    w /= 10
    y, dz, dx, dw, db = np.empty_like(dy), np.empty_like(dy), np.empty_like(x), np.empty_like(w), np.empty_like(b)
    cpu.dense_forward(y, x, w, b, code)
    cpu.dense_backward_activation(dz.reshape(-1), dy.reshape(-1), y.reshape(-1), code)
    cpu.dense_backward_input(dx, dz, w)
    cpu.dense_backward_params(dw, db, x, dz)
    leaves = [tensor(a, gradient=True) for a in (x, w, b)]
    z = leaves[0] @ leaves[1]
    name = next(n for n, c in ACTIVATIONS.items() if c == code)
    theirs = THEIRS[name](z + leaves[2] if bias else z)
    theirs.backward(tensor(dy))
    # Sums of 101 products, and of 37 and 53 in the gradients, rounded differently on both sides.
    assert_equal(y, theirs, 100)
    for ours, leaf, what in zip((dx, dw, db), leaves, ("dx", "dw", "db"), strict=True):
        if what != "db" or bias:
            assert_equal(ours, leaf.grad, 100, what)


def check_loss(name: str, z: Any, rest: tuple[Any, ...], theirs: Any, roundings: float = 30) -> None:
    """The mean loss, each sample's own, and the gradient. `theirs(z, reduction)`."""
    totals, losses, dz = np.zeros(4), np.empty(len(z), z.dtype), np.empty_like(z)
    target, *options = rest
    getattr(cpu, name)(totals, losses, dz, z, target, NO_MASK, *options)
    leaf = tensor(z, gradient=True)
    mean = theirs(leaf, "mean")
    mean.backward()
    assert_equal(np.asarray(totals[0] / totals[1], z.dtype), mean, roundings, "mean")
    assert_equal(dz, leaf.grad, roundings, "gradient")
    each = theirs(leaf, "none")
    assert_equal(losses, each.mean(dim=1) if each.ndim == 2 else each, roundings, "each")
    assert totals[3] == (len(z) if target.dtype != np.int64 else np.count_nonzero(target != IGNORED))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_cross_entropy(smoothing: float, weighted: bool, dtype: Any, rng: np.random.Generator) -> None:
    z = (3 * rng.standard_normal((50, 7))).astype(dtype)
    labels = rng.integers(0, 7, 50)
    p = rng.random((50, 7)).astype(dtype)
    p /= p.sum(axis=1, keepdims=True)
    weights = rng.uniform(0, 2, 7).astype(dtype) if weighted else EMPTY[dtype]
    options = {"weight": tensor(weights) if weighted else None, "label_smoothing": smoothing}
    some = np.where(rng.random(50) < 0.3, IGNORED, labels)
    for name, target, more in (("cross_entropy", labels, (IGNORED,)), ("cross_entropy", some, (IGNORED,)),
                               ("cross_entropy_probabilities", p, ())):  # fmt: skip
        check_loss(name, z, (target, weights, smoothing, *more),
                   lambda x, r, t=target: F.cross_entropy(x, tensor(t), reduction=r, **options), 60)  # fmt: skip
    totals = np.zeros(4)
    cpu.cross_entropy(totals, np.empty(50, dtype), np.empty((0, 0), dtype), z, labels, NO_MASK, weights, smoothing, -1)
    assert totals[2] == (tensor(z).argmax(dim=1) == tensor(labels)).sum()


@pytest.mark.parametrize("dtype", DTYPES)
def test_regression_losses(dtype: Any, rng: np.random.Generator) -> None:
    z, target = (rng.standard_normal((50, 7)).astype(dtype) for _ in range(2))
    target[:, 2] = z[:, 2]
    t = tensor(target)
    check_loss("mean_squared_error", z, (target,), lambda x, r: F.mse_loss(x, t, reduction=r))
    check_loss("mean_absolute_error", z, (target,), lambda x, r: F.l1_loss(x, t, reduction=r))
    for delta in (0.1, 1.0, 10.0):
        check_loss("huber", z, (target, delta), lambda x, r, d=delta: F.huber_loss(x, t, reduction=r, delta=d))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("features", [1, 7])
def test_binary_cross_entropy(features: int, dtype: Any, rng: np.random.Generator) -> None:
    z = (20 * rng.standard_normal((50, features))).astype(dtype)
    for target in (rng.integers(0, 2, z.shape).astype(dtype), rng.random(z.shape).astype(dtype)):
        t = tensor(target)
        check_loss("binary_cross_entropy", z, (target,),
                   lambda x, r, t=t: F.binary_cross_entropy_with_logits(x, t, reduction=r))  # fmt: skip
