"""The built-in data set: 28x28 handwritten-looking digits, drawn on the spot, the same on every machine."""

from __future__ import annotations

import functools
import hashlib
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.data.dataset import Dataset, Images, Labels
from numbanet.data.datasets import DIGIT_NAMES, DIGITS
from numbanet.data.glyphs import GLYPHS
from numbanet.errors import DataError

TRAIN, TEST = 10_000, 2_000
FIRST_TEST = 1 << 40  # where test images start in a seed's endless row: no training set reaches them
BLOCKS = 64  # units of parallel work; their number does not change the images
CHECKED = 256  # images of seed 0 whose checksum is pinned
CHECKSUM = "af18a736040dfe540776998bbe9c3f7da09ee72e7010a86b94964b7e7e8ad6b3"


def generate(seed: int = 0, train: int = TRAIN, test: int = TEST) -> Dataset:
    """Draw a training and a test set; more images of a seed begin with the same ones.

    Returns a `Dataset` with x uint8 [n, 28, 28, 1] and y int64 [n], classes "0" to "9". Raises `DataError`
    for a negative number of images or a seed that is not in 0 .. 2**64 - 1.
    """
    return Dataset(DIGITS, draw(train, seed), draw(test, seed, FIRST_TEST), DIGIT_NAMES)


def draw(count: int, seed: int = 0, first: int = 0) -> tuple[Images, Labels]:
    """Images `first`, `first` + 1 ... of a seed: uint8 [count, 28, 28, 1]; and labels, int64 [count]."""
    if not 0 <= seed < 1 << 64:
        raise DataError(f"seed: expected a whole number from 0 to 2**64 - 1, found {seed}.")
    if count < 0 or first < 0:
        raise DataError(f"digits: expected no negative numbers, found count {count} and first {first}.")
    kernels: Any = import_module("numbanet.kernels.cpu.digits")  # late: it imports Numba

    images = np.empty((count, kernels.SIZE, kernels.SIZE), np.uint8)
    labels = np.empty(count, np.int64)
    scratch = np.empty((BLOCKS, kernels.SCRATCH))
    kernels.digits(images, labels, scratch, *_tables(), np.uint64(seed), np.uint64(first))
    return images[..., np.newaxis], labels


def is_exact() -> bool:
    """Whether this machine draws the same bits as every other: compares the first images with a checksum."""
    images, labels = draw(CHECKED)
    return checksum(images, labels) == CHECKSUM


def checksum(images: Images, labels: Labels) -> str:
    """SHA-256 over images and labels, whatever the machine's byte order."""
    return hashlib.sha256(images.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()


@functools.cache
def _tables() -> tuple[NDArray[Any], ...]:
    """The glyphs as the kernel wants them: points, and ranges of points, of strokes and of glyphs."""
    strokes = [stroke for glyphs in GLYPHS for glyph in glyphs for stroke in glyph]
    points = np.array([point for stroke in strokes for point in stroke], dtype=np.float64)
    return (
        points,
        _ranges([len(stroke) for stroke in strokes]),
        _ranges([len(glyph) for glyphs in GLYPHS for glyph in glyphs]),
        _ranges([len(glyphs) for glyphs in GLYPHS]),
    )


def _ranges(counts: list[int]) -> NDArray[np.int64]:
    """[3, 2] -> [[0, 3], [3, 5]]."""
    ends = np.cumsum(counts)
    return np.stack([ends - counts, ends], axis=1).astype(np.int64)
