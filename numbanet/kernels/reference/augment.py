"""Augmentation as one would write it on paper, with the kernels' random numbers. Output overwritten (`=`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.kernels.distortion import (
    CELLS,
    CUT_X,
    CUT_Y,
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
    Distortion,
)
from numbanet.kernels.reference.arrays import Array, quiet, wide
from numbanet.kernels.reference.dropout import WORD, mix, stream_keys

GOLDEN = 0x9E3779B9


class Random:
    """The random numbers of one image, or of a pair."""

    def __init__(self, seed: int, step: int, row: int, stream: int = STREAM) -> None:
        multiplier, offset = stream_keys(seed, step, stream)
        self.key = mix((np.uint64(row & WORD) * multiplier + offset) & np.uint64(WORD))

    def bits(self, counter: Any) -> NDArray[np.uint64]:
        """32 random bits for each counter."""
        steps = np.asarray(counter, np.uint64) * np.uint64(GOLDEN)
        return mix((self.key + steps) & np.uint64(WORD))

    def whole(self, counter: int, count: int) -> int:
        """0 .. count - 1."""
        return int(self.bits(counter)) * count >> 32

    def either_way(self, counter: Any, reach: float) -> Any:
        """Between -reach and reach."""
        return self.bits(counter).astype(np.uint32).view(np.int32) * 2.0**-31 * reach


@quiet
def augment(
    batch: Array,
    data: Array,
    rows: Array,
    shape: tuple[int, int, int],
    scale: float,
    distortion: Distortion,
    seed: int,
    step: Array,
) -> None:
    """batch = data[rows] * scale, distorted at random: each image as (seed, step[0], its row) decide.

    batch (n, height * width * channels) of float; data (N, the same) of uint8 or float; rows int64 (n,);
    shape (height, width, channels); step int64[1].
    """
    if np.any((rows < 0) | (rows >= len(data))):
        raise IndexError("augment: a row number lies outside the data")
    for i, row in enumerate(rows):
        image = wide(data[row]).reshape(shape) * scale
        batch[i] = _distorted(image, distortion, Random(int(seed), int(step[0]), int(row))).reshape(-1)


def _distorted(image: NDArray[np.float64], distortion: Distortion, random: Random) -> NDArray[np.float64]:
    """Stretched, leant and turned about the centre, bent, flipped, shifted and cut."""
    height, width, _ = image.shape
    most = distortion.shift
    shift = np.array([random.whole(SHIFT_X, 2 * most + 1) - most, random.whole(SHIFT_Y, 2 * most + 1) - most])
    back = np.linalg.inv(_affine(distortion, random))
    middle = np.array([width - 1, height - 1]) / 2
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)  # [height, width, (x, y)]
    places = (pixels - shift - middle) @ back.T + middle + _elastic(height, width, distortion.elastic, random)
    if distortion.flip and random.either_way(FLIP, 1) < 0:
        places[..., 0] = width - 1 - places[..., 0]
    result = _bilinear(image, places[..., 0], places[..., 1])
    side = distortion.cutout
    top, left = random.whole(CUT_Y, height) - side // 2, random.whole(CUT_X, width) - side // 2
    result[max(top, 0) : top + side, max(left, 0) : left + side] = 0
    return result


def _affine(distortion: Distortion, random: Random) -> NDArray[np.float64]:
    """The matrix that takes (x, y) of the image, from its centre, to where it goes; y points down."""
    turn = np.radians(random.either_way(TURN, distortion.rotate))
    lean = np.radians(random.either_way(LEAN, distortion.shear))
    stretch = np.diag([1 + random.either_way(WIDTH, distortion.scale), 1 + random.either_way(HEIGHT, distortion.scale)])
    shear = np.array([[1, np.tan(lean)], [0, 1]])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(rotation @ shear @ stretch)


def _elastic(height: int, width: int, deviation: float, random: Random) -> NDArray[np.float64]:
    """Displacements [height, width, (x, y)]: noise at the nodes of a grid, smoothed by cubic B-splines."""
    counters = NODE + np.arange(2 * NODES * NODES).reshape(NODES, 2, NODES)
    noise = random.either_way(counters, REACH * deviation)  # [row, axis, column]
    smooth = np.einsum("im,mak,jk->ija", _bells(height), noise, _bells(width))
    return np.asarray(smooth)


def _bells(size: int) -> NDArray[np.float64]:
    """[size, NODES]: the weight of each node for each pixel along an axis; each row adds up to 1."""
    cells = (np.arange(size)[:, None] + 0.5) * CELLS / size
    distance = np.abs(cells - (np.arange(NODES) - 1))
    return np.asarray(
        np.where(
            distance < 1,
            2 / 3 - distance**2 + distance**3 / 2,
            np.where(distance < 2, (2 - distance) ** 3 / 6, 0),
        )
    )


def _bilinear(image: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image at places between its pixels; it is surrounded by zeros."""
    height, width, _ = image.shape
    framed = np.pad(image, ((1, 2), (1, 2), (0, 0)))
    x, y = np.clip(x, -1, width), np.clip(y, -1, height)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = framed[top + 1, left + 1] * (1 - across) + framed[top + 1, left + 2] * across
    lower = framed[top + 2, left + 1] * (1 - across) + framed[top + 2, left + 2] * across
    return np.asarray(upper * (1 - down) + lower * down)
