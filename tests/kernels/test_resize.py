"""Zero padding and upsampling against the oracle: nothing is rounded but the sums of a block's gradients."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, assert_within, both, eps, normal, out

SHAPES = ((2, 5, 4, 3), (1, 1, 1, 1), (3, 2, 7, 16), (2, 3, 3, 21), (0, 3, 3, 4), (2, 3, 3, 0), (5, 28, 28, 6),
          (1, 40, 41, 30))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_pad2d(shape: Any, dtype: Any) -> None:
    """Borders and cuts on every side, down to images beside the input."""
    n, h, w, c = shape
    x = normal(np.random.default_rng(80), shape, dtype)
    for top, left, extra in itertools.product((0, 1, -1, 5, -h), (0, 2, -1, 60, -w - 3), ((0, 0), (1, 2), (-1, -1))):
        height, width = max(0, h + max(top, 0) + extra[0]), max(0, w + max(left, 0) + extra[1])
        [(got, want)] = both("pad2d", out((n, height, width, c), dtype), x, top, left)
        np.testing.assert_array_equal(got, want)


def test_pad2d_copies_nan() -> None:
    x = np.full((1, 2, 2, 3), np.nan, np.float32)
    [(got, want)] = both("pad2d", out((1, 4, 4, 3), np.float32), x, 1, 1)
    np.testing.assert_array_equal(got, want)
    assert np.isnan(got).sum() == 12


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("factor", [(1, 1), (2, 2), (3, 2), (1, 4), (5, 1)])
@pytest.mark.parametrize("shape", SHAPES)
def test_upsample2d(shape: Any, factor: Any, dtype: Any) -> None:
    rng, (n, h, w, c), (down, across) = np.random.default_rng(81), shape, factor
    x, dy = normal(rng, shape, dtype), normal(rng, (n, h * down, w * across, c), dtype)
    [(got, want)] = both("upsample2d_forward", out(dy.shape, dtype), x)
    np.testing.assert_array_equal(got, want)
    [(got, want)] = both("upsample2d_backward", out(shape, dtype), dy)
    size = np.empty(shape)
    reference.upsample2d_backward(size, np.abs(dy))
    assert_within(got, want, (down * across - 1) * eps(dtype) * size)


def test_the_oracle_by_its_definition() -> None:
    x, y, dx = np.arange(24.0).reshape(2, 2, 3, 2), np.empty((2, 4, 9, 2)), np.empty((2, 2, 3, 2))
    reference.upsample2d_forward(y, x)
    for n, i, j, c in np.ndindex(y.shape):
        assert y[n, i, j, c] == x[n, i // 2, j // 3, c]
    reference.upsample2d_backward(dx, y)
    np.testing.assert_array_equal(dx, 6 * x)


def test_shapes_must_agree() -> None:
    f = np.float32
    x = np.ones((2, 3, 4, 5), f)
    for shape in ((1, 3, 4, 5), (2, 3, 4, 4)):
        with pytest.raises(ValueError, match="the same n and c"):
            cpu.pad2d(np.ones(shape, f), x, 0, 0)
    for shape in ((1, 6, 8, 5), (2, 6, 8, 4), (2, 5, 8, 5), (2, 6, 7, 5), (2, 2, 4, 5), (2, 0, 8, 5)):
        with pytest.raises(ValueError, match="must be a multiple"):
            cpu.upsample2d_forward(np.ones(shape, f), x)
        with pytest.raises(ValueError, match="must be a multiple"):
            cpu.upsample2d_backward(x, np.ones(shape, f))
