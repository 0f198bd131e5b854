"""The gradient of an embedding's table. The forward pass is `gather`."""

from __future__ import annotations

import numpy as np

from numbanet.kernels.reference.arrays import Array, quiet, wide


@quiet
def embedding_backward(dtable: Array, touched: Array, dy: Array, tokens: Array, stale: Array, padding: int) -> None:
    """dtable = 0 in the rows `stale`, then dtable[tokens] += dy (but not in the row `padding`), touched = tokens.

    dtable (vocabulary, units); tokens int64 (m,), dy (m, units); stale int64 (k,); touched int64 (m,). As many stale
    rows as there are, or more, stand for all.
    """
    for rows in (tokens, stale):
        if np.any((rows < 0) | (rows >= len(dtable))):
            raise IndexError("embedding_backward: a token lies outside the table")
    dtable[stale if stale.size < len(dtable) else slice(None)] = 0
    total = wide(dtable).copy()
    real = tokens != padding
    np.add.at(total, tokens[real], wide(dy[real]))
    dtable[...] = total
    touched[...] = tokens
