"""Running averages of whole arenas: of the weights over the steps, of gradients over the parts of a batch.

a is read and overwritten (`=`).
"""

from __future__ import annotations

from numba import prange

from numbanet.kernels.cpu.elementwise import chunks, is_small, span
from numbanet.kernels.jit import helper, kernel


@helper
def average_part(a, b, rate):
    for i in range(a.size):
        a[i] += rate * (b[i] - a[i])


@kernel
def average(a, b, rate):
    """a = a + rate * (b - a), for a rate from 0 to 1; with a rate of 1 a is b, whatever it was before.

    a and b flat, of one size and type.
    """
    if a.size != b.size:
        raise ValueError("average: a and b differ in size")
    real = a.dtype.type(rate)
    if rate == 1.0:
        a[:] = b
    elif is_small(a.size):
        average_part(a, b, real)
    else:
        for index in prange(chunks(a.size)):
            start, stop = span(index, a.size)
            average_part(a[start:stop], b[start:stop], real)
