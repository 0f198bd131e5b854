"""Steps of sequences: which are real, and what is left of a sequence without its time.

All outputs are overwritten (`=`). Shapes: x (n, t, f), y (n, f), mask uint8 (n, t): 1 for a real step and 0 for one
that only fills up; of size 0 where all are real. An example without any real step gives zeros, and takes no gradient.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.codes import LAST_STEP, MEAN_OF_STEPS
from numbanet.kernels.cpu.elementwise import is_small
from numbanet.kernels.jit import helper, kernel, serial_kernel


@helper
def check(y, x, mask):
    n, t, f = x.shape
    if y.shape != (n, f) or (mask.size and mask.shape != (n, t)):
        raise ValueError("pool_steps: the shapes of y (n, f), x (n, t, f) and mask (n, t) do not fit")


@serial_kernel  # most steps are told apart by their first number
def mask_steps(mask, x, value):
    """mask = 0 where all numbers of a step equal `value`, else 1; x of any type of number, such as tokens."""
    n, t, features = x.shape
    if mask.shape != (n, t):
        raise ValueError("mask_steps: the shapes of mask (n, t) and x (n, t, f) do not fit")
    wanted = x.dtype.type(value)
    for i in range(n):
        for step in range(t):
            row = x[i, step]
            j = 0
            while j < features and row[j] == wanted:
                j += 1
            mask[i, step] = 1 if j < features else 0


@helper
def is_real(mask, i, step):
    """Whether this step of example i is real."""
    return mask.size == 0 or mask[i, step] != 0


@helper
def last_real(mask, i, steps):
    """The last real step of example i, -1 for none."""
    step = steps - 1
    while step >= 0 and not is_real(mask, i, step):
        step -= 1
    return step


@helper
def one_over_real(x, mask, i):
    """1 / (real steps of example i); 0 without any."""
    count = 0
    for step in range(x.shape[1]):
        count += is_real(mask, i, step)
    return x.dtype.type(1.0 / count if count else 0.0)


@helper
def pool_example(y, x, mask, how, i):
    """Example i of pool_steps_forward."""
    out, steps = y[i], x.shape[1]
    last = last_real(mask, i, steps)
    if last < 0:
        out[:] = y.dtype.type(0)
        return
    out[:] = x[i, last]
    if how == LAST_STEP:
        return
    for step in range(last):
        if is_real(mask, i, step):
            row = x[i, step]
            if how == MEAN_OF_STEPS:
                for j in range(row.size):
                    out[j] += row[j]
            else:
                for j in range(row.size):
                    value, top = row[j], out[j]
                    out[j] = top if value <= top or top != top else value  # NaN is the largest
    if how == MEAN_OF_STEPS:
        factor = one_over_real(x, mask, i)
        for j in range(out.size):
            out[j] *= factor


@kernel
def pool_steps_forward(y, x, mask, how):
    """The last real step, or the mean or the largest of all real ones, feature by feature.

    `how`: codes.LAST_STEP, MEAN_OF_STEPS or MAX_OF_STEPS.
    """
    check(y, x, mask)
    if is_small(x.size):
        for i in range(x.shape[0]):
            pool_example(y, x, mask, how, i)
        return
    for index in prange(x.shape[0]):
        pool_example(y, x, mask, how, np.int64(index))


@helper
def give_back(dx, dy, x, mask, how, i):
    """Example i of pool_steps_backward."""
    gradient, steps, zero = dy[i], x.shape[1], x.dtype.type(0)
    factor = one_over_real(x, mask, i)
    for step in range(steps):
        out = dx[i, step]
        share = factor if how == MEAN_OF_STEPS and is_real(mask, i, step) else zero
        for j in range(out.size):
            out[j] = gradient[j] * share if share != zero else zero
    last = last_real(mask, i, steps)
    if how == MEAN_OF_STEPS or last < 0:
        return
    if how == LAST_STEP:
        dx[i, last] = gradient
        return
    for j in range(gradient.size):
        best = last
        for step in range(last - 1, -1, -1):  # backwards, so that of equals the first is left
            value, top = x[i, step, j], x[i, best, j]
            if is_real(mask, i, step) and (value >= top or value != value):
                best = step
        dx[i, best, j] = gradient[j]


@kernel
def pool_steps_backward(dx, dy, x, mask, how):
    """dx from dy: to the last real step, to all real ones alike, or to the first of the largest."""
    check(dy, x, mask)
    if dx.shape != x.shape:
        raise ValueError("pool_steps_backward: dx and x differ in shape")
    if is_small(x.size):
        for i in range(x.shape[0]):
            give_back(dx, dy, x, mask, how, i)
        return
    for index in prange(x.shape[0]):
        give_back(dx, dy, x, mask, how, np.int64(index))
