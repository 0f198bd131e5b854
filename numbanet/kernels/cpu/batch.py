"""Putting a batch together: rows picked from a data set, as numbers a network can take.

All outputs are overwritten (`=`).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.elementwise import CHUNK
from numbanet.kernels.jit import helper, kernel, serial_kernel

SERIAL = 131072  # elements up to which one thread is as fast as two: the memory is the limit


@helper
def gather_row(out, row, scale):
    """out = row * scale, from any type of number."""
    for j in range(out.size):
        out[j] = out.dtype.type(row[j]) * scale


@kernel
def gather(batch, data, rows, scale):
    """batch[i] = data[rows[i]] * scale.

    batch (n, features) float; data (N, features) uint8 or float; rows int64 (n,) in 0 .. N - 1; scale 1/255 turns
    bytes into 0 .. 1. With a scale of 1 both may be int64: tokens, or the labels of their steps. With a table for data
    and tokens for rows it is an embedding.
    """
    if batch.shape != (rows.size, data.shape[1]):
        raise ValueError("gather: batch must be (rows.size, features) with the features of data")
    for i in range(rows.size):
        if rows[i] < 0 or rows[i] >= data.shape[0]:
            raise IndexError("gather: a row number lies outside the data")
    factor = batch.dtype.type(scale)
    if batch.size <= SERIAL:
        for i in range(rows.size):
            gather_row(batch[i], data[rows[i]], factor)
        return
    height = max(1, CHUNK // max(1, batch.shape[1]))
    for index in prange((rows.size + height - 1) // height):
        first = np.int64(index) * height
        for i in range(first, min(first + height, rows.size)):
            gather_row(batch[i], data[rows[i]], factor)


@serial_kernel
def gather_labels(batch, labels, rows):
    """batch[i] = labels[rows[i]]; all one-dimensional, labels of any one type."""
    if batch.size != rows.size:
        raise ValueError("gather_labels: batch and rows differ in size")
    for i in range(rows.size):
        if rows[i] < 0 or rows[i] >= labels.size:
            raise IndexError("gather_labels: a row number lies outside the labels")
        batch[i] = labels[rows[i]]
