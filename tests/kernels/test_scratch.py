"""Kernels that are handed too little scratch say so, rather than write beyond it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu
from numbanet.kernels.codes import LINEAR
from numbanet.kernels.cpu.digits import SCRATCH, digits
from numbanet.kernels.geometry import conv2d_scratch

from .cases import Case, cases
from .helpers import Out
from .test_conv import problem
from .test_signatures import functions

ROOMS = ("scratch", "partials")  # what scratch is called


def _first_of_each() -> dict[str, Case]:
    """The first case of every kernel that takes scratch."""
    found: dict[str, Case] = {}
    for case in cases(np.float32):
        found.setdefault(case[0], case)
    return {name: case for name, case in found.items() if set(_parameters(name)) & set(ROOMS)}


def _parameters(name: str) -> list[str]:
    return list(inspect.signature(functions(cpu)[name]).parameters)


CASES = _first_of_each()


def test_kernels_with_scratch_are_known() -> None:
    """All of those in the table; `digits`, which is not one of all targets, is tested below."""
    assert {name for name in functions(cpu) if set(_parameters(name)) & set(ROOMS)} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_no_scratch(name: str) -> None:
    _, arguments = CASES[name]
    values = [a.initial.copy() if isinstance(a, Out) else a for a in arguments]
    at = next(i for i, parameter in enumerate(_parameters(name)) if parameter in ROOMS)
    values[at] = values[at][:0]
    with pytest.raises(ValueError, match=r"scratch|partials|shapes of its arrays"):
        getattr(cpu, name)(*values)


@pytest.mark.parametrize("groups", [1, 2, 16])
def test_convolutions_want_what_geometry_says(groups: int) -> None:
    p = problem(2, (9, 8), 16, 32, (3, 3), padding="same", groups=groups)
    x, w, y, b = (np.ones(shape, np.float32) for shape in (p.x, p.w, p.y, p.y[3:]))
    size = conv2d_scratch(p.window, p.x[1:], p.y[1:], groups)
    calls: dict[str, tuple[Any, ...]] = {
        "conv2d_forward": (y, x, w, b, p.window, groups, LINEAR),
        "conv2d_backward_input": (x, y, w, p.window, groups),
        "conv2d_backward_params": (w, b, x, y, p.window, groups),
    }
    for name, arguments in calls.items():
        getattr(cpu, name)(*arguments, np.empty(size, np.float32))
        with pytest.raises(ValueError, match="conv2d: scratch must have"):
            getattr(cpu, name)(*arguments, np.empty(size - 1, np.float32))


def test_digits() -> None:
    images, labels = np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64)
    pairs = np.zeros((1, 2), np.int64)
    for shape in ((1, SCRATCH - 1), (0, SCRATCH)):
        with pytest.raises(ValueError, match="digits: scratch"):
            digits(images, labels, np.empty(shape), np.zeros((2, 2)), pairs, pairs, pairs, np.uint64(0), np.uint64(0))
