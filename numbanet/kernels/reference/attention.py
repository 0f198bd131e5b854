"""Scaled dot-product attention, as it is written on paper. Outputs are overwritten (`=`).

q (n, t, columns), kv (n, s, columns), y (n, t, heads * size), lse (n, heads, t), mask uint8 (n, s) or of size 0;
`heads`: a kernels.heads.Heads. With `causal`, query i sees the keys up to past + i.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numbanet.kernels.heads import Heads
from numbanet.kernels.reference.arrays import Array, quiet, wide
from numbanet.kernels.reference.dropout import dropout

Wide = NDArray[np.float64]


def split(x: Array, first: int, heads: int, size: int) -> Wide:
    """The heads in x, from column `first` on: (n, heads, steps, size)."""
    part = wide(x[:, :, first : first + heads * size])
    return part.reshape(*x.shape[:2], heads, size).transpose(0, 2, 1, 3)


def join(heads: Wide) -> Wide:
    """Heads (n, heads, steps, size) side by side: (n, steps, heads * size)."""
    n, count, steps, size = heads.shape
    return heads.transpose(0, 2, 1, 3).reshape(n, steps, count * size)


def share(q: Array, kv: Array, heads: Heads) -> tuple[Wide, Wide, Wide]:
    """Queries, keys and values (n, heads, steps, size), keys and values once for each query head."""
    group = heads.heads // heads.kv_heads
    k, v = (split(kv, first, heads.kv_heads, heads.size).repeat(group, axis=1) for first in (heads.k, heads.v))
    return split(q, heads.q, heads.heads, heads.size), k, v


def scores(q: Wide, k: Wide, mask: Array, causal: bool, past: int) -> Wide:
    """q k.T / sqrt(size), -inf where a query may not see a key: (n, heads, t, s)."""
    result = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])
    t, s = result.shape[2:]
    if causal:
        result = np.where(np.arange(s) <= past + np.arange(t)[:, None], result, -np.inf)
    return result if mask.size == 0 else np.where(mask[:, None, None, :] != 0, result, -np.inf)


def softmax(score: Wide) -> tuple[Wide, Wide]:
    """The weights, zeros in a row that sees nothing; the logarithm of each row's sum of exponentials."""
    top = score.max(axis=3, keepdims=True)
    exponentials = np.exp(score - np.where(np.isneginf(top), 0, top))
    total = exponentials.sum(axis=3, keepdims=True)
    weights = np.where(total == 0, 0, exponentials / total)
    return weights, (np.log(total) + np.where(np.isneginf(top), 0, top))[..., 0]


def kept(shape: tuple[int, ...], rate: float, seed: int, step: Array, stream: int) -> Wide:
    """What dropout multiplies the weights with: 0, or 1 / (1 - rate)."""
    factors = np.ones(int(np.prod(shape)))
    if rate > 0:
        dropout(factors, factors, rate, seed, step, stream)
    return factors.reshape(shape)


@quiet
def attention_forward(
    y: Array, lse: Array, q: Array, kv: Array, mask: Array, heads: Heads, causal: bool, past: int, rate: float,
    seed: int, step: Array, stream: int,
) -> None:  # fmt: skip
    """y = dropout(softmax(q k.T / sqrt(size))) v and lse, the logarithm of each row's sum of exponentials."""
    queries, keys, values = share(q, kv, heads)
    weights, lse[...] = softmax(scores(queries, keys, mask, causal, past))
    y[...] = join((weights * kept(weights.shape, rate, seed, step, stream)) @ values)


@quiet
def attention_backward(
    dq: Array, dkv: Array, dy: Array, y: Array, lse: Array, q: Array, kv: Array, mask: Array, heads: Heads,
    causal: bool, past: int, rate: float, seed: int, step: Array, stream: int,
) -> None:  # fmt: skip
    """The gradients of q and kv, in the columns of their heads; y and lse are not needed here."""
    queries, keys, values = share(q, kv, heads)
    weights, _ = softmax(scores(queries, keys, mask, causal, past))
    factors = kept(weights.shape, rate, seed, step, stream)
    dout = split(dy, 0, heads.heads, heads.size)
    dweights = factors * (dout @ values.swapaxes(2, 3))
    dscores = weights * (dweights - (dweights * weights).sum(axis=3, keepdims=True)) / np.sqrt(heads.size)
    n, _, s, size = keys.shape

    def of_groups(gradient: Wide) -> Wide:
        """Summed over the query heads that share a head, side by side."""
        return join(gradient.reshape(n, heads.kv_heads, heads.heads // heads.kv_heads, s, size).sum(axis=2))

    dq[:, :, heads.q : heads.q + heads.heads * size] = join(dscores @ keys)
    columns = heads.kv_heads * size
    dkv[:, :, heads.k : heads.k + columns] = of_groups(dscores.swapaxes(2, 3) @ queries)
    dkv[:, :, heads.v : heads.v + columns] = of_groups((factors * weights).swapaxes(2, 3) @ dout)
