"""Rows of channels: what the kernels share that have numbers for each channel, such as a mean and a scale.

A row of 16 channels is a single vector: a loop over it ends before it is under way. So rows are taken several at a
time, as a wide row of `geometry.wide_row(channels)` numbers, and what there is one of for each channel is laid out as
many times. Arrays of rows are flat here. A last, shorter wide row begins with the first channel like the others.

The order of operations is the accuracy of these loops: they are `exact_helper`, and no sum runs along a vector.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from numbanet.kernels import geometry
from numbanet.kernels.codes import RELU, SIGMOID, TANH
from numbanet.kernels.cpu.dense import chain
from numbanet.kernels.cpu.elementwise import chunks, is_small
from numbanet.kernels.cpu.vectormath import number, sigmoid, tanh
from numbanet.kernels.geometry import ROW_PARTS
from numbanet.kernels.jit import exact_helper, helper, shared

wide_row = helper(geometry.wide_row)


def rows_and_numbers(rows, numbers):
    """The signature of a shared function of so many rows, which are flat arrays, and whole numbers after them."""
    return lambda element: types.void(*(element[::1],) * rows, *(types.int64,) * numbers)


@helper
def parts_of(size):
    """How many parts to cut an array of `size` elements into for a sum over its rows."""
    return 1 if is_small(size) else min(ROW_PARTS, chunks(size))


@helper
def portion(index, parts, n):
    """The half-open range of part `index` of n rows."""
    part = np.int64(index)  # prange counts in uint64, and uint64 with int64 makes float64
    return n * part // parts, n * (part + 1) // parts


@helper
def wide_portion(index, parts, size, width):
    """The half-open range of part `index` of `size` elements, cut at wide rows."""
    first, last = portion(index, parts, (size + width - 1) // width)
    return first * width, min(last * width, size)


@helper
def lay_out(wide, row):
    """wide = row, over and over; row may be the beginning of wide itself."""
    for start in range(0, wide.size, row.size):
        copy = wide[start : start + row.size]
        for j in range(row.size):
            copy[j] = row[j]


@helper
def fold(wide, channels):
    """wide[:channels] = the sum of the rows in it."""
    for start in range(channels, wide.size, channels):
        row = wide[start : start + channels]
        for j in range(channels):
            wide[j] += row[j]


@helper
def add_parts(rows, parts, columns):
    """rows[0, :columns] = the sum of the first `parts` rows, by pairs, pairs of pairs, and so on."""
    step = 1
    while step < parts:
        for k in range(0, parts - step, 2 * step):
            into, row = rows[k], rows[k + step]
            for j in range(columns):
                into[j] += row[j]
        step *= 2


@helper
def inverse_root(variance, epsilon):
    """1 / sqrt(variance + epsilon), in float64."""
    return 1.0 / math.sqrt(np.float64(variance) + epsilon)


@helper
def quarters(rows):
    """Four wide rows that follow one another."""
    width = rows.size // 4
    return rows[:width], rows[width : 2 * width], rows[2 * width : 3 * width], rows[3 * width :]


@exact_helper
def add_moments(sums, squares, x, pivot):
    """sums += x - pivot; squares += its square, of one wide row."""
    for j in range(x.size):
        d = x[j] - pivot[j]
        sums[j] += d
        squares[j] += d * d


@exact_helper
def add_four_moments(sums, squares, x, pivot):
    """`add_moments` of four wide rows: the sums are loaded and stored once instead of four times."""
    x0, x1, x2, x3 = quarters(x)
    for j in range(pivot.size):
        d0, d1, d2, d3 = x0[j] - pivot[j], x1[j] - pivot[j], x2[j] - pivot[j], x3[j] - pivot[j]
        sums[j] += (d0 + d1) + (d2 + d3)
        squares[j] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)


@shared("numbanet_sum_moments", rows_and_numbers(4, 1))
def sum_moments(sums, squares, x, pivot, channels):
    """sums[:channels], squares[:channels]: the sums over the rows of x - pivot and of its square.

    With a pivot near the mean the squares are as small as the variance allows, and keep its digits.
    """
    width = pivot.size
    four, fours = 4 * width, x.size // (4 * width)
    sums[:] = 0
    squares[:] = 0
    for start in range(0, fours * four, four):
        add_four_moments(sums, squares, x[start : start + four], pivot)
    for start in range(fours * four, x.size, width):
        add_moments(sums, squares, x[start : start + width], pivot)
    fold(sums, channels)
    fold(squares, channels)


@exact_helper
def affine(x, mean, scale, shift):
    """z: what normalization makes of x. In one place, so that backward finds the very sign that forward found."""
    return (x - mean) * scale + shift


@helper
def floor_of(activation, like):
    """What no output lies below: relu is no case of its own, but a floor of 0 where all others have none."""
    return like.dtype.type(0) if activation == RELU else like.dtype.type(-np.inf)


@exact_helper
def normalize_rows(y, x, mean, scale, shift, activation):
    """y = activation(z)."""
    floor, width = floor_of(activation, x), mean.size
    for start in range(0, x.size, width):
        y_row, x_row = y[start : start + width], x[start : start + width]
        for j in range(x_row.size):
            z = affine(x_row[j], mean[j], scale[j], shift[j])
            y_row[j] = floor if z < floor else z
        if activation == SIGMOID:
            for j in range(y_row.size):
                y_row[j] = sigmoid(y_row[j])
        elif activation == TANH:
            for j in range(y_row.size):
                y_row[j] = tanh(y_row[j])


@exact_helper
def passed(dy, x, mean, scale, shift, floor):
    """dy, or 0 where z is not above the floor.

    The sign that relu's derivative asks for is worked out from x, which is read anyway: y need not be read too.
    """
    return number(x, 0) if affine(x, mean, scale, shift) <= floor else dy


@exact_helper
def add_gradients(sums, products, dz, x, mean, scale, shift, floor):
    """sums += dz; products += dz (x - mean), of one wide row."""
    for j in range(x.size):
        d = passed(dz[j], x[j], mean[j], scale[j], shift[j], floor)
        sums[j] += d
        products[j] += d * (x[j] - mean[j])


@exact_helper
def add_four_gradients(sums, products, dz, x, mean, scale, shift, floor):
    """`add_gradients` of four wide rows."""
    (z0, z1, z2, z3), (x0, x1, x2, x3) = quarters(dz), quarters(x)
    for j in range(mean.size):
        m, a, b = mean[j], scale[j], shift[j]
        d0, d1 = passed(z0[j], x0[j], m, a, b, floor), passed(z1[j], x1[j], m, a, b, floor)
        d2, d3 = passed(z2[j], x2[j], m, a, b, floor), passed(z3[j], x3[j], m, a, b, floor)
        sums[j] += (d0 + d1) + (d2 + d3)
        products[j] += (d0 * (x0[j] - m) + d1 * (x1[j] - m)) + (d2 * (x2[j] - m) + d3 * (x3[j] - m))


@shared("numbanet_sum_gradients", rows_and_numbers(9, 2))
def sum_gradients(sums, products, room, dy, x, y, mean, scale, shift, activation, channels):
    """sums[:channels], products[:channels]: the sums over the rows of dz and of dz (x - mean).

    dz of linear and relu is `passed`; that of sigmoid and tanh follows from y, by way of `room`, a wide row.
    """
    floor, width = floor_of(activation, x), mean.size
    four, fours = 4 * width, x.size // (4 * width)
    from_output = activation in (SIGMOID, TANH)
    if from_output:
        fours = 0
    sums[:] = 0
    products[:] = 0
    for start in range(0, fours * four, four):
        stop = start + four
        add_four_gradients(sums, products, dy[start:stop], x[start:stop], mean, scale, shift, floor)
    for start in range(fours * four, x.size, width):
        stop = start + width
        dy_row, x_row = dy[start:stop], x[start:stop]
        if from_output:
            chain(room, dy_row, y[start:stop], activation)
            add_gradients(sums, products, room, x_row, mean, scale, shift, floor)
        else:
            add_gradients(sums, products, dy_row, x_row, mean, scale, shift, floor)
    fold(sums, channels)
    fold(products, channels)


@exact_helper
def add_terms(dx, dz, x, mean, scale, shift, slope, offset, floor):
    """dx = dz scale + (x - mean) slope + offset, of one wide row."""
    for j in range(x.size):
        d = passed(dz[j], x[j], mean[j], scale[j], shift[j], floor)
        dx[j] = d * scale[j] + ((x[j] - mean[j]) * slope[j] + offset[j])


@shared("numbanet_combine_gradients", rows_and_numbers(10, 1))
def combine_gradients(dx, room, dy, x, y, mean, scale, shift, slope, offset, activation):
    """dx = dz scale + (x - mean) slope + offset, with dz as in `sum_gradients`."""
    floor, width = floor_of(activation, x), mean.size
    for start in range(0, x.size, width):
        stop = start + width
        dx_row, dy_row, x_row = dx[start:stop], dy[start:stop], x[start:stop]
        if activation in (SIGMOID, TANH):
            chain(room, dy_row, y[start:stop], activation)
            add_terms(dx_row, room, x_row, mean, scale, shift, slope, offset, floor)
        else:
            add_terms(dx_row, dy_row, x_row, mean, scale, shift, slope, offset, floor)
