"""The gradient of an embedding's table; the forward pass, y[i] = table[tokens[i]], is `batch.gather`.

A batch meets few of the rows of a large table. Where the rows of all other tokens are zero already, only those that the
last batch has left behind need be cleared: the work is that of the tokens, whatever the size of the table.

`dtable` is accumulated (`+=`) where the rows in `stale` have been cleared; `touched` is overwritten (`=`).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import is_small
from numbanet.kernels.jit import helper, kernel

COLUMNS = 32  # of a table that a thread works on: two cache lines of float32


@helper
def add_columns(dtable, dy, tokens, stale, padding, first, last):
    """The columns from `first` to before `last`."""
    zero = dtable.dtype.type(0)
    if stale.size >= dtable.shape[0]:
        dtable[:, first:last] = zero
    else:
        for i in range(stale.size):
            dtable[stale[i], first:last] = zero
    for i in range(tokens.size):
        if tokens[i] != padding:
            out, row = dtable[tokens[i], first:last], dy[i, first:last]
            for j in range(row.size):
                out[j] += row[j]


@helper
def check_rows(rows, count):
    for i in range(rows.size):
        if rows[i] < 0 or rows[i] >= count:
            raise IndexError("embedding_backward: a token lies outside the table")


@kernel
def embedding_backward(dtable, touched, dy, tokens, stale, padding):
    """dtable = 0 in the rows `stale`, then dtable[tokens] += dy, but not in the row `padding`; touched = tokens.

    dtable (vocabulary, units); tokens int64 (m,) in 0 .. vocabulary - 1, dy (m, units); touched int64 (m,): the next
    call's `stale`, with which it may share its memory. stale int64 (k,): (0,) where dtable holds a gradient already, as
    with a table that another layer uses too; k of vocabulary or more stands for all rows. No `padding`: -1.

    Threads share the columns and not the tokens, so that each sum has the order of the tokens.
    """
    rows, units = dtable.shape
    if dy.shape != (tokens.size, units) or touched.size != tokens.size:
        raise ValueError("embedding_backward: dtable (rows, units), dy (m, units), tokens and touched (m,) do not fit")
    check_rows(tokens, rows)
    check_rows(stale, rows)
    if is_small(dy.size):
        add_columns(dtable, dy, tokens, stale, padding, 0, units)
    else:
        for index in prange((units + COLUMNS - 1) // COLUMNS):
            first = np.int64(index) * COLUMNS
            add_columns(dtable, dy, tokens, stale, padding, first, min(first + COLUMNS, units))
    for i in range(tokens.size):
        touched[i] = tokens[i]
