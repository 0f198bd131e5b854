"""Gated recurrent units (Cho et al., arXiv 1406.1078), with the reset gate before or after the product with u.

    [r, z] = sigmoid((h * keep) u + x w + b)              the first two thirds of the columns
    n = tanh(x w + b + r ((h * keep) u + rb))             reset after: PyTorch, cuDNN, Keras since 2
    n = tanh(x w + b + (r h * keep) u)                    reset before: the paper
    h' = (1 - z) n + z h

All outputs are overwritten (`=`). Shapes as in `rnn.py`, apart from

    gates (steps, n, 4 units): r, z, n; then what r is multiplied with in `after`, the product r h keep in `before`
    dgates (steps, n, 4 units): the gradients of what sigmoid and tanh are applied to; then those of the fourth part
    w (features, 3 units), u (units, 3 units), b (3 units,); rb (units,), of size 0 for reset before
    scratch: geometry.recurrent_scratch(features, units, 3 units) elements
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.dense import sum_rows
from numbanet.kernels.cpu.gemm import divide, part, rectangle
from numbanet.kernels.cpu.microkernel import ROWS
from numbanet.kernels.cpu.recurrent import (
    Walk,
    WalkBack,
    add,
    add_product,
    apply_sigmoid,
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
    product,
    receive,
    row_at,
    row_of,
    row_tasks,
    task,
    time_of,
)
from numbanet.kernels.cpu.recurrent_weights import (
    fits_params,
    multiply_direct,
    multiply_fed,
    multiply_panels,
    pack_weights,
    panel_columns,
    panel_width,
    place_product,
    take_apart,
)
from numbanet.kernels.cpu.simd import flush_denormals, pointer, restore_denormals, shift
from numbanet.kernels.cpu.vectormath import number, tanh
from numbanet.kernels.jit import helper, kernel


@helper
def multiply_gates(run, s, i, rows, j, n):
    """The sums of r and z. Without an initial state the first is zero."""
    units, width = run.u.shape[0], run.fed.shape[2]
    first = units if s == 0 and run.h0.size == 0 else 0
    z, fed = row_at(run.gates, s, i), row_at(run.fed, s, i)
    if run.direct:
        for column in (j, units + j):
            multiply_fed(shift(z, column), 4 * units, fed, run.u, run.w, run.b, first, column, rows, n)
    else:
        panels = shift(pointer(run.panels), first * panel_width(run.panels))
        multiply_panels(z, 4 * units, shift(fed, first), width, panels, width, rows, 2 * units, width - first, 0)


@helper
def multiply_input(run, s, i, rows, j, n):
    """The candidate's sum, without the state's part."""
    units, width = run.u.shape[0], run.fed.shape[2]
    z, inputs = shift(row_at(run.gates, s, i), 2 * units + j), row_at(run.fed, s, i)
    if run.direct:
        multiply_fed(z, 4 * units, inputs, run.u, run.w, run.b, units, 2 * units + j, rows, n)
    else:
        panels = shift(candidate_panels(run), units * panel_width(run.panels))
        multiply_panels(z, 4 * units, shift(inputs, units), width, panels, width, rows, units, width - units, 0)


@helper
def multiply_state(run, c, a, a_row, k, j, rows, n, accumulate):
    """C (+)= A @ the candidate's part of u: of its first k rows, the columns from j on."""
    units, row = run.u.shape
    if not run.direct:
        multiply_panels(c, 4 * units, a, a_row, candidate_panels(run), run.fed.shape[2], rows, n, k, accumulate)
        return
    if not accumulate:
        for i in range(rows):
            clear(shift(c, i * 4 * units), n)
    multiply_direct(c, 4 * units, a, a_row, shift(pointer(run.u), 2 * units + j), row, rows, n, k)


@helper
def candidate_panels(run):
    """Where the panels of the candidate's columns begin."""
    return shift(pointer(run.panels), run.fed.shape[2] * panel_columns(2 * run.u.shape[0], run.panels))


@helper
def cell_after(z, h, before, rb, units, n):
    """One row, reset after: h' from h and from the gates' sums, which become the gates."""
    reset, update, candidate, state = z, shift(z, units), shift(z, 2 * units), shift(z, 3 * units)
    apply_sigmoid(reset, n)
    apply_sigmoid(update, n)
    add(state, rb, n)
    for j in range(n):
        candidate[j] = tanh(candidate[j] + reset[j] * state[j])
    interpolate(h, candidate, update, before, n)


@helper
def cell_before(z, fed, units):
    """One row, reset before: r and z from their sums, and r h keep for the product with u."""
    apply_sigmoid(z, 2 * units)
    product(shift(z, 3 * units), z, fed, units)


@helper
def interpolate(h, candidate, update, before, n):
    """h = (1 - z) n + z h."""
    for j in range(n):
        h[j] = candidate[j] + update[j] * (before[j] - candidate[j])


@helper
def step(run, rb, reset_after, s, i, rows, j, n):
    """Step s of some rows, and of n units from j on."""
    units, width, t = run.u.shape[0], run.fed.shape[2], time_of(s, run.x.shape[1], run.reverse)
    columns, fed, gates = 4 * units, row_at(run.fed, s, i), shift(row_at(run.gates, s, i), j)
    before, after = shift(row_at(run.states, s, i), j), shift(row_at(run.states, s + 1, i), j)
    candidates, fourth = shift(gates, 2 * units), shift(gates, 3 * units)
    multiply_gates(run, s, i, rows, j, n)
    multiply_input(run, s, i, rows, j, n)
    if reset_after:
        multiply_state(run, fourth, fed, width, 0 if s == 0 and run.h0.size == 0 else units, j, rows, n, 0)
    else:
        for row in range(rows):
            z = shift(gates, row * columns)
            if is_masked(run.mask, i + row, t):
                clear(shift(z, 3 * units), n)
            else:
                cell_before(z, shift(fed, row * width), units)
        multiply_state(run, candidates, fourth, columns, units, j, rows, n, 1)
    for row in range(rows):
        z, h, old = shift(gates, row * columns), shift(after, row * units), shift(before, row * units)
        if is_masked(run.mask, i + row, t):
            for column in range(0, columns, units):
                clear(shift(z, column), n)
            copy(h, old, n)
        elif reset_after:
            cell_after(z, h, old, shift(pointer(rb), j), units, n)
        else:
            candidate = shift(z, 2 * units)
            apply_tanh(candidate, n)
            interpolate(h, candidate, shift(z, units), old, n)


@helper
def forward_part(run, rb, reset_after, i, rows, j, n, first, last):
    """Steps first to last of some rows, and of n units from j on."""
    mode = flush_denormals()
    for s in range(first, last):
        if not run.direct:
            enter(run, s, i, rows)
        step(run, rb, reset_after, s, i, rows, j, n)
        leave(run, s, i, rows, j, n)
    restore_denormals(mode)


@kernel
def gru_forward(y, states, gates, fed, x, h0, mask, keep, w, u, b, rb, reset_after, reverse, scratch):
    """The cell above along x."""
    run = Walk(y, states, gates, fed, x, h0, mask, keep, w, u, b, reverse, scratch, is_direct(x.shape[0]))
    (n, steps, _), (units, columns) = x.shape, u.shape
    if not fits_forward(run, 4 * units) or columns != 3 * units or rb.size != (units if reset_after else 0):
        raise ValueError("gru_forward: the shapes of its arrays, listed at the head of gru.py, do not fit each other")
    if not run.direct:
        pack_weights(pointer(scratch), u, w, b, 0, 2 * units)
        pack_weights(candidate_panels(run), u, w, b, 2 * units, units)
    tasks, at_once = cut(run)
    if run.direct and not reset_after:
        tasks = 1  # the candidate needs r of all units
    for first in range(0, steps, at_once):
        if run.direct:
            enter(run, first, 0, n)
        if tasks == 1:
            forward_part(run, rb, reset_after, 0, n, 0, units, first, first + at_once)
        else:
            for index in prange(tasks):
                i, rows, j, some = task(index, tasks, n, units, run.direct)
                forward_part(run, rb, reset_after, i, rows, j, some, first, first + at_once)


@helper
def cell_back(dz, dh, z, before, reset_after, units):
    """One row: the gradients of the gates' sums, but r's in `before`, which needs a product first; dh = dh z."""
    one = number(z[0], 1)
    reset, update, candidate, state = z, shift(z, units), shift(z, 2 * units), shift(z, 3 * units)
    d_reset, d_update, d_candidate, d_state = dz, shift(dz, units), shift(dz, 2 * units), shift(dz, 3 * units)
    for j in range(units):
        d_candidate[j] = dh[j] * (one - update[j]) * (one - candidate[j] * candidate[j])
    for j in range(units):
        d_update[j] = dh[j] * (before[j] - candidate[j]) * update[j] * (one - update[j])
    if reset_after:
        product(d_state, d_candidate, reset, units)
        for j in range(units):
            d_reset[j] = d_candidate[j] * state[j] * reset[j] * (one - reset[j])
    for j in range(units):
        dh[j] *= update[j]


@helper
def reset_back(dz, z, fed, units):
    """One row, reset before: the gradient of r's sum from that of r h keep."""
    one, d_product = number(z[0], 1), shift(dz, 3 * units)
    for j in range(units):
        dz[j] = d_product[j] * fed[j] * z[j] * (one - z[j])


@helper
def step_back(run, states, fed, reset_after, s, i, rows):
    """Step s of some rows."""
    (units, width), steps = run.u.shape, run.gates.shape[0]
    columns, t, dh = 4 * units, time_of(s, steps, run.reverse), row_of(run.dh0, i)
    gates, gradients, before = row_at(run.gates, s, i), row_at(run.dgates, s, i), row_at(states, s, i)
    for row in range(rows):
        dz, at = shift(gradients, row * columns), row * units
        if is_masked(run.mask, i + row, t):
            clear(dz, columns)
        else:
            cell_back(dz, shift(dh, at), shift(gates, row * columns), shift(before, at), reset_after, units)
    if reset_after:
        multiply_back(run, s, i, rows, 0, 0, 2 * units, 0)
        multiply_back(run, s, i, rows, 3 * units, 2 * units, units, 1)
        return
    panels = shift(pointer(run.panels), 2 * units * panel_width(run.panels))
    multiply_panels(
        shift(gradients, 3 * units), columns, shift(gradients, 2 * units), columns, panels, width, rows, units, units, 0
    )
    inputs, dfed = row_at(fed, s, i), row_of(run.dfed, i)
    for row in range(rows):
        dz, z = shift(gradients, row * columns), shift(gates, row * columns)
        reset_back(dz, z, shift(inputs, row * fed.shape[2]), units)
    multiply_back(run, s, i, rows, 0, 0, 2 * units, 0)
    for row in range(rows):
        dz, z = shift(gradients, row * columns), shift(gates, row * columns)
        add_product(shift(dfed, row * units), shift(dz, 3 * units), z, units)


@helper
def backward_part(run, states, fed, reset_after, i, rows):
    """Some rows, from the last step to the first."""
    mode = flush_denormals()
    for s in range(run.gates.shape[0] - 1, -1, -1):
        receive(run, s, i, rows)
        step_back(run, states, fed, reset_after, s, i, rows)
        give_back(run, s, i, rows)
    restore_denormals(mode)


@kernel
def gru_backward(dx, dgates, dh0, dy, states, gates, fed, mask, keep, w, u, reset_after, reverse, dfed, scratch):
    """dx, dgates and dh0 from dy, for what `gru_forward` left in states, gates and fed."""
    run = WalkBack(dx, dgates, dh0, dy, gates, mask, keep, w, u, reverse, dfed, scratch)
    (steps, n, _), (units, columns), features = gates.shape, u.shape, w.shape[0]
    if (
        not fits_backward(run, 4 * units)
        or columns != 3 * units
        or states.shape != (steps + 1, n, units)
        or fed.shape != (steps, n, units + features + 1)
    ):
        raise ValueError("gru_backward: the shapes of its arrays, listed at the head of gru.py, do not fit each other")
    pack_back(run)
    tasks = row_tasks(n, steps * n * columns * (units + features))
    if tasks == 1:
        backward_part(run, states, fed, reset_after, 0, n)
        return
    for index in prange(tasks):
        i, rows = part(np.int64(index), tasks, n, ROWS)
        backward_part(run, states, fed, reset_after, i, rows)


@helper
def params_part(dw, du, db, drb, fed, gates, dgates, reset_after, scratch, i, rows, j, columns):
    """gru_backward_params of rows i and on, columns j and on, of [du; dw; db]."""
    (steps, n, width), (units, row) = fed.shape, du.shape
    k, gates_row, joined, inputs, gradients = steps * n, 4 * units, pointer(scratch), pointer(fed), pointer(dgates)
    of_candidate = shift(gradients, 2 * units)
    place_product(joined, row, 0, 0, width, 2 * units, inputs, width, gradients, gates_row, k, i, rows, j, columns)
    place_product(
        joined, row, units, 2 * units, width - units, units, shift(inputs, units), width, of_candidate, gates_row, k,
        i, rows, j, columns,
    )  # fmt: skip
    # The candidate's part of u.
    inputs_row, of_state = width, shift(gradients, 3 * units)
    if not reset_after:
        inputs, inputs_row, of_state = shift(pointer(gates), 3 * units), gates_row, of_candidate
    place_product(
        joined, row, 0, 2 * units, units, units, inputs, inputs_row, of_state, gates_row, k, i, rows, j, columns
    )
    take_apart(dw, du, db, joined, i, rows, j, columns)
    first, last = max(j, 2 * units), j + columns
    if reset_after and i == 0 and first < last:
        fourth = dgates.reshape((k, gates_row))[:, first + units : last + units]
        sum_rows(drb[first - 2 * units : last - 2 * units], fourth)


@kernel
def gru_backward_params(dw, du, db, drb, fed, gates, dgates, reset_after, scratch):
    """The gradients of w, u, b and rb: dw (features, 3 units), du (units, 3 units), db (3 units,), drb (units,) or of
    size 0 for reset before; the rest as `gru_forward` and `gru_backward` left it."""
    (steps, n, width), (units, columns) = fed.shape, du.shape
    if (
        not fits_params(dw, du, db, fed, dgates, scratch, 4 * units)
        or columns != 3 * units
        or drb.size != (units if reset_after else 0)
        or gates.shape != dgates.shape
    ):
        raise ValueError("gru_backward_params: the shapes of its arrays, listed at the head of gru.py, do not fit")
    tile = panel_width(dw)
    row_parts, column_parts = divide(width, columns, steps * n, tile)
    if row_parts * column_parts == 1:
        params_part(dw, du, db, drb, fed, gates, dgates, reset_after, scratch, 0, width, 0, columns)
        return
    for index in prange(row_parts * column_parts):
        i, rows, j, some = rectangle(index, row_parts, column_parts, width, columns, tile)
        params_part(dw, du, db, drb, fed, gates, dgates, reset_after, scratch, i, rows, j, some)
