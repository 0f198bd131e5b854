"""Random problems for the recurrent kernels, and the calls that solve them, in the form of `helpers.both`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numbanet.kernels import reference
from numbanet.kernels.codes import RELU, TANH
from numbanet.kernels.geometry import recurrent_scratch

from .helpers import Out, normal, out

Array = np.ndarray[Any, Any]
CELLS = ("rnn", "lstm", "gru")
COLUMNS = {"rnn": 1, "lstm": 4, "gru": 3}  # of the weights, in units
WIDTH = {"rnn": 1, "lstm": 4, "gru": 4}  # of the gates
Call = tuple[str, tuple[Any, ...]]


@dataclass
class Problem:
    """A cell, its weights and a batch of sequences. The options are on or off: what they are is random."""

    cell: str
    n: int
    steps: int
    features: int
    units: int
    dtype: Any = np.float32
    every: bool = True  # y holds the state at all times, not only the last
    initial: bool = False
    masked: bool = False
    dropped: bool = False
    reverse: bool = False
    peepholes: bool = False
    after: bool = True  # GRU: reset after the product
    activation: int = TANH
    seed: int = 0
    arrays: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng, n, d, u = np.random.default_rng(self.seed), self.n, self.features, self.units
        columns, none = COLUMNS[self.cell] * u, np.empty((0, 0), self.dtype)
        given = self.arrays
        given["x"] = normal(rng, (n, self.steps, d), self.dtype)
        given["w"] = normal(rng, (d, columns), self.dtype) / self.dtype(d**0.5)
        given["u"] = normal(rng, (u, columns), self.dtype) / self.dtype(u**0.5)
        given["b"] = normal(rng, columns, self.dtype)
        given["h0"], given["c0"] = (normal(rng, (n, u), self.dtype) if self.initial else none for _ in range(2))
        given["mask"] = np.empty((0, 0), np.uint8)
        if self.masked:
            given["mask"] = (rng.random((n, self.steps)) < 0.7).astype(np.uint8)
        given["keep"] = none
        if self.dropped:
            given["keep"] = (2 * rng.integers(0, 2, (n, u))).astype(self.dtype)
        given["peephole"] = normal(rng, (3, u), self.dtype) if self.peepholes and self.cell == "lstm" else none
        given["rb"] = normal(rng, u if self.after else 0, self.dtype)
        given["dy"] = normal(rng, (n, self.steps if self.every else 1, u), self.dtype)

    def forward(self, *, places: bool = True) -> Call:
        """The forward pass; with no `places` for every step's numbers, but for those of one or two."""
        n, u, steps, a = self.n, self.units, self.steps, self.arrays
        gates, pair = (steps, steps + 1) if places else (1, 2)
        outputs = [out(a["dy"].shape, self.dtype), out((pair, n, u), self.dtype)]
        if self.cell == "lstm":
            outputs.append(out((pair, n, u), self.dtype))
        outputs.append(out((gates, n, WIDTH[self.cell] * u), self.dtype))
        outputs.append(out((min(steps, pair), n, u + self.features + 1), self.dtype))
        inputs = [
            a["x"],
            a["h0"],
            *([a["c0"]] if self.cell == "lstm" else []),
            a["mask"],
            a["keep"],
            a["w"],
            a["u"],
            a["b"],
        ]
        own: dict[str, list[Any]] = {"rnn": [self.activation], "lstm": [a["peephole"]], "gru": [a["rb"], self.after]}
        return f"{self.cell}_forward", (*outputs, *inputs, *own[self.cell], self.reverse, self.scratch())

    def scratch(self) -> Out:
        return out(recurrent_scratch(self.features, self.units, COLUMNS[self.cell] * self.units), self.dtype)

    def saved(self) -> list[Array]:
        """What the oracle's forward pass leaves for backward: states, for LSTM cells, gates, fed."""
        name, arguments = self.forward()
        values = [v.initial.copy() if isinstance(v, Out) else v for v in arguments]
        getattr(reference, name)(*values)
        return values[1 : 5 if self.cell == "lstm" else 4]

    def backward(self, *, need_dx: bool = True) -> list[Call]:
        """The walk back and the gradients of the parameters, each from what the oracle gave before it."""
        n, u, a, dtype = self.n, self.units, self.arrays, self.dtype
        states, *cells, gates, fed = self.saved()
        state = out((n, u), dtype)
        outputs = [out(a["x"].shape if need_dx else (0, 0, 0), dtype), out(gates.shape, dtype), state]
        saved: dict[str, list[Array]] = {"rnn": [gates], "lstm": [*cells, gates], "gru": [states, gates, fed]}
        own: dict[str, list[Any]] = {"rnn": [self.activation], "lstm": [a["peephole"]], "gru": [self.after]}
        walk: Call = (
            f"{self.cell}_backward",
            (
                *outputs, *([state] if self.cell == "lstm" else []), a["dy"], *saved[self.cell], a["mask"], a["keep"],
                a["w"], a["u"], *own[self.cell], self.reverse, state, self.scratch(),
            ),
        )  # fmt: skip
        values = [v.initial.copy() if isinstance(v, Out) else v for v in walk[1]]
        getattr(reference, walk[0])(*values)
        dgates = values[1]
        parameters = [out(a[name].shape, dtype) for name in ("w", "u", "b")]
        if self.cell == "gru":
            after = (*parameters, out(a["rb"].shape, dtype), fed, gates, dgates, self.after, self.scratch())
            return [walk, ("gru_backward_params", after)]
        calls = [walk, ("recurrent_backward_params", (*parameters, fed, dgates, self.scratch()))]
        if a["peephole"].size:
            calls.append(("lstm_backward_peephole", (out((3, u), dtype), dgates, cells[0])))
        return calls


def options(cell: str) -> list[dict[str, Any]]:
    """Every option of a cell alone, and all at once."""
    single: list[dict[str, Any]] = [
        {}, {"every": False}, {"initial": True}, {"masked": True}, {"dropped": True}, {"reverse": True},
    ]  # fmt: skip
    single += {"rnn": [{"activation": RELU}], "lstm": [{"peepholes": True}], "gru": [{"after": False}]}[cell]
    together: dict[str, Any] = {key: value for option in single for key, value in option.items()}
    return [*single, together, {**together, "every": True}]
