"""Depthwise convolutions, which have kernels of their own, against the oracle: what those tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu
from numbanet.kernels.codes import LINEAR
from numbanet.kernels.geometry import Sides

from .helpers import DTYPES
from .test_conv import Problem, check, problem


def depthwise(
    n: int, size: tuple[int, int], channels: int, times: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1), padding: str | Sides = "same",
) -> Problem:  # fmt: skip
    """Each of the channels makes `times` filters."""
    return problem(n, size, channels, channels * times, kernel, stride, dilation, padding, channels)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64])
def test_registers_that_are_full_and_not(channels: int, dtype: Any) -> None:
    for times in (1, 2, 3, 8):  # the last one is not depthwise to narrow registers
        check(depthwise(2, (6, 7), channels, times, (3, 3)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", [(1, 1), (1, 2), (1, 5), (2, 2), (3, 3), (2, 5), (3, 4), (4, 4), (5, 5), (7, 7)])
def test_tiles_of_nine_three_and_one_tap(kernel: tuple[int, int], dtype: Any) -> None:
    check(depthwise(2, (9, 11), 5, 1, kernel), dtype)
    check(depthwise(2, (9, 11), 5, 2, kernel, (2, 1)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 2), (4, 5)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", ["valid", "same", (3, 0, 1, 4)])
def test_every_residue(
    stride: tuple[int, int], dilation: tuple[int, int], padding: str | Sides, dtype: Any
) -> None:  # strides larger than the window leave pixels of dx that no tap meets
    for kernel in ((3, 3), (2, 1)):
        check(depthwise(3, (13, 16), 18, 2, kernel, stride, dilation, padding), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "size", "channels"), [(1, (70, 61), 20), (2, (1, 900), 24), (40, (3, 3), 40), (33, (20, 20), 16)]
)
def test_strips_and_groups_of_images(n: int, size: tuple[int, int], channels: int, dtype: Any) -> None:
    check(depthwise(n, size, channels, 1, (1, 3) if size[0] == 1 else (3, 3)), dtype)
    check(depthwise(n, size, channels, 1, (1, 3) if size[0] == 1 else (3, 3), (1, 2)), dtype)


def test_infinity_stays_infinite_where_taps_do_not_fill_a_tile() -> None:
    """A tile with a tap too many, of weight 0, would make it NaN."""
    p = depthwise(1, (8, 8), 16, 1, (5, 5))
    x, w, y = np.full(p.x, np.inf, np.float32), np.ones(p.w, np.float32), np.empty(p.y, np.float32)
    scratch = p.scratch(np.float32).initial
    cpu.conv2d_forward(y, x, w, np.zeros(16, np.float32), p.window, p.groups, LINEAR, scratch)
    assert np.all(y == np.inf)
