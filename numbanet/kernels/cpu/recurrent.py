"""What the recurrent kernels share: how the work is cut, and what comes before and after each cell's own arithmetic.

A recurrent layer walks along a sequence. Step s of the walk is at time t = s, or, in reverse, at the last time minus s:

    fed[s]   = [h * keep, x at t, 1]     the state before the step, with dropout, and the input; the bias's factor
    gates[s] = fed[s] @ [u; w; b]        and on from there, differently in each cell, to the state after the step

One task carries some rows of the batch through all steps, in one parallel loop and without waiting for the others: rows
know nothing of each other. So the state, the gates of a step and a panel of the weights stay in the caches of one core,
and the weights are brought into panels once for all steps. What backward needs is laid out (steps, n, ...): the rows of
a step lie together, and those of all steps are the rows of one large matrix, which makes the gradient of the weights a
single product after the walk back.

A few rows (DIRECT_ROWS) make products that no packing pays for. They go through the steps one by one, each step being
one parallel loop over parts of the units: what counts for a single row is how fast the weights can be read.

Arrays with a place for each step may have fewer: step s then has place s modulo their number. One place (gates) or two
(fed, states, cells), which stay in the caches, are enough where no backward pass will follow.

A mask (n, steps) of uint8 has 0 where a time is none of the example's own: its state goes through the step unchanged.
Its gates are 0, and so are their gradients.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbanet.kernels.cpu.gemm import SERIAL_WORK, part
from numbanet.kernels.cpu.microkernel import ROWS
from numbanet.kernels.cpu.recurrent_weights import multiply_panels, pack_transposed, panel_columns, panel_width
from numbanet.kernels.cpu.simd import pointer, shift, thread_count
from numbanet.kernels.cpu.vectormath import sigmoid, tanh
from numbanet.kernels.jit import helper

HEIGHT = 64  # most rows of a task: with more, a step's gates leave the L2; with fewer, the weights are read more often
DIRECT_ROWS = 4  # up to so many rows in the batch, a step's product reads the weights where they lie
DIRECT_WORK = 60_000  # multiply-adds of such a step that repay a thread
DIRECT_UNITS = 32  # units of such a step that a thread gets at least


class Walk(NamedTuple):
    """What a walk along a batch of sequences reads and writes, in every cell; `rnn.py` has the shapes.

    `direct`: the batch has few rows, and `panels` hold nothing.
    """

    y: Any
    states: Any
    gates: Any
    fed: Any
    x: Any
    h0: Any
    mask: Any
    keep: Any
    w: Any
    u: Any
    b: Any
    reverse: Any
    panels: Any
    direct: Any


class WalkBack(NamedTuple):
    """The same for the walk back."""

    dx: Any
    dgates: Any
    dh0: Any
    dy: Any
    gates: Any
    mask: Any
    keep: Any
    w: Any
    u: Any
    reverse: Any
    dfed: Any
    panels: Any


# How the work is cut.


@helper
def is_direct(n):
    """Whether a step of n rows takes the weights as they lie."""
    return n <= DIRECT_ROWS


@helper
def cut(run):
    """(tasks of a parallel loop, steps that they go through)."""
    (n, steps, features), (units, columns) = run.x.shape, run.u.shape
    work = n * columns * (units + features)
    if run.direct:
        return max(1, min(thread_count(), work // DIRECT_WORK, units // DIRECT_UNITS)), np.int64(1)
    return row_tasks(n, work * steps), steps


@helper
def row_tasks(n, work):
    """How many tasks to cut n rows into, given the multiply-adds of all."""
    if work < SERIAL_WORK:
        return np.int64(1)
    threads, tasks = thread_count(), (n + HEIGHT - 1) // HEIGHT
    return max(1, min((n + ROWS - 1) // ROWS, (tasks + threads - 1) // threads * threads))


@helper
def task(index, tasks, n, units, direct):
    """What task `index` does: (first row, rows, first unit, units)."""
    number = np.int64(index)  # prange counts in uint64, and uint64 with int64 makes float64
    if direct:
        j, some = part(number, tasks, units, DIRECT_UNITS)
        return np.int64(0), n, j, some
    i, rows = part(number, tasks, n, ROWS)
    return i, rows, np.int64(0), units


@helper
def time_of(s, steps, reverse):
    """The time of the walk's step s."""
    return steps - 1 - s if reverse else s


@helper
def is_masked(mask, i, t):
    """Whether time t is none of example i's own."""
    return mask.size > 0 and mask[i, t] == 0


@helper
def row_of(array, i):
    """The address of row i of array (n, width)."""
    return shift(pointer(array), i * array.shape[1])


@helper
def row_at(array, s, i):
    """The address of row i at step s of array (places, n, width)."""
    places, n, width = array.shape
    return shift(pointer(array), ((s % places) * n + i) * width)


# Runs of numbers.


@helper
def clear(out, n):
    """out = 0."""
    for j in range(n):
        out[j] = 0


@helper
def copy(out, x, n):
    """out = x."""
    for j in range(n):
        out[j] = x[j]


@helper
def add(total, x, n):
    """total += x."""
    for j in range(n):
        total[j] += x[j]


@helper
def product(out, x, y, n):
    """out = x * y."""
    for j in range(n):
        out[j] = x[j] * y[j]


@helper
def add_product(total, x, y, n):
    """total += x * y."""
    for j in range(n):
        total[j] += x[j] * y[j]


@helper
def apply_sigmoid(z, n):
    """z = sigmoid(z)."""
    for j in range(n):
        z[j] = sigmoid(z[j])


@helper
def apply_tanh(z, n):
    """z = tanh(z)."""
    for j in range(n):
        z[j] = tanh(z[j])


# The walk.


@helper
def begin(states, first, i, rows):
    """states[0] = first, or zeros where that is of size 0, for some rows."""
    out, n = row_at(states, 0, i), rows * states.shape[2]
    if first.size:
        copy(out, row_of(first, i), n)
    else:
        clear(out, n)


@helper
def enter(run, s, i, rows):
    """What fed[s] has of the input, and the 1; before step 0 also of the state, which later `leave` has put there."""
    (_, steps, features), units = run.x.shape, run.states.shape[2]
    if s == 0:
        begin(run.states, run.h0, i, rows)
        pass_on(run.fed, run.states, run.keep, 0, i, rows, 0, units)
    out, x = row_at(run.fed, s, i), shift(pointer(run.x), (i * steps + time_of(s, steps, run.reverse)) * features)
    for row in range(rows):
        beside = shift(out, row * (units + features + 1) + units)
        copy(beside, shift(x, row * steps * features), features)
        beside[features] = 1


@helper
def pass_on(fed, states, keep, s, i, rows, j, n):
    """The state's part of fed[s] = states[s] * keep, of some rows and n units from j on."""
    width, units = fed.shape[2], states.shape[2]
    out, h = shift(row_at(fed, s, i), j), shift(row_at(states, s, i), j)
    for row in range(rows):
        if keep.size:
            product(shift(out, row * width), shift(h, row * units), shift(row_of(keep, i + row), j), n)
        else:
            copy(shift(out, row * width), shift(h, row * units), n)


@helper
def leave(run, s, i, rows, j, n):
    """Pass on the state after step s, of some rows and n units from j on: to y, and to what the next step is fed."""
    steps, (_, outputs, units) = run.x.shape[1], run.y.shape
    if s + 1 < steps:
        pass_on(run.fed, run.states, run.keep, s + 1, i, rows, j, n)
    if outputs == steps or s + 1 == steps:
        t = time_of(s, steps, run.reverse) if outputs == steps else 0
        out, h = shift(pointer(run.y), (i * outputs + t) * units + j), shift(row_at(run.states, s + 1, i), j)
        for row in range(rows):
            copy(shift(out, row * outputs * units), shift(h, row * units), n)


# The way back.


@helper
def receive(run, s, i, rows):
    """dh0, on the way the gradient of the state after step s: plus that of y; zero before the last step is added."""
    steps, (_, outputs, units), dh = run.gates.shape[0], run.dy.shape, row_of(run.dh0, i)
    if s + 1 == steps:
        clear(dh, rows * units)
    if outputs == steps or s + 1 == steps:
        t = time_of(s, steps, run.reverse) if outputs == steps else 0
        dy = shift(pointer(run.dy), (i * outputs + t) * units)
        for row in range(rows):
            add(shift(dh, row * units), shift(dy, row * outputs * units), units)


@helper
def multiply_back(run, s, i, rows, first, panel, k, accumulate):
    """dfed (+)= dgates[s][:, first : first + k] @ u[:, panel : panel + k].T, from the panels of u.T."""
    (units, columns), width = run.u.shape, panel_width(run.panels)
    multiply_panels(
        row_of(run.dfed, i), units, shift(row_at(run.dgates, s, i), first), run.dgates.shape[2],
        shift(pointer(run.panels), panel * width), columns, rows, units, k, accumulate,
    )  # fmt: skip


@helper
def give_back(run, s, i, rows):
    """dh0 += dfed * keep: what step s was fed sends its gradient to the state before; and dx from that of the gates."""
    (units, columns), n = run.u.shape, rows * run.u.shape[0]
    if run.keep.size:
        add_product(row_of(run.dh0, i), row_of(run.dfed, i), row_of(run.keep, i), n)
    else:
        add(row_of(run.dh0, i), row_of(run.dfed, i), n)
    if run.dx.size:
        _, steps, features = run.dx.shape
        t = time_of(s, steps, run.reverse)
        multiply_panels(
            shift(pointer(run.dx), (i * steps + t) * features), steps * features, row_at(run.dgates, s, i),
            run.dgates.shape[2], shift(pointer(run.panels), columns * panel_columns(units, run.panels)), columns, rows,
            features, columns, 0,
        )  # fmt: skip


@helper
def pack_back(run):
    """u.T in panels, and behind it, where dx is wanted, w.T."""
    units, columns = run.u.shape
    pack_transposed(pointer(run.panels), run.u)
    if run.dx.size:
        pack_transposed(shift(pointer(run.panels), columns * panel_columns(units, run.panels)), run.w)


# Arguments.


@helper
def fits_forward(run, width):
    """Whether the shapes of what all cells have fit each other; gates are `width` wide."""
    (n, steps, features), (units, columns) = run.x.shape, run.u.shape
    return (
        steps > 0
        and run.w.shape == (features, columns)
        and run.b.size == columns
        and run.y.shape[0] == n
        and (run.y.shape[1] == steps or run.y.shape[1] == 1)
        and run.y.shape[2] == units
        and run.states.shape[0] >= 2
        and run.states.shape[1:] == (n, units)
        and run.gates.shape[0] >= 1
        and run.gates.shape[1:] == (n, width)
        and run.fed.shape[0] >= min(2, steps)
        and run.fed.shape[1:] == (n, units + features + 1)
        and (run.h0.size == 0 or run.h0.shape == (n, units))
        and (run.mask.size == 0 or run.mask.shape == (n, steps))
        and (run.keep.size == 0 or run.keep.shape == (n, units))
        and run.panels.size >= (units + features + 1) * (panel_columns(columns, run.panels) + panel_width(run.panels))
    )


@helper
def fits_backward(run, width):
    """The same for the way back."""
    (steps, n, _), (features, columns), units = run.gates.shape, run.w.shape, run.u.shape[0]
    return (
        steps > 0
        and run.gates.shape[2] == width
        and run.dgates.shape == run.gates.shape
        and run.u.shape[1] == columns
        and (run.dx.size == 0 or run.dx.shape == (n, steps, features))
        and run.dy.shape[0] == n
        and (run.dy.shape[1] == steps or run.dy.shape[1] == 1)
        and run.dy.shape[2] == units
        and run.dh0.shape == (n, units)
        and run.dfed.shape == (n, units)
        and (run.mask.size == 0 or run.mask.shape == (n, steps))
        and (run.keep.size == 0 or run.keep.shape == (n, units))
        and run.panels.size >= columns * (panel_columns(units, run.panels) + panel_columns(features, run.panels))
    )
