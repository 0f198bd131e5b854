"""Draw 28x28 handwritten-looking digits from tables of strokes.

    images, labels = np.empty((n, 28, 28), np.uint8), np.empty(n, np.int64)
    digits(images, labels, scratch, points, strokes, variants, classes, seed, first)

Image `first + i` of a seed is the same on every machine, for any number of threads, and for any n: its random
numbers are hashes of (seed, image, what for), and nothing is used but + - * / and sqrt, which IEEE 754 rounds
in one way only. Hence no fastmath here, not even contraction to fused multiply-adds, and no sin, cos or exp.

One image: pick a class and one of its glyphs; move every control point of the glyph by a little noise, by a
smooth distortion of the whole box, and by slant, rotation, scale and shift; lay a Catmull-Rom curve through
the points; ink each pixel by its distance to the curve. Outputs are overwritten (`=`).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from numbanet.kernels.jit import strict_helper, strict_kernel

SIZE = 28
MIDDLE = 13.5  # pixel centres are at whole coordinates: 0 .. 27
GRID = 4  # the distortion is given at GRID x GRID nodes of the unit box
MAX_POINTS = 32  # of one stroke
NODES = 2 * GRID * GRID  # displacements: x and y of each node
SCRATCH = SIZE * SIZE + NODES + 2 * MAX_POINTS  # float64s per block: ink, distortion, points of one stroke
STEPS = 5  # straight pieces between two control points

# The counter of a random number says what it is for, so that a new use never shifts another's numbers.
CLASS, GLYPH, SLANT, TURN, HEIGHT, WIDTH, SHIFT_X, SHIFT_Y = range(8)
PEN, SOFTNESS, DARKNESS, LOOSENESS, WARP = range(8, 13)
GRIDS, STROKES, PIXELS, POINTS = 64, 128, 1024, 2048  # and as many after each as there are

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
LOW_16 = np.uint64(0xFFFF)
BY_11, BY_16, BY_27, BY_30 = np.uint64(11), np.uint64(16), np.uint64(27), np.uint64(30)
BY_31, BY_32, BY_48 = np.uint64(31), np.uint64(32), np.uint64(48)


@strict_helper
def mix(z):
    """The finalizer of splitmix64 (Steele, Lea, Flood, doi 10.1145/2660193.2660195): uint64 -> uint64."""
    z = (z ^ (z >> BY_30)) * MIX_1
    z = (z ^ (z >> BY_27)) * MIX_2
    return z ^ (z >> BY_31)


@strict_helper
def bits(key, counter):
    """64 random bits."""
    return mix(key + (np.uint64(counter) + np.uint64(1)) * GOLDEN)


@strict_helper
def uniform(key, counter, low, high):
    """A random number in [low, high)."""
    return low + (high - low) * (np.float64(bits(key, counter) >> BY_11) * 2.0**-53)


@strict_helper
def bell(key, counter, deviation):
    """A nearly normal number, never beyond 3.5 deviations: the sum of four 16-bit uniform ones."""
    z = bits(key, counter)
    total = np.float64(z & LOW_16) + np.float64((z >> BY_16) & LOW_16)
    total += np.float64((z >> BY_32) & LOW_16) + np.float64(z >> BY_48)
    return (total / 65535.0 - 2.0) * (1.7320508075688772 * deviation)


@strict_helper
def warp(grid, x, y, axis):
    """Displacement at (x, y) of the unit box: bilinear between the nodes around it."""
    u = min(max(x, 0.0), 1.0) * (GRID - 1)
    v = min(max(y, 0.0), 1.0) * (GRID - 1)
    column, row = min(int(u), GRID - 2), min(int(v), GRID - 2)
    u, v = u - column, v - row
    at = (row * GRID + column) * 2 + axis
    top = grid[at] * (1.0 - u) + grid[at + 2] * u
    low = grid[at + 2 * GRID] * (1.0 - u) + grid[at + 2 * GRID + 2] * u
    return top * (1.0 - v) + low * v


@strict_helper
def place(out, grid, points, start, stop, key):
    """Points start..stop of a glyph, in the unit box -> pixel coordinates x, y, x, y ... in out."""
    slant = bell(key, SLANT, 0.16)
    half = bell(key, TURN, 0.075)  # tan(angle / 2), which gives sine and cosine by arithmetic alone
    cosine, sine = (1.0 - half * half) / (1.0 + half * half), 2.0 * half / (1.0 + half * half)
    height = 19.0 + bell(key, HEIGHT, 1.5)
    width = height * (0.86 + bell(key, WIDTH, 0.11))
    shift_x, shift_y = bell(key, SHIFT_X, 1.0), bell(key, SHIFT_Y, 1.0)
    loose = uniform(key, LOOSENESS, 0.008, 0.034)
    for k in range(start, stop):
        x, y = points[k, 0], points[k, 1]
        moved_x = x - 0.5 + warp(grid, x, y, 0) + bell(key, POINTS + 2 * k, loose)
        moved_y = y - 0.5 + warp(grid, x, y, 1) + bell(key, POINTS + 2 * k + 1, loose)
        moved_x = (moved_x - slant * moved_y) * width
        moved_y = moved_y * height
        out[2 * (k - start)] = MIDDLE + shift_x + cosine * moved_x - sine * moved_y
        out[2 * (k - start) + 1] = MIDDLE + shift_y + sine * moved_x + cosine * moved_y


@strict_helper
def curve(a, b, c, d, t):
    """Catmull-Rom: from b (t = 0) to c (t = 1), with a before and d after."""
    bend = (2.0 * a - 5.0 * b + 4.0 * c - d) * t + (3.0 * (b - c) + d - a) * t * t
    return b + 0.5 * t * ((c - a) + bend)


@strict_helper
def ink_segment(ink, x0, y0, x1, y1, radius, soft):
    """Darken the pixels near a straight piece; only its bounding box is visited."""
    reach = radius + soft
    left, right = max(int(min(x0, x1) - reach), 0), min(int(max(x0, x1) + reach) + 1, SIZE - 1)
    top, bottom = max(int(min(y0, y1) - reach), 0), min(int(max(y0, y1) + reach) + 1, SIZE - 1)
    dx, dy = x1 - x0, y1 - y0
    length = dx * dx + dy * dy
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            px, py = column - x0, row - y0
            t = (px * dx + py * dy) / length if length > 0.0 else 0.0
            t = min(max(t, 0.0), 1.0)
            px, py = px - t * dx, py - t * dy
            square = px * px + py * py
            if square < reach * reach:
                shade = min((reach - np.sqrt(square)) / (2.0 * soft), 1.0)
                at = row * SIZE + column
                if shade > ink[at]:
                    ink[at] = shade


@strict_helper
def ink_stroke(ink, xy, count, start_radius, end_radius, soft):
    """Draw the curve through `count` points."""
    spans = count - 1
    x0, y0 = xy[0], xy[1]
    for span in range(spans):
        a, b, c, d = max(span - 1, 0), span, span + 1, min(span + 2, spans)
        for step in range(1, STEPS + 1):
            t = step / STEPS
            x1 = curve(xy[2 * a], xy[2 * b], xy[2 * c], xy[2 * d], t)
            y1 = curve(xy[2 * a + 1], xy[2 * b + 1], xy[2 * c + 1], xy[2 * d + 1], t)
            radius = start_radius + (end_radius - start_radius) * ((span + t) / spans)
            ink_segment(ink, x0, y0, x1, y1, radius, soft)
            x0, y0 = x1, y1


@strict_helper
def develop(image, ink, key):
    """Ink 0..1 -> bytes: a pen that is not equally dark everywhere, on clean paper."""
    darkness = uniform(key, DARKNESS, 205.0, 255.0)
    for at in range(SIZE * SIZE):
        value = 0.0
        if ink[at] > 0.0:
            value = ink[at] * darkness + bell(key, PIXELS + at, 14.0)
        image[at // SIZE, at % SIZE] = np.uint8(int(min(max(value, 0.0), 255.0) + 0.5))


@strict_helper
def draw(image, ink, grid, xy, points, strokes, variants, classes, key):
    """Draw one digit and return its label; a function of its own, so that the loop stays small."""
    label = int(uniform(key, CLASS, 0.0, 1.0) * len(classes))
    low, high = classes[label, 0], classes[label, 1]
    variant = low + int(uniform(key, GLYPH, 0.0, 1.0) * (high - low))
    pen = uniform(key, PEN, 0.75, 1.85)
    soft = uniform(key, SOFTNESS, 0.5, 0.85)
    ink[:] = 0.0
    amount = uniform(key, WARP, 0.02, 0.07)
    for at in range(NODES):
        grid[at] = bell(key, GRIDS + at, amount)
    for s in range(variants[variant, 0], variants[variant, 1]):
        place(xy, grid, points, strokes[s, 0], strokes[s, 1], key)
        change = uniform(key, STROKES + s, -0.3, 0.3)
        count = strokes[s, 1] - strokes[s, 0]
        ink_stroke(ink, xy, count, pen * (1.0 + change), pen * (1.0 - change), soft)
    develop(image, ink, key)
    return label


@strict_kernel
def digits(images, labels, scratch, points, strokes, variants, classes, seed, first):
    """Draw `len(images)` digits: images uint8 [n, 28, 28] (ink is bright, as in MNIST), labels int64 [n].

    scratch: float64 [blocks, SCRATCH]; one block is one unit of parallel work. points: float64 [p, 2], (x, y)
    in the unit box, y downwards; strokes: int64 [s, 2], each a range of points, at most MAX_POINTS long and
    at least 2; variants: int64 [v, 2], each a range of strokes; classes: int64 [c, 2], each a range of
    variants. seed, first: uint64; the images are numbers first, first + 1 ... of the seed's endless row.
    """
    blocks = scratch.shape[0]
    n = len(labels)
    if scratch.shape[1] < SCRATCH or blocks == 0:
        raise ValueError("digits: scratch must be (blocks, SCRATCH), with one block at least")
    for block in prange(blocks):
        ink = scratch[block, : SIZE * SIZE]
        grid = scratch[block, SIZE * SIZE : SIZE * SIZE + NODES]
        xy = scratch[block, SIZE * SIZE + NODES :]
        for i in range(block * n // blocks, (block + 1) * n // blocks):
            key = mix(mix(seed + GOLDEN) ^ (first + np.uint64(i)))
            labels[i] = draw(images[i], ink, grid, xy, points, strokes, variants, classes, key)
