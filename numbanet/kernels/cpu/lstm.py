"""Long short-term memory (Hochreiter and Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735; forget gate: Gers et al.
2000; peepholes: Gers and Schmidhuber 2000).

    [i, f, g, o] = (h * keep) u + x w + b             of four times `units` columns, in this order
    i = sigmoid(i + p[0] c)    f = sigmoid(f + p[1] c)    g = tanh(g)
    c' = f c + i g
    o = sigmoid(o + p[2] c')
    h' = o tanh(c')

All outputs are overwritten (`=`). Shapes as in `rnn.py`, apart from

    gates, dgates (steps, n, 4 units): i, f, g, o after their functions, and the gradients before these
    cells (steps + 1, n, units): c, from the one before the walk on; c0, dc0 (n, units)
    w (features, 4 units), u (units, 4 units), b (4 units,); peephole, p above, (3, units), of size 0 for none
    scratch: geometry.recurrent_scratch(features, units, 4 units) elements
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.gemm import part
from numbanet.kernels.cpu.microkernel import ROWS
from numbanet.kernels.cpu.recurrent import (
    Walk,
    WalkBack,
    add_product,
    apply_sigmoid,
    apply_tanh,
    begin,
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
from numbanet.kernels.cpu.vectormath import number, tanh
from numbanet.kernels.jit import helper, kernel


@helper
def multiply(run, s, i, rows, j, n):
    """gates[s] = fed[s] @ [u; w; b], of some rows and n units from j on. Without an initial state the first is zero."""
    (units, columns), width = run.u.shape, run.fed.shape[2]
    first = units if s == 0 and run.h0.size == 0 else 0
    z, fed = row_at(run.gates, s, i), row_at(run.fed, s, i)
    if run.direct:
        for column in range(j, columns, units):
            multiply_fed(shift(z, column), columns, fed, run.u, run.w, run.b, first, column, rows, n)
    else:
        panels = shift(pointer(run.panels), first * panel_width(run.panels))
        multiply_panels(z, columns, shift(fed, first), width, panels, width, rows, columns, width - first, 0)


@helper
def cell(z, after, h, before, peephole, peeps, units, n):
    """One row: c' and h' from c and from the gates' sums, which become the gates. From one gate to the next it is
    `units` on, in z as in the peepholes."""
    input_gate, forget, candidate, output = z, shift(z, units), shift(z, 2 * units), shift(z, 3 * units)
    if peeps:
        add_product(input_gate, peephole, before, n)
        add_product(forget, shift(peephole, units), before, n)
    apply_sigmoid(input_gate, n)
    apply_sigmoid(forget, n)
    apply_tanh(candidate, n)
    for j in range(n):
        after[j] = forget[j] * before[j] + input_gate[j] * candidate[j]
    if peeps:
        add_product(output, shift(peephole, 2 * units), after, n)
    apply_sigmoid(output, n)
    for j in range(n):
        h[j] = output[j] * tanh(after[j])


@helper
def forward_part(run, cells, c0, peephole, i, rows, j, n, first, last):
    """Steps first to last of some rows, and of n units from j on."""
    mode = flush_denormals()
    (units, columns), steps = run.u.shape, run.x.shape[1]
    peeps, holes = peephole.size > 0, shift(pointer(peephole), j)
    for s in range(first, last):
        if not run.direct:
            enter(run, s, i, rows)
            if s == 0:
                begin(cells, c0, i, rows)
        multiply(run, s, i, rows, j, n)
        t, gates = time_of(s, steps, run.reverse), shift(row_at(run.gates, s, i), j)
        before, after = shift(row_at(cells, s, i), j), shift(row_at(cells, s + 1, i), j)
        old, new = shift(row_at(run.states, s, i), j), shift(row_at(run.states, s + 1, i), j)
        for row in range(rows):
            z, at = shift(gates, row * columns), row * units
            if is_masked(run.mask, i + row, t):
                for column in range(0, columns, units):
                    clear(shift(z, column), n)
                copy(shift(after, at), shift(before, at), n)
                copy(shift(new, at), shift(old, at), n)
            else:
                cell(z, shift(after, at), shift(new, at), shift(before, at), holes, peeps, units, n)
        leave(run, s, i, rows, j, n)
    restore_denormals(mode)


@kernel
def lstm_forward(y, states, cells, gates, fed, x, h0, c0, mask, keep, w, u, b, peephole, reverse, scratch):
    """The cell above along x."""
    run = Walk(y, states, gates, fed, x, h0, mask, keep, w, u, b, reverse, scratch, is_direct(x.shape[0]))
    (n, steps, _), (units, columns) = x.shape, u.shape
    if (
        not fits_forward(run, 4 * units)
        or columns != 4 * units
        or cells.shape[0] < 2
        or cells.shape[1:] != (n, units)
        or (c0.size > 0 and c0.shape != (n, units))
        or (peephole.size > 0 and peephole.shape != (3, units))
    ):
        raise ValueError("lstm_forward: the shapes of its arrays, listed at the head of lstm.py, do not fit each other")
    if not run.direct:
        pack_weights(pointer(scratch), u, w, b, 0, columns)
    tasks, at_once = cut(run)
    for first in range(0, steps, at_once):
        if run.direct:
            enter(run, first, 0, n)
            if first == 0:
                begin(cells, c0, 0, n)
        if tasks == 1:
            forward_part(run, cells, c0, peephole, 0, n, 0, units, first, first + at_once)
        else:
            for index in prange(tasks):
                i, rows, j, some = task(index, tasks, n, units, run.direct)
                forward_part(run, cells, c0, peephole, i, rows, j, some, first, first + at_once)


@helper
def cell_back(dz, dh, dc, z, after, before, peephole, peeps, units):
    """One row: the gradients of the gates' sums, and dc from that of c' to that of c. dh = 0: all of it went through
    the gates."""
    one = number(z[0], 1)
    input_gate, forget, candidate, output = z, shift(z, units), shift(z, 2 * units), shift(z, 3 * units)
    d_input, d_forget, d_candidate, d_output = dz, shift(dz, units), shift(dz, 2 * units), shift(dz, 3 * units)
    for j in range(units):
        squashed = tanh(after[j])
        d_output[j] = dh[j] * squashed * output[j] * (one - output[j])
        dc[j] += dh[j] * output[j] * (one - squashed * squashed)
    if peeps:
        add_product(dc, shift(peephole, 2 * units), d_output, units)
    for j in range(units):
        d_input[j] = dc[j] * candidate[j] * input_gate[j] * (one - input_gate[j])
        d_candidate[j] = dc[j] * input_gate[j] * (one - candidate[j] * candidate[j])
    for j in range(units):
        d_forget[j] = dc[j] * before[j] * forget[j] * (one - forget[j])
    for j in range(units):
        dc[j] *= forget[j]
    if peeps:
        add_product(dc, peephole, d_input, units)
        add_product(dc, shift(peephole, units), d_forget, units)
    clear(dh, units)


@helper
def backward_part(run, dc0, cells, peephole, i, rows):
    """Some rows, from the last step to the first."""
    mode = flush_denormals()
    (units, columns), steps = run.u.shape, run.gates.shape[0]
    dh, dc, peeps = row_of(run.dh0, i), row_of(dc0, i), peephole.size > 0
    clear(dc, rows * units)
    for s in range(steps - 1, -1, -1):
        receive(run, s, i, rows)
        t, gates, gradients = time_of(s, steps, run.reverse), row_at(run.gates, s, i), row_at(run.dgates, s, i)
        before, after = row_at(cells, s, i), row_at(cells, s + 1, i)
        for row in range(rows):
            dz, at = shift(gradients, row * columns), row * units
            if is_masked(run.mask, i + row, t):
                clear(dz, columns)
            else:
                cell_back(
                    dz, shift(dh, at), shift(dc, at), shift(gates, row * columns), shift(after, at), shift(before, at),
                    pointer(peephole), peeps, units,
                )  # fmt: skip
        multiply_back(run, s, i, rows, 0, 0, columns, 0)
        give_back(run, s, i, rows)
    restore_denormals(mode)


@kernel
def lstm_backward(dx, dgates, dh0, dc0, dy, cells, gates, mask, keep, w, u, peephole, reverse, dfed, scratch):
    """dx, dgates, dh0 and dc0 from dy, for what `lstm_forward` left in cells and gates.

    `recurrent_backward_params` and `lstm_backward_peephole` do the rest.
    """
    run = WalkBack(dx, dgates, dh0, dy, gates, mask, keep, w, u, reverse, dfed, scratch)
    (steps, n, _), (units, columns), features = gates.shape, u.shape, w.shape[0]
    if (
        not fits_backward(run, 4 * units)
        or columns != 4 * units
        or cells.shape != (steps + 1, n, units)
        or dc0.shape != (n, units)
        or (peephole.size > 0 and peephole.shape != (3, units))
    ):
        raise ValueError("lstm_backward: the shapes of its arrays, listed at the head of lstm.py, do not fit")
    pack_back(run)
    tasks = row_tasks(n, steps * n * columns * (units + features))
    if tasks == 1:
        backward_part(run, dc0, cells, peephole, 0, n)
        return
    for index in prange(tasks):
        i, rows = part(np.int64(index), tasks, n, ROWS)
        backward_part(run, dc0, cells, peephole, i, rows)


@helper
def peephole_part(dpeephole, dgates, cells, j, n):
    """lstm_backward_peephole of n units from j on."""
    steps, rows, columns = dgates.shape
    units = columns // 4
    for gate in range(3):
        clear(shift(row_of(dpeephole, gate), j), n)
    for s in range(steps):
        for row in range(rows):
            dz = shift(row_at(dgates, s, row), j)
            before, after = shift(row_at(cells, s, row), j), shift(row_at(cells, s + 1, row), j)
            add_product(shift(row_of(dpeephole, 0), j), dz, before, n)
            add_product(shift(row_of(dpeephole, 1), j), shift(dz, units), before, n)
            add_product(shift(row_of(dpeephole, 2), j), shift(dz, 3 * units), after, n)


@kernel
def lstm_backward_peephole(dpeephole, dgates, cells):
    """dpeephole = the sums over all steps and rows of the gradients of i and f times c, and of o times c'."""
    steps, n, columns = dgates.shape
    units, some = columns // 4, 64
    if columns != 4 * units or dpeephole.shape != (3, units) or cells.shape != (steps + 1, n, units):
        raise ValueError(
            "lstm_backward_peephole: the shapes of dpeephole (3, units), dgates (steps, n, 4 units) and cells "
            "(steps + 1, n, units) do not fit"
        )
    for index in prange((units + some - 1) // some):
        j = np.int64(index) * some
        peephole_part(dpeephole, dgates, cells, j, min(some, units - j))
