"""Recurrent cells, step by step: simple, LSTM and GRU, as `numbanet.kernels.cpu.rnn`, `lstm` and `gru` describe them.

All outputs are overwritten (`=`). Arrays with a place for each step (gates, fed, states, cells) may have fewer: step s
then has place s modulo their number. h0, c0, mask, keep, peephole and rb are of size 0 where there is none. Scratch is
not needed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from numbanet.kernels.reference.activation import activation_backward, activation_forward
from numbanet.kernels.reference.arrays import Array, quiet, wide
from numbanet.kernels.reference.vectormath import sigmoid as sigmoid_of


def _sigmoid(x: Array) -> Array:
    y = np.empty_like(x)
    sigmoid_of(y, x)
    return y


def _walk(steps: int, reverse: bool) -> Iterator[tuple[int, int]]:
    """(step, time) from the first step to the last."""
    return ((s, steps - 1 - s if reverse else s) for s in range(steps))


def _initial(first: Array, n: int, units: int) -> Array:
    """The state before the walk."""
    return wide(first).copy() if first.size else np.zeros((n, units))


def _factors(keep: Array) -> Array:
    return wide(keep) if keep.size else np.ones((1, 1))


def _real(mask: Array, n: int, t: int) -> Array:
    """Whether time t is each example's own: (n, 1)."""
    return mask[:, t : t + 1] != 0 if mask.size else np.ones((n, 1), bool)


def _put(array: Array, s: int, values: Array) -> None:
    array[s % len(array)] = values


def _output_gradient(dy: Array, steps: int, s: int, t: int) -> Array | float:
    """What step s gave to y."""
    if dy.shape[1] == steps:
        return wide(dy[:, t])
    return wide(dy[:, 0]) if s == steps - 1 else 0.0


@quiet
def rnn_forward(
    y: Array, states: Array, gates: Array, fed: Array, x: Array, h0: Array, mask: Array, keep: Array, w: Array,
    u: Array, b: Array, activation: int, reverse: bool, scratch: Array,
) -> None:  # fmt: skip
    """h = act(x w + (h * keep) u + b), with act codes.TANH or codes.RELU."""
    n, steps, _ = x.shape
    h = _initial(h0, n, len(u))
    _put(states, 0, h)
    for s, t in _walk(steps, reverse):
        inputs, real = np.hstack([h * _factors(keep), wide(x[:, t]), np.ones((n, 1))]), _real(mask, n, t)
        g = inputs @ wide(np.vstack([u, w, b]))
        activation_forward(g, g.copy(), activation, 0.0)
        h = np.where(real, g, h)
        _put(fed, s, inputs)
        _put(gates, s, np.where(real, g, 0))
        _put(states, s + 1, h)
        y[:, t if y.shape[1] == steps else 0] = h


@quiet
def rnn_backward(
    dx: Array, dgates: Array, dh0: Array, dy: Array, gates: Array, mask: Array, keep: Array, w: Array, u: Array,
    activation: int, reverse: bool, dfed: Array, scratch: Array,
) -> None:  # fmt: skip
    """dx, the gradient of the gates' sums, and that of the state before the walk."""
    steps, n, units = gates.shape
    dh = np.zeros((n, units))
    for s, t in reversed(list(_walk(steps, reverse))):
        dh += _output_gradient(dy, steps, s, t)
        real, dz, g = _real(mask, n, t), np.empty((n, units)), wide(gates[s])
        activation_backward(dz, dh, g, g, activation, 0.0)
        dz = np.where(real, dz, 0)
        dfed[...] = dz @ wide(u).T
        dh = np.where(real, 0, dh) + dz @ wide(u).T * _factors(keep)
        dgates[s] = dz
        if dx.size:
            dx[:, t] = dz @ wide(w).T
    dh0[...] = dh


@quiet
def recurrent_backward_params(dw: Array, du: Array, db: Array, fed: Array, dgates: Array, scratch: Array) -> None:
    """[du; dw; db] = the sum of fed[s].T @ dgates[s]."""
    total = np.einsum("snp,sng->pg", wide(fed), wide(dgates))
    du[...], dw[...], db[...] = total[: len(du)], total[len(du) : -1], total[-1]


@quiet
def lstm_forward(
    y: Array, states: Array, cells: Array, gates: Array, fed: Array, x: Array, h0: Array, c0: Array, mask: Array,
    keep: Array, w: Array, u: Array, b: Array, peephole: Array, reverse: bool, scratch: Array,
) -> None:  # fmt: skip
    """Input gate i, forget gate f, candidate g, cell c = f c + i g, output gate o, state h = o tanh(c)."""
    n, steps, _ = x.shape
    h, c = _initial(h0, n, len(u)), _initial(c0, n, len(u))
    pi, pf, po = wide(peephole) if peephole.size else np.zeros((3, 1))
    _put(states, 0, h)
    _put(cells, 0, c)
    for s, t in _walk(steps, reverse):
        inputs, real = np.hstack([h * _factors(keep), wide(x[:, t]), np.ones((n, 1))]), _real(mask, n, t)
        zi, zf, zg, zo = np.split(inputs @ wide(np.vstack([u, w, b])), 4, axis=1)
        i, f, g = _sigmoid(zi + pi * c), _sigmoid(zf + pf * c), np.tanh(zg)
        new = f * c + i * g
        o = _sigmoid(zo + po * new)
        h, c = np.where(real, o * np.tanh(new), h), np.where(real, new, c)
        _put(fed, s, inputs)
        _put(gates, s, np.where(real, np.hstack([i, f, g, o]), 0))
        _put(states, s + 1, h)
        _put(cells, s + 1, c)
        y[:, t if y.shape[1] == steps else 0] = h


@quiet
def lstm_backward(
    dx: Array, dgates: Array, dh0: Array, dc0: Array, dy: Array, cells: Array, gates: Array, mask: Array, keep: Array,
    w: Array, u: Array, peephole: Array, reverse: bool, dfed: Array, scratch: Array,
) -> None:  # fmt: skip
    """dx, the gradient of the gates' sums, and those of the state and the cell before the walk."""
    steps, n, _ = gates.shape
    dh, dc = np.zeros((2, n, len(u)))
    pi, pf, po = wide(peephole) if peephole.size else np.zeros((3, 1))
    for s, t in reversed(list(_walk(steps, reverse))):
        dh = dh + _output_gradient(dy, steps, s, t)
        i, f, g, o = np.split(wide(gates[s]), 4, axis=1)
        c, new, real = wide(cells[s]), wide(cells[s + 1]), _real(mask, n, t)
        do = dh * np.tanh(new) * o * (1 - o)
        dnew = dc + dh * o * (1 - np.tanh(new) ** 2) + do * po
        di, df, dg = dnew * g * i * (1 - i), dnew * c * f * (1 - f), dnew * i * (1 - g * g)
        dz = np.where(real, np.hstack([di, df, dg, do]), 0)
        dc = np.where(real, dnew * f + di * pi + df * pf, dc)
        dfed[...] = dz @ wide(u).T
        dh = np.where(real, 0, dh) + dz @ wide(u).T * _factors(keep)
        dgates[s] = dz
        if dx.size:
            dx[:, t] = dz @ wide(w).T
    dh0[...], dc0[...] = dh, dc


@quiet
def lstm_backward_peephole(dpeephole: Array, dgates: Array, cells: Array) -> None:
    """The gradients of the three peepholes, summed over all steps and rows."""
    di, df, _, do = np.split(wide(dgates), 4, axis=2)
    before, after = wide(cells[:-1]), wide(cells[1:])
    dpeephole[...] = [(d * c).sum(axis=(0, 1)) for d, c in ((di, before), (df, before), (do, after))]


@quiet
def gru_forward(
    y: Array, states: Array, gates: Array, fed: Array, x: Array, h0: Array, mask: Array, keep: Array, w: Array,
    u: Array, b: Array, rb: Array, reset_after: bool, reverse: bool, scratch: Array,
) -> None:  # fmt: skip
    """Reset gate r, update gate z, candidate n, h = (1 - z) n + z h."""
    n, steps, _ = x.shape
    h = _initial(h0, n, len(u))
    _put(states, 0, h)
    for s, t in _walk(steps, reverse):
        state, real = h * _factors(keep), _real(mask, n, t)
        xr, xz, xn = np.split(wide(x[:, t]) @ wide(w) + wide(b), 3, axis=1)
        ur, uz, un = np.split(wide(u), 3, axis=1)
        r, z = _sigmoid(xr + state @ ur), _sigmoid(xz + state @ uz)
        fourth = state @ un + wide(rb) if reset_after else r * state
        candidate = np.tanh(xn + (r * fourth if reset_after else fourth @ un))
        h = np.where(real, (1 - z) * candidate + z * h, h)
        _put(fed, s, np.hstack([state, wide(x[:, t]), np.ones((n, 1))]))
        _put(gates, s, np.where(real, np.hstack([r, z, candidate, fourth]), 0))
        _put(states, s + 1, h)
        y[:, t if y.shape[1] == steps else 0] = h


@quiet
def gru_backward(
    dx: Array, dgates: Array, dh0: Array, dy: Array, states: Array, gates: Array, fed: Array, mask: Array, keep: Array,
    w: Array, u: Array, reset_after: bool, reverse: bool, dfed: Array, scratch: Array,
) -> None:  # fmt: skip
    """dx, the gradients of the gates' sums and of the fourth part of `gates`, and that of the state before the walk."""
    steps, n, _ = gates.shape
    ur, uz, un = np.split(wide(u), 3, axis=1)
    dh = np.zeros((n, len(u)))
    for s, t in reversed(list(_walk(steps, reverse))):
        dh = dh + _output_gradient(dy, steps, s, t)
        r, z, candidate, fourth = np.split(wide(gates[s]), 4, axis=1)
        h, real, state = wide(states[s]), _real(mask, n, t), wide(fed[s])[:, : len(u)]
        dn = dh * (1 - z) * (1 - candidate**2)
        dz = dh * (h - candidate) * z * (1 - z)
        dfourth = dn * r if reset_after else dn @ un.T
        dr = (dn * fourth if reset_after else dfourth * state) * r * (1 - r)
        dr, dz, dn, dfourth = (np.where(real, d, 0) for d in (dr, dz, dn, dfourth))
        dstate = dr @ ur.T + dz @ uz.T + (dfourth @ un.T if reset_after else dfourth * r)
        dh = np.where(real, dh * z, dh) + dstate * _factors(keep)
        dfed[...] = dstate
        dgates[s] = np.hstack([dr, dz, dn, dfourth])
        if dx.size:
            dx[:, t] = np.hstack([dr, dz, dn]) @ wide(w).T
    dh0[...] = dh


@quiet
def gru_backward_params(
    dw: Array, du: Array, db: Array, drb: Array, fed: Array, gates: Array, dgates: Array, reset_after: bool,
    scratch: Array,
) -> None:  # fmt: skip
    """The gradients of w, u, b and rb, summed over all steps and rows."""
    units = len(du)
    state, x, fourth = wide(fed)[:, :, :units], wide(fed)[:, :, units:-1], wide(gates)[:, :, 3 * units :]
    dr, dz, dn, dfourth = np.split(wide(dgates), 4, axis=2)
    sums = np.concatenate([dr, dz, dn], axis=2)
    dw[...] = np.einsum("snp,sng->pg", x, sums)
    du[:, : 2 * units] = np.einsum("snp,sng->pg", state, sums[:, :, : 2 * units])
    du[:, 2 * units :] = np.einsum("snp,sng->pg", *((state, dfourth) if reset_after else (fourth, dn)))
    db[...] = sums.sum(axis=(0, 1))
    if reset_after:
        drb[...] = dfourth.sum(axis=(0, 1))
