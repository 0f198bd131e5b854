"""Matrix product: C = A @ B or C += A @ B, in all four transpositions, any shape.

The product is cut in three steps (Goto and van de Geijn, doi 10.1145/1356052.1356053):

    threads   each thread owns a rectangle of C and the whole of k: no sum crosses threads, so the result has
              the same bits for any number of them;
    blocks    DEPTH steps of k, for which a panel of B (DEPTH x one tile's width) is copied into the thread's L1
              cache and, where that pays, some rows of A into its L2;
    tiles     the micro-kernel runs down the rows with that panel.

C is overwritten (`=`); with accumulate=True it is added to (`+=`).
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from numbanet.kernels.cpu.microkernel import ROWS, VECTORS, copy_padded, make_tile, transpose_square
from numbanet.kernels.cpu.simd import UNIT, dtype_of, keep, pointer, shift, stack_array, thread_count, vector_lanes
from numbanet.kernels.jit import helper, kernel, shared

DEPTH = 512  # most steps of k in a block. Deep, because each block reads and writes all of C once more
PANEL = DEPTH * VECTORS * UNIT.bytes // 4  # elements of the room for a panel, on the thread's stack
HEIGHT = 384  # most rows of A in a block: 384 x 512 x 4 bytes = 768 KB, three quarters of a usual L2
PACK_B_ROWS = 256  # fewer rows of C than this do not repay copying a panel of a B whose rows are short,
PACK_WIDE_B_ROWS = 64  # nor fewer than this where they are long:
WIDE_B = 768  # elements of a row from which a panel's rows lie on pages of their own
PACK_A_SIZE = 200_000  # an A of fewer elements stays in L2 without being copied
PACK_A_PANELS = 6  # fewer panels than this do not repay copying rows of A
SERIAL_WORK = 50_000  # multiply-adds below which a second thread costs more than it brings

full_tile = make_tile(ROWS, VECTORS)
half_tile = make_tile(ROWS, 1)
thin_tile = make_tile(1, VECTORS)


# Each tile is a function of its own: inlined into the loops around it, LLVM would copy those loops for every
# combination of the tile's conditions, and compile for minutes.
@helper
def tile_full(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate):
    full_tile(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate)


@helper
def tile_half(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate):
    half_tile(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate)


@helper
def tile_thin(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate):
    thin_tile(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate)


@helper
def divide(m, n, k, width):
    """How many parts to cut the rows and the columns of C into: (row_parts, column_parts).

    The parts are as many as the threads, or fewer for a small product. Chosen is the cut whose largest part is
    smallest; among equals the one with fewest cuts through the rows, since each of those copies B once more.
    """
    threads = min(thread_count(), max(1, m * n * k // SERIAL_WORK))
    tiles, panels = (m + ROWS - 1) // ROWS, (n + width - 1) // width
    best_rows, best_columns, best_cost = 1, 1, tiles * panels
    for row_parts in range(1, min(threads, tiles) + 1):
        column_parts = min(threads // row_parts, panels)
        height, breadth = (tiles + row_parts - 1) // row_parts, (panels + column_parts - 1) // column_parts
        if height * breadth < best_cost:
            best_rows, best_columns, best_cost = row_parts, column_parts, height * breadth
    return best_rows, best_columns


@helper
def part(index, parts, size, unit):
    """Part `index` of `parts` of range(size), cut at multiples of `unit`: (start, length)."""
    units = (size + unit - 1) // unit
    start = units * index // parts * unit
    return start, min(units * (index + 1) // parts * unit, size) - start


@helper
def rectangle(index, row_parts, column_parts, m, n, tile):
    """The part of C (m, n) that task `index` computes: (first row, rows, first column, columns)."""
    task = np.int64(index)  # prange counts in uint64, and uint64 with int64 makes float64
    i, rows = part(task // column_parts, row_parts, m, ROWS)
    j, columns = part(task % column_parts, column_parts, n, tile)
    return i, rows, j, columns


@helper
def even_step(size, most):
    """The step, at most `most`, that cuts range(size) into equal parts; at least 1."""
    parts = max(1, (size + most - 1) // most)
    return max(1, (size + parts - 1) // parts)


@helper
def pack_panel(panel, width, b, b_row, b_col, k, n):
    """panel[0:k, 0:width] = B[0:k, 0:n], zero beyond n; one of B's strides is 1."""
    if b_col == 1:
        for p in range(k):
            if n == width:
                for j in range(width):
                    panel[p * width + j] = b[p * b_row + j]
            else:
                copy_padded(shift(panel, p * width), shift(b, p * b_row), n)
        return
    square = vector_lanes(b)
    for j in range(0, width, square):
        for p in range(0, k, square):
            if j + square <= n and p + square <= k:
                transpose_square(shift(panel, p * width + j), width, shift(b, p + j * b_col), b_col)
                continue
            for pp in range(p, min(p + square, k)):
                for jj in range(j, min(j + square, n)):
                    panel[pp * width + jj] = b[pp + jj * b_col]
                for jj in range(max(j, n), j + square):
                    panel[pp * width + jj] = 0


@helper
def pack_rows(block, a, a_row, a_col, m, k):
    """Copy A[0:m, 0:k] close together in the order it has; returns the copy's strides."""
    if a_col == 1:
        for i in range(m):
            for p in range(k):
                block[i * k + p] = a[i * a_row + p]
        return k, np.int64(1)
    for p in range(k):
        for i in range(m):
            block[p * m + i] = a[i + p * a_col]
    return np.int64(1), m


@helper
def multiply_panel(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate):
    """C[0:m, 0:n] (+)= A[0:m, 0:k] @ B[0:k, 0:n], with n at most a tile's width: tile after tile down the rows."""
    wide = n > vector_lanes(c)
    if m == 1:
        tile_thin(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate)
        return
    for i in range(0, m, ROWS):
        c_tile, a_tile, rows = shift(c, i * c_row), shift(a, i * a_row), min(ROWS, m - i)
        if wide:
            tile_full(c_tile, c_row, a_tile, a_row, a_col, b, b_row, k, rows, n, accumulate)
        else:
            tile_half(c_tile, c_row, a_tile, a_row, a_col, b, b_row, k, rows, n, accumulate)


def _multiply_block_signature(element):
    """The signature of `multiply_block` for one type of element."""
    p, i = types.CPointer(element), types.int64
    return types.void(p, i, p, i, i, p, i, i, i, i, i, i)


@shared("numbanet_multiply_block", _multiply_block_signature)
def multiply_block(c, c_row, a, a_row, a_col, b, b_row, b_col, m, n, k, accumulate):
    """One thread's share: C[0:m, 0:n] (+)= A[0:m, 0:k] @ B[0:k, 0:n]; strides in elements, one of a pair is 1."""
    panel = stack_array(c, PANEL)
    width = VECTORS * vector_lanes(c)
    if k == 0 and accumulate == 0:
        for i in range(m):
            for j in range(n):
                c[i * c_row + j] = 0
    pack_a = m * k > PACK_A_SIZE and n > PACK_A_PANELS * width
    enough_rows = PACK_WIDE_B_ROWS if b_row >= WIDE_B else PACK_B_ROWS
    height, depth = even_step(m, HEIGHT), even_step(k, DEPTH)
    # The one allocation in the kernels: large products alone need it, and it is too large for a stack.
    workspace = np.empty(height * depth if pack_a else 0, dtype_of(c))
    for i in range(0, m, height):
        rows = min(height, m - i)
        for p in range(0, k, depth):
            steps, add = min(depth, k - p), accumulate != 0 or p > 0
            a_part, row_step, step_step = shift(a, i * a_row + p * a_col), a_row, a_col
            if pack_a:
                row_step, step_step = pack_rows(pointer(workspace), a_part, a_row, a_col, rows, steps)
                a_part = pointer(workspace)
            for j in range(0, n, width):
                columns, b_part, b_step = min(width, n - j), shift(b, p * b_row + j * b_col), b_row
                if rows >= enough_rows or b_col != 1 or columns < width:
                    pack_panel(panel, width, b_part, b_row, b_col, steps, columns)
                    b_part, b_step = panel, width
                c_part = shift(c, i * c_row + j)
                multiply_panel(c_part, c_row, a_part, row_step, step_step, b_part, b_step, steps, rows, columns, add)
    keep(workspace)


@kernel
def gemm(c, a, b, trans_a, trans_b, accumulate):
    """C = op(A) @ op(B), or C += with `accumulate`; op transposes where `trans_a` or `trans_b` is True.

    c (m, n); a (m, k), or (k, m) if trans_a; b (k, n), or (n, k) if trans_b; all float32 or all float64, each
    contiguous along its last axis.
    """
    m, n = c.shape
    k, rows_of_a = (a.shape[0], a.shape[1]) if trans_a else (a.shape[1], a.shape[0])
    rows_of_b, columns_of_b = (b.shape[1], b.shape[0]) if trans_b else b.shape
    if rows_of_a != m or columns_of_b != n or rows_of_b != k:
        raise ValueError("gemm: the shapes of c (m, n), op(a) (m, k) and op(b) (k, n) do not fit")
    a_row, a_col = (np.int64(1), a.shape[1]) if trans_a else (a.shape[1], np.int64(1))
    b_row, b_col = (np.int64(1), b.shape[1]) if trans_b else (b.shape[1], np.int64(1))
    tile = VECTORS * vector_lanes(pointer(c))
    row_parts, column_parts = divide(m, n, k, tile)
    if row_parts * column_parts == 1:  # no parallel loop, which would cost more than a small product
        multiply_block(pointer(c), n, pointer(a), a_row, a_col, pointer(b), b_row, b_col, m, n, k, np.int64(accumulate))
        return
    for index in prange(row_parts * column_parts):
        i, rows, j, columns = rectangle(index, row_parts, column_parts, m, n, tile)
        multiply_block(
            shift(pointer(c), i * n + j), n, shift(pointer(a), i * a_row), a_row, a_col,
            shift(pointer(b), j * b_col), b_row, b_col, rows, columns, k, np.int64(accumulate),
        )  # fmt: skip
