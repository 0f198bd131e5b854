"""Down the columns of rows: sums, and what has one number for each column, in registers.

For arrays too small for the loops of `channels.py`, such as one example's feature maps. Arrays are flat: rows of
`width` numbers, the last of which may be shorter. Columns are gone down four registers at a time, from the first row
to the last: so sums, and the numbers that belong to columns, are loaded and stored once. What does not fill four
registers, at the right and in the last row, is done one register at a time.
"""

from __future__ import annotations

from numbanet.kernels.cpu.registers import add, fill, load, multiply_add, store, subtract
from numbanet.kernels.cpu.simd import pointer, shift, vector_lanes
from numbanet.kernels.jit import helper


@helper
def whole_rows(k, width, size, lanes):
    """How many rows have all of the four registers that begin in column k."""
    return (size - k - 4 * lanes) // width + 1 if k + 4 * lanes <= min(width, size) else 0


@helper
def load_four(base):
    """Four registers that follow one another."""
    n = vector_lanes(base)
    return load(base, n), load(shift(base, n), n), load(shift(base, 2 * n), n), load(shift(base, 3 * n), n)


@helper
def store_four(base, a, b, c, d):
    """Write four registers, one after the other."""
    n = vector_lanes(base)
    store(base, a, n)
    store(shift(base, n), b, n)
    store(shift(base, 2 * n), c, n)
    store(shift(base, 3 * n), d, n)


@helper
def differences(base, p0, p1, p2, p3):
    """Four registers less four others."""
    a, b, c, d = load_four(base)
    return subtract(a, p0), subtract(b, p1), subtract(c, p2), subtract(d, p3)


@helper
def sum_moments_down(sums, squares, x, pivot, width):
    """sums[0:width], squares[0:width] = the sums over the rows of x - pivot and of its square."""
    source, about, to_sums, to_squares, size = pointer(x), pointer(pivot), pointer(sums), pointer(squares), x.size
    lanes, nothing = vector_lanes(source), fill(source, 0)
    for k in range(0, width, 4 * lanes):
        rows = whole_rows(k, width, size, lanes)
        if rows > 0:
            p0, p1, p2, p3 = load_four(shift(about, k))
            s0, s1, s2, s3, q0, q1, q2, q3 = nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing
            for i in range(rows):
                d0, d1, d2, d3 = differences(shift(source, i * width + k), p0, p1, p2, p3)
                s0, s1, s2, s3 = add(s0, d0), add(s1, d1), add(s2, d2), add(s3, d3)
                q0, q1 = multiply_add(d0, d0, q0), multiply_add(d1, d1, q1)
                q2, q3 = multiply_add(d2, d2, q2), multiply_add(d3, d3, q3)
            store_four(shift(to_sums, k), s0, s1, s2, s3)
            store_four(shift(to_squares, k), q0, q1, q2, q3)
        for j in range(k, min(k + 4 * lanes, width), lanes):
            n = min(lanes, width - j)
            s, q = (load(shift(to_sums, j), n), load(shift(to_squares, j), n)) if rows > 0 else (nothing, nothing)
            for at in range(rows * width + j, size, width):
                some = min(n, size - at)  # the lanes that the last row has no numbers for stay as they are
                d = subtract(load(shift(source, at), some), load(shift(about, j), some))
                s, q = add(s, d), multiply_add(d, d, q)
            store(shift(to_sums, j), s, n)
            store(shift(to_squares, j), q, n)


@helper
def sum_gradients_down(sums, products, dy, x, mean, width):
    """sums[0:width], products[0:width] = the sums over the rows of dy and of dy (x - mean)."""
    source, gradient, about, size = pointer(x), pointer(dy), pointer(mean), x.size
    to_sums, to_products, lanes, nothing = pointer(sums), pointer(products), vector_lanes(source), fill(source, 0)
    for k in range(0, width, 4 * lanes):
        rows = whole_rows(k, width, size, lanes)
        if rows > 0:
            p0, p1, p2, p3 = load_four(shift(about, k))
            s0, s1, s2, s3, q0, q1, q2, q3 = nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing
            for i in range(rows):
                g0, g1, g2, g3 = load_four(shift(gradient, i * width + k))
                d0, d1, d2, d3 = differences(shift(source, i * width + k), p0, p1, p2, p3)
                s0, s1, s2, s3 = add(s0, g0), add(s1, g1), add(s2, g2), add(s3, g3)
                q0, q1 = multiply_add(g0, d0, q0), multiply_add(g1, d1, q1)
                q2, q3 = multiply_add(g2, d2, q2), multiply_add(g3, d3, q3)
            store_four(shift(to_sums, k), s0, s1, s2, s3)
            store_four(shift(to_products, k), q0, q1, q2, q3)
        for j in range(k, min(k + 4 * lanes, width), lanes):
            n = min(lanes, width - j)
            s, q = (load(shift(to_sums, j), n), load(shift(to_products, j), n)) if rows > 0 else (nothing, nothing)
            for at in range(rows * width + j, size, width):
                some = min(n, size - at)
                g = load(shift(gradient, at), some)
                d = subtract(load(shift(source, at), some), load(shift(about, j), some))
                s, q = add(s, g), multiply_add(g, d, q)
            store(shift(to_sums, j), s, n)
            store(shift(to_products, j), q, n)


@helper
def scale_down(y, x, mean, scale, offset, width):
    """y = (x - mean) scale + offset."""
    source, target, about, by, plus = pointer(x), pointer(y), pointer(mean), pointer(scale), pointer(offset)
    lanes, size = vector_lanes(source), x.size
    for k in range(0, width, 4 * lanes):
        rows = whole_rows(k, width, size, lanes)
        if rows > 0:
            p0, p1, p2, p3 = load_four(shift(about, k))
            a0, a1, a2, a3 = load_four(shift(by, k))
            b0, b1, b2, b3 = load_four(shift(plus, k))
            for i in range(rows):
                d0, d1, d2, d3 = differences(shift(source, i * width + k), p0, p1, p2, p3)
                z0, z1 = multiply_add(d0, a0, b0), multiply_add(d1, a1, b1)
                z2, z3 = multiply_add(d2, a2, b2), multiply_add(d3, a3, b3)
                store_four(shift(target, i * width + k), z0, z1, z2, z3)
        for j in range(k, min(k + 4 * lanes, width), lanes):
            n = min(lanes, width - j)
            p, a, b = load(shift(about, j), n), load(shift(by, j), n), load(shift(plus, j), n)
            for at in range(rows * width + j, size, width):
                some = min(n, size - at)
                store(shift(target, at), multiply_add(subtract(load(shift(source, at), some), p), a, b), some)


@helper
def combine_down(dx, dy, x, mean, scale, slope, offset, width):
    """dx = dy scale + ((x - mean) slope + offset)."""
    source, gradient, target, about = pointer(x), pointer(dy), pointer(dx), pointer(mean)
    by, by_x, plus, lanes, size = pointer(scale), pointer(slope), pointer(offset), vector_lanes(source), x.size
    for k in range(0, width, 4 * lanes):
        rows = whole_rows(k, width, size, lanes)
        if rows > 0:
            p0, p1, p2, p3 = load_four(shift(about, k))
            a0, a1, a2, a3 = load_four(shift(by, k))
            b0, b1, b2, b3 = load_four(shift(by_x, k))
            c0, c1, c2, c3 = load_four(shift(plus, k))
            for i in range(rows):
                d0, d1, d2, d3 = differences(shift(source, i * width + k), p0, p1, p2, p3)
                g0, g1, g2, g3 = load_four(shift(gradient, i * width + k))
                z0, z1 = multiply_add(d0, b0, c0), multiply_add(d1, b1, c1)
                z2, z3 = multiply_add(d2, b2, c2), multiply_add(d3, b3, c3)
                store_four(
                    shift(target, i * width + k), multiply_add(g0, a0, z0), multiply_add(g1, a1, z1),
                    multiply_add(g2, a2, z2), multiply_add(g3, a3, z3),
                )  # fmt: skip
        for j in range(k, min(k + 4 * lanes, width), lanes):
            n = min(lanes, width - j)
            p, a = load(shift(about, j), n), load(shift(by, j), n)
            b, c = load(shift(by_x, j), n), load(shift(plus, j), n)
            for at in range(rows * width + j, size, width):
                some = min(n, size - at)
                z = multiply_add(subtract(load(shift(source, at), some), p), b, c)
                store(shift(target, at), multiply_add(load(shift(gradient, at), some), a, z), some)
