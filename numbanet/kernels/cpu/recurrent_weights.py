"""The weights of the recurrent kernels: in panels for the products of many steps, as they lie for a few rows, and
their gradients.

A cell's weights w (features, columns), u (units, columns) and its bias b (columns,) are one matrix here, [u; w; b],
whose product with [state, input, 1] is a step's. The gradients of all three are one product, too.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from numbanet.kernels.cpu.gemm import divide, multiply_block, multiply_panel, pack_panel, rectangle
from numbanet.kernels.cpu.microkernel import VECTORS, copy_padded
from numbanet.kernels.cpu.registers import fill, load, multiply_add, store
from numbanet.kernels.cpu.simd import pointer, shift, vector_lanes
from numbanet.kernels.jit import helper, kernel, shared


@helper
def panel_width(array):
    """The columns of a panel: those of a tile, for the type of `array`."""
    return VECTORS * vector_lanes(pointer(array))


@helper
def panel_columns(columns, array):
    """`columns` rounded up to whole panels."""
    width = panel_width(array)
    return (columns + width - 1) // width * width


@helper
def pack_weights(panels, u, w, b, first, columns):
    """Copy [u; w; b][:, first : first + columns] into panels [units + features + 1, a tile's width], zero beyond."""
    (units, row), features = u.shape, w.shape[0]
    width = VECTORS * vector_lanes(panels)
    for j in range(0, columns, width):
        n, panel = min(width, columns - j), shift(panels, j * (units + features + 1))
        for p in range(units):
            copy_padded(shift(panel, p * width), shift(pointer(u), p * row + first + j), n)
        for p in range(features):
            copy_padded(shift(panel, (units + p) * width), shift(pointer(w), p * row + first + j), n)
        copy_padded(shift(panel, (units + features) * width), shift(pointer(b), first + j), n)


@helper
def pack_transposed(panels, w):
    """Copy w.T into panels [columns of w, a tile's width], zero beyond."""
    rows, columns = w.shape
    width, one = VECTORS * vector_lanes(panels), np.int64(1)
    for j in range(0, rows, width):
        n = min(width, rows - j)
        pack_panel(shift(panels, j * columns), width, shift(pointer(w), j * columns), one, columns, columns, n)


def _multiply_panels_signature(element):
    """C's signature of `multiply_panels` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.int64(p, i, p, i, p, i, i, i, i, i)


@shared("numbanet_multiply_panels", _multiply_panels_signature)
def multiply_panels(c, c_row, a, a_row, panels, panel_rows, m, n, k, accumulate):
    """C[0:m, 0:n] (+)= A[0:m, 0:k] @ B; B's columns in panels of a tile's width and of `panel_rows` rows, k of them."""
    width, one = VECTORS * vector_lanes(c), np.int64(1)
    for j in range(0, n, width):
        multiply_panel(
            shift(c, j), c_row, a, a_row, one, shift(panels, j * panel_rows), width, k, m, min(width, n - j),
            accumulate != 0,
        )  # fmt: skip
    return 0


@helper
def add_four_rows(c, a, b, b_row, n):
    """c[0:n] += a[0:4] @ B[0:4, 0:n]."""
    a0, a1, a2, a3 = fill(c, a[0]), fill(c, a[1]), fill(c, a[2]), fill(c, a[3])
    b1, b2, b3 = shift(b, b_row), shift(b, 2 * b_row), shift(b, 3 * b_row)
    for j in range(0, n, vector_lanes(c)):
        total = multiply_add(a0, load(shift(b, j), n - j), load(shift(c, j), n - j))
        total = multiply_add(a1, load(shift(b1, j), n - j), total)
        total = multiply_add(a2, load(shift(b2, j), n - j), total)
        total = multiply_add(a3, load(shift(b3, j), n - j), total)
        store(shift(c, j), total, n - j)


@helper
def add_row(c, a, b, n):
    """c[0:n] += a * b[0:n]."""
    factor = fill(c, a)
    for j in range(0, n, vector_lanes(c)):
        store(shift(c, j), multiply_add(factor, load(shift(b, j), n - j), load(shift(c, j), n - j)), n - j)


@helper
def multiply_direct(c, c_row, a, a_row, b, b_row, m, n, k):
    """C[0:m, 0:n] += A[0:m, 0:k] @ B[0:k, 0:n] for a few rows: reads B once, row after row, as it lies in memory."""
    fours = k // 4 * 4
    for p in range(0, fours, 4):
        for i in range(m):
            add_four_rows(shift(c, i * c_row), shift(a, i * a_row + p), shift(b, p * b_row), b_row, n)
    for p in range(fours, k):
        for i in range(m):
            add_row(shift(c, i * c_row), a[i * a_row + p], shift(b, p * b_row), n)


@helper
def multiply_fed(c, c_row, fed, u, w, b, first, column, m, n):
    """C[0:m, 0:n] = fed[:, first:] @ [u; w; b][first:, column : column + n] for a few rows, without the panels."""
    (units, row), features, bias = u.shape, w.shape[0], shift(pointer(b), column)
    fed_row = units + features + 1
    for i in range(m):
        for j in range(n):
            c[i * c_row + j] = bias[j]
    if first < units:
        above = shift(pointer(u), first * row + column)
        multiply_direct(c, c_row, shift(fed, first), fed_row, above, row, m, n, units - first)
    multiply_direct(c, c_row, shift(fed, units), fed_row, shift(pointer(w), column), row, m, n, features)


@helper
def place_product(c, c_row, top, left, height, width, a, a_row, b, b_row, k, i, rows, j, columns):
    """A.T @ B as the block (top, left, height, width) of a matrix C; of that, what lies in its (i, rows, j, columns).

    C is `c_row` wide. A (k, height) and B (k, width) have steps of a_row and b_row between their rows.
    """
    first, last, one = max(i, top), min(i + rows, top + height), np.int64(1)
    begin, end = max(j, left), min(j + columns, left + width)
    if first < last and begin < end:
        multiply_block(
            shift(c, first * c_row + begin), c_row, shift(a, first - top), one, a_row, shift(b, begin - left), b_row,
            one, last - first, end - begin, k, 0,
        )  # fmt: skip


@helper
def take_apart(dw, du, db, joined, i, rows, j, columns):
    """du, dw and db from the part (i, rows, j, columns) of the matrix [du; dw; db]."""
    (units, width), features = du.shape, dw.shape[0]
    for row in range(i, i + rows):
        out = pointer(db)
        if row < units:
            out = shift(pointer(du), row * width)
        elif row < units + features:
            out = shift(pointer(dw), (row - units) * width)
        source = shift(joined, row * width)
        for column in range(j, j + columns):
            out[column] = source[column]


@helper
def params_part(dw, du, db, fed, dgates, scratch, i, rows, j, columns):
    """recurrent_backward_params of rows i and on, columns j and on, of [du; dw; db]."""
    (steps, n, width), row = fed.shape, dgates.shape[2]
    joined = pointer(scratch)
    place_product(
        joined, row, 0, 0, width, row, pointer(fed), width, pointer(dgates), row, steps * n, i, rows, j, columns
    )
    take_apart(dw, du, db, joined, i, rows, j, columns)


@helper
def fits_params(dw, du, db, fed, dgates, scratch, width):
    """Whether the shapes of what all cells' gradients of parameters need fit; gates are `width` wide."""
    (steps, n, fed_width), (features, columns), units = fed.shape, dw.shape, du.shape[0]
    return (
        fed_width == units + features + 1
        and du.shape[1] == columns
        and db.size == columns
        and dgates.shape == (steps, n, width)
        and scratch.size >= fed_width * columns
    )


@kernel
def recurrent_backward_params(dw, du, db, fed, dgates, scratch):
    """[du; dw; db] = the sum of fed[s].T @ dgates[s] over all steps, for simple cells and LSTMs.

    dw (features, columns), du (units, columns), db (columns,), fed (steps, n, units + features + 1), dgates (steps, n,
    columns), scratch as in the other passes.
    """
    (steps, n, width), columns = fed.shape, du.shape[1]
    if not fits_params(dw, du, db, fed, dgates, scratch, columns):
        raise ValueError(
            "recurrent_backward_params: the shapes of dw (features, columns), du (units, columns), db (columns,), "
            "fed (steps, n, units + features + 1), dgates (steps, n, columns) and scratch do not fit"
        )
    tile = panel_width(dw)
    row_parts, column_parts = divide(width, columns, steps * n, tile)
    if row_parts * column_parts == 1:
        params_part(dw, du, db, fed, dgates, scratch, 0, width, 0, columns)
        return
    for index in prange(row_parts * column_parts):
        i, rows, j, some = rectangle(index, row_parts, column_parts, width, columns, tile)
        params_part(dw, du, db, fed, dgates, scratch, i, rows, j, some)
