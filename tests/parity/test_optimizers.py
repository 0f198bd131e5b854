"""Ten steps of every optimizer kernel, with every option, against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu

from .torches import DTYPES, assert_equal, tensor, torch

STEPS, SIZE, DECAYED, RATE = 10, 500, 300, 0.02
optim = torch.optim
KINDS: dict[str, Any] = {
    "sgd": lambda groups: optim.SGD(groups, lr=RATE),
    "momentum": lambda groups: optim.SGD(groups, lr=RATE, momentum=0.9),
    "nesterov": lambda groups: optim.SGD(groups, lr=RATE, momentum=0.9, nesterov=True),
    "rmsprop": lambda groups: optim.RMSprop(groups, lr=RATE),
    "rmsprop_momentum": lambda groups: optim.RMSprop(groups, lr=RATE, momentum=0.9),
    "adam": lambda groups: optim.Adam(groups, lr=RATE),
    "adamw": lambda groups: optim.AdamW(groups, lr=RATE, weight_decay=0),
}
OPTIONS: dict[str, dict[str, float]] = {
    "plain": {},
    "l2": {"l2": 0.1},
    "decay": {"decay": 0.1},
    "l1": {"l1": 0.01},
    "clip_norm": {"clip_norm": 3.0},
    "clip_value": {"clip": 0.3},
    "changing rate": {"change": 0.8},
    "all": {"l2": 0.05, "l1": 0.01, "clip_norm": 5.0, "clip": 0.4, "change": 0.9},
}


class Ours:
    """An optimizer kernel with its state."""

    def __init__(self, kind: str, w: Any, options: dict[str, float]) -> None:
        self.kind, self.w, self.options = kind, w.copy(), options
        self.first, self.second = np.zeros_like(w), np.zeros_like(w)
        self.rate, self.scale, self.count = np.array([RATE]), np.ones(1), np.zeros(1, np.int64)

    def step(self, g: Any) -> None:
        o, w, rate, scale = self.options, self.w, self.rate, self.scale
        if "clip_norm" in o:
            cpu.clip_scale(scale, np.empty(1), g, o["clip_norm"])
        self.count += 1
        shared = (o.get("clip", 0.0), o.get("l1", 0.0), o.get("l2", 0.0), o.get("decay", 0.0), DECAYED)
        match self.kind:
            case "sgd":
                cpu.sgd(w, g, rate, scale, *shared)
            case "momentum" | "nesterov":
                cpu.momentum(w, g, self.first, rate, scale, 0.9, self.kind == "nesterov", *shared)
            case "rmsprop":
                cpu.rmsprop(w, g, self.second, self.first[:0], rate, scale, 0.99, 1e-8, 0.0, *shared)
            case "rmsprop_momentum":
                cpu.rmsprop(w, g, self.second, self.first, rate, scale, 0.99, 1e-8, 0.9, *shared)
            case _:
                cpu.adam(w, g, self.first, self.second, rate, scale, self.count, 0.9, 0.999, 1e-8, *shared)
        self.rate *= o.get("change", 1.0)


def theirs(kind: str, w: Any, gradients: list[Any], options: dict[str, float]) -> Any:
    """The weights after PyTorch's steps: two groups, of which the first alone decays."""
    groups = [tensor(w[:DECAYED], gradient=True), tensor(w[DECAYED:], gradient=True)]
    optimizer = KINDS[kind]([{"params": [groups[0]], "weight_decay": options.get("l2", 0.0)},
                             {"params": [groups[1]], "weight_decay": 0.0}])  # fmt: skip
    for g in gradients:
        groups[0].grad, groups[1].grad = tensor(g[:DECAYED]), tensor(g[DECAYED:])
        if "clip_norm" in options:
            torch.nn.utils.clip_grad_norm_(groups, options["clip_norm"])
        if "clip" in options:
            torch.nn.utils.clip_grad_value_(groups, options["clip"])
        with torch.no_grad():
            # PyTorch has no L1, and decoupled decay for Adam alone, which takes no L2 then: both by hand.
            groups[0].grad += options.get("l1", 0.0) * groups[0].sign()
            if kind != "adamw":
                groups[0] *= 1 - optimizer.param_groups[0]["lr"] * options.get("decay", 0.0)
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= options.get("change", 1.0)
    return torch.cat(groups)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "adamw"])
def test_ten_steps(kind: str, options: str, dtype: Any) -> None:
    """A step rounds w (at most 4 or so) twice and the update, itself about RATE, some ten times: 20 eps over ten
    steps and both sides, with room for the momentum's sum of ten."""
    rng = np.random.default_rng(30)
    w = rng.standard_normal(SIZE).astype(dtype)
    gradients = [rng.standard_normal(SIZE).astype(dtype) for _ in range(STEPS)]
    ours = Ours(kind, w, OPTIONS[options])
    for g in gradients:
        ours.step(g.copy())
    expected = theirs(kind, w, gradients, OPTIONS[options])
    assert not np.allclose(ours.w, w, atol=1e-3), "the steps must be larger than the tolerance"
    assert_equal(ours.w, expected, 20, f"{kind} with {options}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", ["plain", "decay", "clip_norm", "clip_value"])
def test_adamw(options: str, dtype: Any) -> None:
    """PyTorch's own decoupled decay."""
    rng = np.random.default_rng(31)
    w = rng.standard_normal(SIZE).astype(dtype)
    gradients = [rng.standard_normal(SIZE).astype(dtype) for _ in range(STEPS)]
    ours = Ours("adamw", w, OPTIONS[options])
    for g in gradients:
        ours.step(g.copy())
    decay = OPTIONS[options].get("decay", 0.0)
    rest = {name: value for name, value in OPTIONS[options].items() if name != "decay"}
    assert_equal(ours.w, theirs("adamw", w, gradients, {**rest, "l2": decay}), 20)
