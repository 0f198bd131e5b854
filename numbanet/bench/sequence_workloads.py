"""Workloads of recurrent cells, of embeddings, and of what looks along the steps of a sequence."""

from __future__ import annotations

import numpy as np

from numbanet.bench.dense_workloads import Calls
from numbanet.bench.workloads import Arrays, Shape, family
from numbanet.kernels.codes import MAX_OF_STEPS, TANH
from numbanet.kernels.geometry import recurrent_scratch

NO_MASK = np.empty((0, 0), np.uint8)
AXES, SHAPES = "n steps features units", ((128, 28, 28, 128), (32, 100, 64, 256))


class Cell:
    """The arrays of a cell, by the names that the kernels give them; `work`: the operations of its products."""

    def __init__(self, a: Arrays, shape: Shape, gates: int, places: int) -> None:
        n, steps, features, units = shape
        columns = gates * units
        self.work = 2.0 * n * steps * columns * (units + features)
        self.x, self.dx = a.normal(n, steps, features), a.zeros(n, steps, features)
        self.y, self.dy = a.zeros(n, steps, units), a.normal(n, steps, units)
        self.new, self.states = a.zeros(steps + 1, n, units), a.normal(steps + 1, n, units)
        self.places, self.gates, self.dgates = (f(steps, n, places * units) for f in (a.zeros, a.uniform, a.zeros))
        self.inputs, self.fed = a.zeros(steps, n, units + features + 1), a.normal(steps, n, units + features + 1)
        self.fed[..., -1] = 1  # the bias's
        self.state, self.none = a.zeros(n, units), a.zeros(0, 0)
        shapes = ((features, columns), (units, columns), (columns,))
        self.w, self.u, self.b = (a.normal(*shape) / a.dtype.type(shape[0] ** 0.5) for shape in shapes)
        self.gradients = tuple(a.zeros(*shape) for shape in shapes)
        self.scratch = a.zeros(recurrent_scratch(features, units, columns))
        self.weights = (NO_MASK, self.none, self.w, self.u)


@family("rnn_forward rnn_backward recurrent_backward_params", AXES, *SHAPES)
def _simple(a: Arrays, *shape: int) -> Calls:
    c = Cell(a, shape, 1, 1)
    outputs = (c.y, c.new, c.places, c.inputs)
    yield "rnn_forward", (*outputs, c.x, c.none, *c.weights, c.b, TANH, False, c.scratch), c.work
    back = (c.dx, c.dgates, c.state, c.dy, c.gates, *c.weights, TANH, False, c.state.copy(), c.scratch)
    yield "rnn_backward", back, c.work
    yield "recurrent_backward_params", (*c.gradients, c.fed, c.gates, c.scratch), c.work


@family("lstm_forward lstm_backward lstm_backward_peephole", AXES, *SHAPES)
def _lstm(a: Arrays, *shape: int) -> Calls:
    c = Cell(a, shape, 4, 4)
    outputs = (c.y, c.new, c.new.copy(), c.places, c.inputs)
    yield "lstm_forward", (*outputs, c.x, c.none, c.none, *c.weights, c.b, c.none, False, c.scratch), c.work
    back = (c.dx, c.dgates, c.state, c.state.copy(), c.dy, c.states, c.gates, *c.weights, c.none, False)
    yield "lstm_backward", (*back, c.state.copy(), c.scratch), c.work
    yield "lstm_backward_peephole", (a.zeros(3, shape[-1]), c.gates, c.states), 1.5 * c.gates.size


@family("gru_forward gru_backward gru_backward_params", AXES, *SHAPES)
def _gru(a: Arrays, *shape: int) -> Calls:
    c, rb = Cell(a, shape, 3, 4), a.normal(shape[-1])
    outputs = (c.y, c.new, c.places, c.inputs)
    yield "gru_forward", (*outputs, c.x, c.none, *c.weights, c.b, rb, True, False, c.scratch), c.work
    back = (c.dx, c.dgates, c.state, c.dy, c.states, c.gates, c.fed, *c.weights, True, False, c.state.copy())
    yield "gru_backward", (*back, c.scratch), c.work
    after = (*c.gradients, np.zeros_like(rb), c.fed, c.gates, c.gates.copy(), True, c.scratch)
    yield "gru_backward_params", after, c.work


@family("embedding_backward", "tokens vocabulary units", (8192, 100, 128), (4096, 50_000, 256))
def _embedding(a: Arrays, tokens: int, vocabulary: int, units: int) -> Calls:
    given, stale = a.below(vocabulary, tokens), a.below(vocabulary, tokens)
    touched = np.zeros(tokens, np.int64)
    yield "embedding_backward", (a.zeros(vocabulary, units), touched, a.normal(tokens, units), given, stale, -1), 0.0


@family("pool_steps_forward pool_steps_backward mask_steps", "n steps features", (128, 64, 128))
def _steps(a: Arrays, n: int, steps: int, features: int) -> Calls:
    x, dy, mask = a.normal(n, steps, features), a.normal(n, features), a.below(2, n, steps).astype(np.uint8)
    yield "pool_steps_forward", (np.zeros_like(dy), x, mask, MAX_OF_STEPS), 0.0
    yield "pool_steps_backward", (np.zeros_like(x), dy, x, mask, MAX_OF_STEPS), 0.0
    yield "mask_steps", (np.zeros_like(mask), x, 0.0), 0.0
