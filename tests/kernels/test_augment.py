"""Augmentation: the oracle's images, what each distortion does, and what it must not depend on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference
from numbanet.kernels.distortion import REACH, Distortion

from .helpers import DTYPES, adversarial, assert_within, both, eps, out

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int]

NONE = Distortion(0, 0.0, 0.0, 0.0, 0.0, False, 0)
USUAL = Distortion(2, 10.0, 0.1, 8.0, 0.7, True, 5)
EXTREME = Distortion(9, 180.0, 0.9, 80.0, 20.0, True, 11)
ALONE = [
    NONE._replace(shift=3), NONE._replace(rotate=180.0), NONE._replace(scale=0.9), NONE._replace(shear=80.0),
    NONE._replace(elastic=3.0), NONE._replace(flip=True), NONE._replace(cutout=6),
]  # fmt: skip
# One pixel, one row, one column, a strip of 64 columns and a little more, several strips, many channels.
SHAPES: list[Shape] = [
    (28, 28, 1), (32, 32, 3), (1, 1, 1), (1, 9, 2), (9, 1, 1), (5, 64, 1), (6, 65, 2), (3, 150, 1), (4, 5, 17),
]  # fmt: skip
words = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, -1, 2**31, 2**32, 2**32 - 1]))


def images(shape: Shape, count: int = 20, source: Any = np.uint8) -> Array:
    """Noise: nothing is harder to sample."""
    return (np.random.default_rng(31).random((count, math.prod(shape))) * 255).astype(source)


def augmented(
    data: Array, shape: Shape, distortion: Distortion, rows: Any = None, seed: int = 1, step: int = 0, dtype: Any = None
) -> Array:
    """What the CPU makes of the images `rows` (all by default), [n, *shape], not scaled."""
    chosen = np.arange(len(data)) if rows is None else np.asarray(rows)
    batch = np.full((len(chosen), math.prod(shape)), np.nan, dtype or np.float32)
    cpu.augment(batch, data, chosen, shape, 1.0, distortion, seed, np.array([step]))
    return batch.reshape(-1, *shape)


def tolerance(distortion: Distortion, shape: Shape, dtype: Any) -> float:
    """Of a pixel, for images from 0 to 1: what rounding makes of a place, and a place of a mixture.

    A place is the sum of a few dozen products as large as the largest displacement of a node; where it is off by
    a part of a pixel, the mixture is off by twice that part of the largest difference between pixels.
    """
    turned = 2 * (1 + math.tan(math.radians(distortion.shear))) / (1 - distortion.scale)
    distance = max(shape) * (turned + 1) + distortion.shift + REACH * distortion.elastic
    return 20 * eps(dtype) * distance


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_against_the_oracle(shape: Shape, dtype: Any) -> None:
    for source in (np.uint8, np.float32, np.float64):
        data = images(shape, source=source)
        rows = np.random.default_rng(32).integers(0, len(data), 15)
        for distortion in (NONE, USUAL, EXTREME, *ALONE):
            arguments = (shape, 1 / 255, distortion, 5, np.array([3]))
            [(got, want)] = both("augment", out((15, data.shape[1]), dtype), data, rows, *arguments)
            assert_within(got, want, tolerance(distortion, shape, dtype), str(distortion))


@settings(adversarial)
@given(seed=words, step=words, distortion=st.sampled_from([USUAL, EXTREME, *ALONE]), dtype=st.sampled_from(DTYPES))
def test_any_key(seed: int, step: int, distortion: Distortion, dtype: Any) -> None:
    shape = (7, 6, 2)
    arguments = (images(shape), np.arange(4), shape, 1 / 255, distortion, seed, np.array([step]))
    [(got, want)] = both("augment", out((4, 84), dtype), *arguments)
    assert_within(got, want, tolerance(distortion, shape, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("source", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_distortion_is_gather_bit_for_bit(shape: Shape, source: Any, dtype: Any) -> None:
    data, rows = images(shape, source=source), np.random.default_rng(33).integers(0, 20, 50)
    got, want = (np.full((50, data.shape[1]), np.nan, dtype) for _ in range(2))
    cpu.augment(got, data, rows, shape, 1 / 255, NONE, 7, np.array([1]))
    cpu.gather(want, data, rows, 1 / 255)
    np.testing.assert_array_equal(got, want)


def test_shifts_are_whole_pixels_and_all_occur() -> None:
    shape = (9, 11, 2)
    data = images(shape, 400) | 1  # no zeros but those from outside
    got = augmented(data, shape, NONE._replace(shift=2))
    framed = np.pad(data.reshape(-1, *shape), ((0, 0), (2, 2), (2, 2), (0, 0)))
    seen = set()
    for image, frame in zip(got, framed, strict=True):
        fitting = [
            (y, x) for y in range(5) for x in range(5) if np.array_equal(image, frame[y : y + 9, x : x + 11])
        ]  # fmt: skip
        assert len(fitting) == 1
        seen.update(fitting)
    assert len(seen) == 25


def test_flips_are_exact_and_half_of_all() -> None:
    shape = (6, 7, 3)
    data = images(shape, 1000)
    got, want = augmented(data, shape, NONE._replace(flip=True)), data.reshape(-1, *shape)
    flipped = np.array([np.array_equal(g, w[:, ::-1]) for g, w in zip(got, want, strict=True)])
    same = np.array([np.array_equal(g, w) for g, w in zip(got, want, strict=True)])
    assert np.all(flipped ^ same)
    assert 420 < flipped.sum() < 580  # 5 standard deviations


@pytest.mark.parametrize("side", [1, 4, 5, 30])
def test_cutout_is_a_square_of_zeros(side: int) -> None:
    """Wherever its middle lies in the image, as much of it as is inside."""
    shape = (12, 10, 2)
    data = images(shape, 1500) | 1
    got, want = augmented(data, shape, NONE._replace(cutout=side)), data.reshape(-1, *shape)
    corners = set()
    for g, w in zip(got, want, strict=True):
        cut = np.any(g != w, axis=2)
        rows, columns = np.flatnonzero(cut.any(axis=1)), np.flatnonzero(cut.any(axis=0))
        top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        assert np.all(g[top:bottom, left:right] == 0)
        assert np.array_equal(cut.sum(), (bottom - top) * (right - left))
        assert bottom - top == side or top == 0 or bottom == 12
        assert right - left == side or left == 0 or right == 10
        assert max(bottom - top, right - left) <= side
        corners.add((top, left, bottom, right))
    if side < 10:
        assert len(corners) == 120  # each pixel was the middle once


SIZE = 41


def places(distortion: Distortion, count: int = 300) -> tuple[Array, Array, Array, Array]:
    """Where pixels come from, from the centre: (x, y of the pixels; x, y of their sources), NaN if from outside.

    A bilinear mixture of an image that says at each pixel which one it is tells the place in between.
    """
    y, x = np.mgrid[0:SIZE, 0:SIZE] - (SIZE - 1) / 2
    image = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(1, -1)
    shape = (SIZE, SIZE, 3)
    got = augmented(np.repeat(image, count, axis=0), shape, distortion, dtype=np.float64)
    inside = np.where(got[..., 2] > 1 - 1e-9, 1, np.nan)
    return x, y, got[..., 0] * inside, got[..., 1] * inside


def affine(distortion: Distortion) -> Array:
    """The matrices [n, 2, 2] that took (x, y) of the source to the result, found by least squares."""
    x, y, from_x, from_y = places(distortion)
    found = []
    for source_x, source_y in zip(from_x, from_y, strict=True):
        inside = np.isfinite(source_x)
        sources = np.stack([source_x[inside], source_y[inside]], axis=1)
        pixels = np.stack([x[inside], y[inside]], axis=1)
        solution, *_ = np.linalg.lstsq(sources, pixels, rcond=None)
        np.testing.assert_allclose(sources @ solution, pixels, atol=1e-7)  # an affine map, about the centre
        found.append(solution.T)
    return np.array(found)


def assert_even(values: Array, reach: float) -> None:
    """Drawn evenly from -reach to reach: the bounds, the mean and the spread, within 5 standard deviations."""
    assert np.all(np.abs(values) <= reach * (1 + 1e-6))
    assert abs(values.mean()) < 5 * reach / math.sqrt(3 * len(values))
    assert abs(values.std() - reach / math.sqrt(3)) < 5 * 0.26 * reach / math.sqrt(len(values))


def test_rotation() -> None:
    found = affine(NONE._replace(rotate=30.0))
    angles = np.degrees(np.arctan2(found[:, 1, 0], found[:, 0, 0]))
    assert_even(angles, 30.0)
    np.testing.assert_allclose(found[:, 0, 0] ** 2 + found[:, 1, 0] ** 2, 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(found), 1, atol=1e-6)


def test_scale_of_height_and_width() -> None:
    found = affine(NONE._replace(scale=0.3))
    np.testing.assert_allclose(found[:, [0, 1], [1, 0]], 0, atol=1e-7)
    wide, high = found[:, 0, 0] - 1, found[:, 1, 1] - 1
    assert_even(wide, 0.3)
    assert_even(high, 0.3)
    assert abs(np.corrcoef(wide, high)[0, 1]) < 5 / math.sqrt(len(wide))


def test_shear_leans_upright_lines() -> None:
    found = affine(NONE._replace(shear=20.0))
    np.testing.assert_allclose(found[:, [0, 1, 1], [0, 0, 1]], [[1, 0, 1]] * len(found), atol=1e-7)
    assert_even(np.degrees(np.arctan(found[:, 0, 1])), 20.0)


def test_elastic_displacements_are_smooth_and_of_the_size_asked_for() -> None:
    x, y, from_x, from_y = places(NONE._replace(elastic=1.5), 1000)
    for moved in (from_x - x, from_y - y):
        middle = moved[:, 8:-8, 8:-8]  # far from the edges nothing comes from outside
        assert abs(np.nanstd(middle) - 1.5) < 0.1
        assert abs(np.nanmean(middle)) < 0.1
        step = np.diff(middle, axis=2)
        assert np.nanmax(np.abs(step)) < 1.5  # a Gaussian of 6 pixels: neighbours move alike
        assert np.nanstd(step) < 1.5 / 4
    both_axes = np.corrcoef((from_x - x)[:, 20, 20], (from_y - y)[:, 20, 20])[0, 1]
    assert abs(both_axes) < 5 / math.sqrt(1000)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("distortion", [USUAL, EXTREME, NONE._replace(elastic=1e6), NONE._replace(shift=1000)])
def test_pixels_stay_between_zero_and_the_brightest(distortion: Distortion, dtype: Any) -> None:
    shape = (28, 28, 1)
    got = augmented(images(shape, 200), shape, distortion, dtype=dtype)
    assert got.min() >= 0
    assert got.max() <= 255 * (1 + 4 * eps(dtype))


def test_an_image_depends_on_seed_step_and_row_alone() -> None:
    """Not on its place in the batch, nor on the batch's size: on one thread or on several."""
    shape = (28, 28, 1)
    data = images(shape, 60)
    whole = augmented(data, shape, USUAL, seed=4, step=9)
    order = np.random.default_rng(34).permutation(60)
    np.testing.assert_array_equal(augmented(data, shape, USUAL, order, seed=4, step=9), whole[order])
    for row in (0, 17, 59):
        np.testing.assert_array_equal(augmented(data, shape, USUAL, [row], seed=4, step=9)[0], whole[row])
    np.testing.assert_array_equal(augmented(data, shape, USUAL, seed=4, step=9), whole)


def test_other_seeds_steps_and_rows_give_other_images() -> None:
    shape = (28, 28, 1)
    data = np.repeat(images(shape, 1), 100, axis=0)
    results = [augmented(data, shape, USUAL, seed=s, step=t) for s in (0, 1, -1, 2**32) for t in (0, 1, 2, 2**32)]
    every = np.concatenate(results).reshape(-1, 784)
    assert len(np.unique(every, axis=0)) == len(every)


def test_nothing_outside_the_data_is_read() -> None:
    """A row of NaN on either side of the image in use would be seen in the result."""
    shape = (6, 5, 2)
    data = images(shape, 3, np.float64)
    data[0] = data[2] = np.nan
    for distortion in (USUAL, EXTREME, *ALONE):
        for step in range(50):
            assert np.all(np.isfinite(augmented(data, shape, distortion, [1], step=step)))


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("row", [-1, 10, 2**62])
def test_rows_outside_the_data(kernels: Any, row: int) -> None:
    batch, data, rows = np.empty((3, 4), np.float32), np.ones((10, 4), np.uint8), np.array([3, row, 0])
    with pytest.raises(IndexError):
        kernels.augment(batch, data, rows, (2, 2, 1), 1.0, USUAL, 0, np.array([0]))


def test_shapes_must_agree() -> None:
    data, rows, step = np.ones((10, 4), np.uint8), np.arange(3), np.array([0])
    columns = np.ones((10, 8), np.uint8)[:, ::2]
    with pytest.raises(ValueError, match="contiguous"):
        cpu.augment(np.ones((3, 4), np.float32), columns, rows, (2, 2, 1), 1.0, USUAL, 0, step)
    for batch_shape, shape in (((3, 4), (2, 3, 1)), ((2, 4), (2, 2, 1)), ((3, 5), (2, 2, 1)), ((3, 6), (2, 3, 1))):
        with pytest.raises(ValueError):
            cpu.augment(np.ones(batch_shape, np.float32), data, rows, shape, 1.0, USUAL, 0, step)


@pytest.mark.parametrize("amount", [np.nan, np.inf, 1e300])
def test_absurd_numbers_do_no_harm(amount: float) -> None:
    """Nothing but pixels of this image, or zeros."""
    shape = (28, 28, 1)
    data = images(shape, 3, np.float64)
    data[0] = data[2] = np.nan
    for name in ("rotate", "scale", "shear", "elastic"):
        for dtype in DTYPES:
            distortion = NONE._replace(**{name: amount})
            assert np.all(np.isfinite(augmented(data, shape, distortion, [1], dtype=dtype)))


def test_an_empty_batch() -> None:
    shape = (28, 28, 1)
    assert augmented(images(shape), shape, USUAL, np.arange(0)).shape == (0, 28, 28, 1)
