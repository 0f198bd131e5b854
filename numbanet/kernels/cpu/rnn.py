"""The simple recurrent cell: h = act(x w + h u + b), with tanh or ReLU (Elman 1990, doi 10.1207/s15516709cog1402_1).

All outputs are overwritten (`=`). Shapes, with `steps` times and what `recurrent` says of masks and places:

    x, dx (n, steps, features); dx of size 0: not wanted
    y, dy (n, steps, units), the states at all times; (n, 1, units), the state after the walk
    states (steps + 1, n, units), from the one before the walk on
    gates, dgates (steps, n, units): here the states, and the gradient of what act is applied to
    fed (steps, n, units + features + 1); dfed (n, units), which is scratch
    h0, dh0 (n, units); keep (n, units), the factors of recurrent dropout
    w (features, units), u (units, units), b (units,)
    scratch: geometry.recurrent_scratch(features, units, units) elements
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.codes import RELU, TANH
from numbanet.kernels.cpu.gemm import part
from numbanet.kernels.cpu.microkernel import ROWS
from numbanet.kernels.cpu.recurrent import (
    Walk,
    WalkBack,
    apply_tanh,
    clear,
    copy,
    cut,
    enter,
    fits_backward,
    fits_forward,
    give_back,
    is_direct,
    is_masked,
    leave,
    multiply_back,
    pack_back,
    receive,
    row_at,
    row_of,
    row_tasks,
    task,
    time_of,
)
from numbanet.kernels.cpu.recurrent_weights import multiply_fed, multiply_panels, pack_weights, panel_width
from numbanet.kernels.cpu.simd import flush_denormals, pointer, restore_denormals, shift
from numbanet.kernels.cpu.vectormath import number
from numbanet.kernels.jit import helper, kernel


@helper
def apply_relu(z, n):
    """z = max(z, 0)."""
    for j in range(n):
        z[j] = number(z[j], 0) if z[j] < 0 else z[j]


@helper
def multiply(run, s, i, rows, j, n):
    """gates[s] = fed[s] @ [u; w; b], of some rows and n units from j on. Without an initial state the first is zero."""
    units, width = run.u.shape[0], run.fed.shape[2]
    first = units if s == 0 and run.h0.size == 0 else 0
    z, fed = shift(row_at(run.gates, s, i), j), row_at(run.fed, s, i)
    if run.direct:
        multiply_fed(z, units, fed, run.u, run.w, run.b, first, j, rows, n)
    else:
        panels = shift(pointer(run.panels), first * panel_width(run.panels))
        multiply_panels(z, units, shift(fed, first), width, panels, width, rows, units, width - first, 0)


@helper
def forward_part(run, activation, i, rows, j, n, first, last):
    """Steps first to last of some rows, and of n units from j on."""
    mode = flush_denormals()
    units, steps = run.u.shape[0], run.x.shape[1]
    for s in range(first, last):
        if not run.direct:
            enter(run, s, i, rows)
        multiply(run, s, i, rows, j, n)
        t, gates = time_of(s, steps, run.reverse), shift(row_at(run.gates, s, i), j)
        before, after = shift(row_at(run.states, s, i), j), shift(row_at(run.states, s + 1, i), j)
        for row in range(rows):
            z, h = shift(gates, row * units), shift(after, row * units)
            if is_masked(run.mask, i + row, t):
                clear(z, n)
                copy(h, shift(before, row * units), n)
                continue
            if activation == RELU:
                apply_relu(z, n)
            else:
                apply_tanh(z, n)
            copy(h, z, n)
        leave(run, s, i, rows, j, n)
    restore_denormals(mode)


@kernel
def rnn_forward(y, states, gates, fed, x, h0, mask, keep, w, u, b, activation, reverse, scratch):
    """h = act(x w + (h * keep) u + b) along x, with act codes.TANH or codes.RELU."""
    run = Walk(y, states, gates, fed, x, h0, mask, keep, w, u, b, reverse, scratch, is_direct(x.shape[0]))
    (n, steps, _), units = x.shape, u.shape[0]
    if not fits_forward(run, units) or u.shape[1] != units:
        raise ValueError("rnn_forward: the shapes of its arrays, which the head of rnn.py lists, do not fit each other")
    if activation != TANH and activation != RELU:
        raise ValueError("rnn_forward: the activation must be TANH or RELU")
    if not run.direct:
        pack_weights(pointer(scratch), u, w, b, 0, units)
    tasks, at_once = cut(run)
    for first in range(0, steps, at_once):
        if run.direct:
            enter(run, first, 0, n)
        if tasks == 1:
            forward_part(run, activation, 0, n, 0, units, first, first + at_once)
        else:
            for index in prange(tasks):
                i, rows, j, some = task(index, tasks, n, units, run.direct)
                forward_part(run, activation, i, rows, j, some, first, first + at_once)


@helper
def chain(dz, dh, h, activation, n):
    """dz = dh * act'(z), from h = act(z); dh = 0: all of it went through the gates."""
    zero, one = number(h[0], 0), number(h[0], 1)
    if activation == RELU:
        for j in range(n):
            d = dh[j]  # read before the choice, which then is a blend and no branch
            dz[j] = zero if h[j] <= zero else d
    else:
        for j in range(n):
            dz[j] = dh[j] * (one - h[j] * h[j])
    clear(dh, n)


@helper
def backward_part(run, activation, i, rows):
    """Some rows, from the last step to the first."""
    mode = flush_denormals()
    (steps, _, units) = run.gates.shape
    for s in range(steps - 1, -1, -1):
        receive(run, s, i, rows)
        t, gates, gradients, dh = (
            time_of(s, steps, run.reverse),
            row_at(run.gates, s, i),
            row_at(run.dgates, s, i),
            row_of(run.dh0, i),
        )
        for row in range(rows):
            dz = shift(gradients, row * units)
            if is_masked(run.mask, i + row, t):
                clear(dz, units)
            else:
                chain(dz, shift(dh, row * units), shift(gates, row * units), activation, units)
        multiply_back(run, s, i, rows, 0, 0, units, 0)
        give_back(run, s, i, rows)
    restore_denormals(mode)


@kernel
def rnn_backward(dx, dgates, dh0, dy, gates, mask, keep, w, u, activation, reverse, dfed, scratch):
    """dx, dgates and dh0 from dy, for what `rnn_forward` left in gates; `recurrent_backward_params` does the rest."""
    run = WalkBack(dx, dgates, dh0, dy, gates, mask, keep, w, u, reverse, dfed, scratch)
    (steps, n, units), features = gates.shape, w.shape[0]
    if not fits_backward(run, u.shape[0]) or u.shape[1] != units:
        raise ValueError(
            "rnn_backward: the shapes of its arrays, which the head of rnn.py lists, do not fit each other"
        )
    if activation != TANH and activation != RELU:
        raise ValueError("rnn_backward: the activation must be TANH or RELU")
    pack_back(run)
    tasks = row_tasks(n, steps * n * units * (units + features))
    if tasks == 1:
        backward_part(run, activation, 0, n)
        return
    for index in prange(tasks):
        i, rows = part(np.int64(index), tasks, n, ROWS)
        backward_part(run, activation, i, rows)
