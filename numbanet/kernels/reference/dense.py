"""Matrix product and dense layer. Outputs are overwritten (`=`); gemm with accumulate=True adds (`+=`)."""

from __future__ import annotations

import numpy as np

from numbanet.kernels.reference.activation import activation_backward, activation_forward
from numbanet.kernels.reference.arrays import Array, quiet, wide


@quiet
def gemm(c: Array, a: Array, b: Array, trans_a: bool, trans_b: bool, accumulate: bool) -> None:
    """C = op(A) @ op(B), or C += with `accumulate`; op transposes where `trans_a` or `trans_b` is True.

    c (m, n); a (m, k), or (k, m) if trans_a; b (k, n), or (n, k) if trans_b.
    """
    product = wide(a.T if trans_a else a) @ wide(b.T if trans_b else b)
    if product.shape != c.shape:
        raise ValueError("gemm: the shapes of c (m, n), op(a) (m, k) and op(b) (k, n) do not fit")
    c[...] = wide(c) + product if accumulate else product


@quiet
def dense_forward(y: Array, x: Array, w: Array, b: Array, activation: int) -> None:
    """y = act(x @ w + b): y (n, out), x (n, in), w (in, out), b (out,) or empty; act one of codes.FUSED."""
    z = wide(x) @ wide(w)
    if b.size:
        z = z + wide(b)
    activation_forward(z.reshape(-1), z.reshape(-1), activation, 0.0)
    y[...] = z


@quiet
def dense_backward_activation(dz: Array, dy: Array, y: Array, activation: int) -> None:
    """dz = dy * act'(z) for y = act(z), from y; act one of codes.FUSED; all flat."""
    activation_backward(dz, dy, y[:0], y, activation, 0.0)


@quiet
def dense_backward_input(dx: Array, dy: Array, w: Array) -> None:
    """dx = dy @ w.T: dx (n, in), dy (n, out), w (in, out)."""
    dx[...] = wide(dy) @ wide(w).T


@quiet
def dense_backward_params(dw: Array, db: Array, x: Array, dy: Array) -> None:
    """dw = x.T @ dy; db = the sums of dy's columns, or empty for none: dw (in, out), db (out,)."""
    dw[...] = wide(x).T @ wide(dy)
    if db.size:
        db[...] = np.sum(wide(dy), axis=0)
