"""Random distortions of images while a batch is gathered, so that no epoch sees the same image twice.

Each pixel p of the result asks where in the source it comes from, and mixes the four pixels around that place:

    place(p) = p - shift + d(p),  mirrored for a flip;  outside the source all is 0

d is a smooth field of displacements: a cubic B-spline over 4 x 4 cells with 7 x 7 nodes (a free-form deformation;
Rueckert et al., doi 10.1109/42.796284). Rotation, scale and shear move the nodes as they would move any point,
and splines reproduce affine maps exactly. Elastic distortion moves each node at random: the splines smooth that
noise as a Gaussian would whose standard deviation is 1/7 of the image, 4 pixels of 28, as in Simard, Steinkraus
and Platt, doi 10.1109/ICDAR.2003.1227801, at a fraction of the work. Cutout: DeVries and Taylor, arXiv 1708.04552.

Random numbers are hashes of (seed, step, row in the data set, what for): neither the threads nor the place in the
batch nor its size matter. Output overwritten (`=`).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.cpu.dropout import mix, stream_keys
from numbanet.kernels.cpu.simd import dtype_of, pointer, shift, stack_array, stack_integers
from numbanet.kernels.cpu.vectormath import number
from numbanet.kernels.distortion import (
    CELLS,
    CUT_X,
    CUT_Y,
    DRAWS,
    FLIP,
    HEIGHT,
    LEAN,
    NODE,
    NODES,
    REACH,
    SHIFT_X,
    SHIFT_Y,
    STREAM,
    TURN,
    WIDTH,
)
from numbanet.kernels.jit import exact_helper, helper, kernel

SERIAL = 4096  # elements up to which one thread is done before a second one has started
STRIP = 64  # rows and columns that are worked on at a time: what the scratch on the stack has room for
LANES = 16  # they are counted in whole vectors; what lies beyond the image is computed and not used
LINE = 2 * NODES  # displacements along x, then along y, of one row of nodes
GRID, LINES, BELLS, TAPS = LINE * NODES, LINE * STRIP, NODES * STRIP, 4 * STRIP  # elements of the scratch arrays
GOLDEN = np.uint32(0x9E3779B9)


@helper
def image_key(row, multiplier, offset):
    """What the random numbers of one image have in common."""
    return mix(np.uint32(np.uint32(np.uint32(row) * multiplier) + offset))


@helper
def draw(bits, key):
    """bits[DRAWS]: 32 random bits for each use of randomness in one image."""
    for use in range(DRAWS):
        bits[use] = np.int32(mix(np.uint32(key + np.uint32(np.uint32(use) * GOLDEN))))


@helper
def whole(bits, count):
    """A random whole number in 0 .. count - 1."""
    return np.int64((np.uint64(np.uint32(bits)) * np.uint64(count)) >> np.uint64(32))


@exact_helper
def either_way(bits, reach):
    """A random number in [-reach, reach)."""
    return np.float64(bits) * (2.0**-31 * reach)


@exact_helper
def place_nodes(nodes, bits, shift_x, shift_y, height, width, distortion):
    """nodes[NODES, LINE]: how far from itself each node's source lies, along x and along y.

    An image is stretched, leant and turned about its centre and then shifted; this is the way back.
    """
    turn = np.radians(either_way(bits[TURN], distortion.rotate))
    lean = np.tan(np.radians(either_way(bits[LEAN], distortion.shear)))
    wide = 1.0 + either_way(bits[WIDTH], distortion.scale)
    high = 1.0 + either_way(bits[HEIGHT], distortion.scale)
    cosine, sine = np.cos(turn), np.sin(turn)
    x_by_x, x_by_y = (cosine + lean * sine) / wide - 1.0, (sine - lean * cosine) / wide
    y_by_x, y_by_y = -sine / high, cosine / high - 1.0
    reach = REACH * distortion.elastic
    for m in range(NODES):
        y = (m - 1 - 0.5 * CELLS) * (height / CELLS) - shift_y  # from the centre; the first node lies a cell outside
        for k in range(NODES):
            x = (k - 1 - 0.5 * CELLS) * (width / CELLS) - shift_x
            at = m * LINE + k
            nodes[at] = x_by_x * x + x_by_y * y + either_way(bits[NODE + at], reach)
            nodes[at + NODES] = y_by_x * x + y_by_y * y + either_way(bits[NODE + at + NODES], reach)


@helper
def whole_vectors(count):
    """`count` rounded up to vectors."""
    return (count + LANES - 1) // LANES * LANES


@helper
def bell(distance):
    """The cubic B-spline: the weight of a node so many cells away."""
    outer = max(number(distance, 2.0) - abs(distance), number(distance, 0.0))
    inner = max(number(distance, 1.0) - abs(distance), number(distance, 0.0))
    return (outer * outer * outer - number(distance, 4.0) * inner * inner * inner) * number(distance, 1.0 / 6.0)


@helper
def weigh_nodes(bells, first, count, size):
    """bells[NODES, STRIP]: what each node along an axis of `size` pixels weighs for pixels first, first + 1 ..."""
    real = dtype_of(bells).type
    cells = real(CELLS / size)
    for k in range(NODES):
        for j in range(count):
            middle = real(np.int32(first + j)) + real(0.5)
            bells[k * STRIP + j] = bell(middle * cells - real(k - 1))


@helper
def blend_rows(lines, nodes, bells, count):
    """lines[LINE, STRIP]: the rows of nodes blended for each of `count` rows of pixels."""
    for q in range(LINE):
        for i in range(count):
            total = bells[i] * nodes[q]
            for m in range(1, NODES):
                total += bells[m * STRIP + i] * nodes[m * LINE + q]
            lines[q * STRIP + i] = total


@helper
def find_taps(taps, weights, line, bells, first, i, count, shape, mirrored, scale):
    """taps, weights[4, STRIP]: the four pixels around the place that pixels (first, i), (first + 1, i) ... come
    from, and what each counts: 0 outside the image. line points to a column of the blended nodes.
    """
    height, width, channels = shape
    real = dtype_of(weights).type
    right, bottom = real(width - 1), real(height - 1)
    start, sign = (right, real(-1)) if mirrored else (real(0), real(1))
    across, down = np.int32(channels), np.int32(channels * width)
    for j in range(count):
        x, y = real(np.int32(first + j)), real(np.int32(i))
        for k in range(NODES):
            x += line[k * STRIP] * bells[k * STRIP + j]
            y += line[(NODES + k) * STRIP] * bells[k * STRIP + j]
        # From here on within a pixel of the image; a NaN, too, since no comparison with it is true.
        u = start + sign * x if start + sign * x > real(-1) else real(-1)
        v = y if y > real(-1) else real(-1)
        u, v = min(u, right + real(1)), min(v, bottom + real(1))
        u0, v0 = np.floor(u), np.floor(v)
        u1, v1 = u0 + real(1), v0 + real(1)
        # Where the nearest column or row inside is another one, it has no weight.
        u0_in, u1_in = min(max(u0, real(0)), right), min(u1, right)
        v0_in, v1_in = min(max(v0, real(0)), bottom), min(v1, bottom)
        left_weight, right_weight = u1 - u, u - u0
        upper_weight, lower_weight = (v1 - v) * scale, (v - v0) * scale
        left_weight = left_weight if u0_in == u0 else real(0)
        right_weight = right_weight if u1_in == u1 else real(0)
        upper_weight = upper_weight if v0_in == v0 else real(0)
        lower_weight = lower_weight if v1_in == v1 else real(0)
        weights[j] = upper_weight * left_weight
        weights[STRIP + j] = upper_weight * right_weight
        weights[2 * STRIP + j] = lower_weight * left_weight
        weights[3 * STRIP + j] = lower_weight * right_weight
        column0, column1 = np.int32(np.int32(u0_in) * across), np.int32(np.int32(u1_in) * across)
        row0, row1 = np.int32(np.int32(v0_in) * down), np.int32(np.int32(v1_in) * down)
        taps[j] = np.int32(row0 + column0)
        taps[STRIP + j] = np.int32(row0 + column1)
        taps[2 * STRIP + j] = np.int32(row1 + column0)
        taps[3 * STRIP + j] = np.int32(row1 + column1)


@helper
def mix_taps(out, source, taps, weights, count, channels):
    """out[count, channels] = the weighted pixels of the source."""
    real = dtype_of(out).type
    for channel in range(channels):
        pixels = shift(source, channel)
        for j in range(count):
            upper = real(pixels[taps[j]]) * weights[j]
            upper += real(pixels[taps[STRIP + j]]) * weights[STRIP + j]
            lower = real(pixels[taps[2 * STRIP + j]]) * weights[2 * STRIP + j]
            lower += real(pixels[taps[3 * STRIP + j]]) * weights[3 * STRIP + j]
            out[j * channels + channel] = upper + lower


@helper
def cut_out(out, bits, side, shape):
    """Zeros in a square with a random pixel of the image in its middle."""
    height, width, channels = shape
    top, left = whole(bits[CUT_Y], height) - side // 2, whole(bits[CUT_X], width) - side // 2
    first, last = max(left, 0) * channels, min(left + side, width) * channels
    for i in range(max(top, 0), min(top + side, height)):
        for j in range(i * width * channels + first, i * width * channels + last):
            out[j] = 0


@helper
def distort(out, source, shape, scale, distortion, key):
    """One image: out and source point to height * width * channels numbers."""
    nodes, lines, bells = stack_array(out, GRID), stack_array(out, LINES), stack_array(out, BELLS)
    weights, taps, bits = stack_array(out, TAPS), stack_integers(TAPS), stack_integers(DRAWS)
    height, width, channels = shape
    draw(bits, key)
    shift_x = whole(bits[SHIFT_X], 2 * distortion.shift + 1) - distortion.shift
    shift_y = whole(bits[SHIFT_Y], 2 * distortion.shift + 1) - distortion.shift
    mirrored = distortion.flip and bits[FLIP] < 0
    place_nodes(nodes, bits, shift_x, shift_y, height, width, distortion)
    for top in range(0, height, STRIP):
        rows = min(STRIP, height - top)
        weigh_nodes(bells, top, whole_vectors(rows), height)
        blend_rows(lines, nodes, bells, whole_vectors(rows))
        for left in range(0, width, STRIP):
            columns = min(STRIP, width - left)
            count = whole_vectors(columns)
            weigh_nodes(bells, left, count, width)
            for i in range(rows):
                x, y, line = left - shift_x, top + i - shift_y, shift(lines, i)
                find_taps(taps, weights, line, bells, x, y, count, shape, mirrored, scale)
                at = shift(out, ((top + i) * width + left) * channels)
                mix_taps(at, source, taps, weights, columns, channels)
    cut_out(out, bits, distortion.cutout, shape)


@kernel
def augment(batch, data, rows, shape, scale, distortion, seed, step):
    """batch[i] = data[rows[i]] * scale, distorted at random: a function of seed, step[0] and rows[i].

    batch (n, height * width * channels) float; data (N, the same) uint8 or float; rows int64 (n,) in 0 .. N - 1;
    shape (height, width, channels); scale 1/255 turns bytes into 0 .. 1; distortion a `Distortion`; seed an
    int64, step int64 [1]. Rows are contiguous. Without any distortion this is `gather`.
    """
    size = shape[0] * shape[1] * shape[2]
    if batch.shape != (rows.size, size) or data.shape[1] != size:
        raise ValueError("augment: batch must be (rows.size, features), and data and shape have as many features")
    if batch.size > 0 and (batch.strides[1] != batch.itemsize or data.strides[1] != data.itemsize):
        raise ValueError("augment: the rows of batch and data must be contiguous")
    for i in range(rows.size):
        if rows[i] < 0 or rows[i] >= data.shape[0]:
            raise IndexError("augment: a row number lies outside the data")
    multiplier, offset = stream_keys(np.int64(seed), step[0], np.int64(STREAM))
    factor = batch.dtype.type(scale)
    if batch.size <= SERIAL:
        for i in range(rows.size):
            key = image_key(rows[i], multiplier, offset)
            distort(pointer(batch[i]), pointer(data[rows[i]]), shape, factor, distortion, key)
        return
    for index in prange(rows.size):
        i = np.int64(index)
        key = image_key(rows[i], multiplier, offset)
        distort(pointer(batch[i]), pointer(data[rows[i]]), shape, factor, distortion, key)
