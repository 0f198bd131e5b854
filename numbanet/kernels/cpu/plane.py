"""Planes: a strip of an image, for as many of its channels as a register has lanes.

    plane[row, column, lane] = image[first_row + row, first_col + column, places[lane]]

with zeros where that is outside the image. Each pixel is a register of its own, aligned, and next to its neighbours:
a loop over a plane knows nothing of edges, of how many channels there are, or of how far apart their pixels lie. What
all pixels of one register have is so little that it stays in L1, while whole pixels a power of 2 apart would compete
for the same few places in it.
"""

from __future__ import annotations

from numbanet.kernels.cpu.registers import fill, load, store
from numbanet.kernels.cpu.simd import shift, stack_integers, vector_lanes
from numbanet.kernels.jit import helper


@helper
def lane_places():
    """Room for the places of the lanes in a pixel of the image, as many as any register has."""
    return stack_integers(16)


@helper
def set_places(places, lanes, first, last, step, divisor, offset):
    """places[lane] = i * step // divisor + offset for i = first, first + 1, ... and, after `last`, that one again."""
    for lane in range(lanes):
        places[lane] = min(first + lane, last) * step // divisor + offset


@helper
def copy_lanes(target, source, step, pixels, places, n):
    """Registers one after the other: from each pixel of `source`, `step` apart, the first n `places`."""
    lanes = vector_lanes(target)
    if places[n - 1] - places[0] == n - 1:  # side by side
        for p in range(pixels):
            store(shift(target, p * lanes), load(shift(source, p * step + places[0]), n), lanes)
        return
    for p in range(pixels):
        for lane in range(lanes):
            target[p * lanes + lane] = source[p * step + places[lane]]


@helper
def clear_lanes(target, pixels):
    """Registers of zeros, one after the other."""
    lanes, nothing = vector_lanes(target), fill(target, 0)
    for p in range(pixels):
        store(shift(target, p * lanes), nothing, lanes)


@helper
def lay_out(plane, image, height, width, channels, first_row, rows, first_col, cols, places, n):
    """plane[0:rows, 0:cols] as above; `places` has n channels of the image."""
    lanes = vector_lanes(plane)
    left = min(max(0, -first_col), cols)
    inside = max(0, min(width, first_col + cols) - max(0, first_col))
    for i in range(rows):
        row, y = shift(plane, i * cols * lanes), first_row + i
        if y < 0 or y >= height:
            clear_lanes(row, cols)
            continue
        clear_lanes(row, left)
        source = shift(image, (y * width + max(0, first_col)) * channels)
        copy_lanes(shift(row, left * lanes), source, channels, inside, places, n)
        clear_lanes(shift(row, (left + inside) * lanes), cols - left - inside)
