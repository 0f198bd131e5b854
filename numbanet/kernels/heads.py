"""Where the heads of attention lie in the arrays of their projections.

    row of q     [ .. | head 0 | head 1 | head 2 | head 3 | .. ]          `size` numbers each, from column `q` on
    row of kv    [ .. | key head 0 | key head 1 | .. | value head 0 | value head 1 | .. ]

q and kv may be one array, the fused projection of self-attention, and are read where they lie. With fewer key heads
than query heads, neighbouring query heads share one: grouped queries (Ainslie et al., arXiv 2305.13245).
"""

from __future__ import annotations

from typing import NamedTuple


class Heads(NamedTuple):
    """`heads` query heads and `kv_heads` heads of keys and values, of `size` numbers; the first columns of each."""

    heads: int
    kv_heads: int
    size: int
    q: int
    k: int
    v: int


def fused_heads(heads: int, kv_heads: int, size: int) -> Heads:
    """Queries, keys and values side by side in one array."""
    return Heads(heads, kv_heads, size, 0, heads * size, (heads + kv_heads) * size)


def separate_heads(heads: int, kv_heads: int, size: int) -> Heads:
    """Queries in an array of their own; keys and values side by side in another."""
    return Heads(heads, kv_heads, size, 0, 0, kv_heads * size)
