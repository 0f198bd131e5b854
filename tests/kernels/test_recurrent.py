"""The recurrent kernels against the oracle, which goes step by step; the oracle's gradients against its slopes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu
from numbanet.kernels.codes import RELU, SIGMOID, TANH

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps
from .sequences import CELLS, Call, Problem, options

# (n, steps, features, units): the workloads' shapes and smaller batches; primes; ones; more than a tile and a task.
SHAPES = (
    (128, 3, 28, 128), (96, 2, 28, 128), (1, 3, 28, 128), (13, 5, 7, 33), (1, 1, 1, 1), (2, 9, 1, 31), (5, 1, 3, 16),
    (67, 2, 70, 65), (4, 3, 5, 96),
)  # fmt: skip


def check(call: Call) -> None:
    """Every output but the scratch, within some hundred roundings of the largest number in it."""
    name, arguments = call
    pairs = both(name, *arguments)
    scratches = 2 if name.endswith("_backward") else 0 if name.endswith("_peephole") else 1
    for number, (got, want) in enumerate(pairs[: len(pairs) - scratches]):
        bound = 300 * eps(got.dtype) * max(1.0, float(np.max(np.abs(want), initial=0)))
        assert_within(got, want, bound, f"{name}, output {number}")


def check_all(problem: Problem) -> None:
    for call in (problem.forward(), problem.forward(places=False), *problem.backward()):
        check(call)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_shapes(cell: str, shape: tuple[int, int, int, int], dtype: Any) -> None:
    for option in ({}, options(cell)[-1]):
        check_all(Problem(cell, *shape, dtype, **option))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [19, 3, 1])
@pytest.mark.parametrize("cell", CELLS)
def test_options(cell: str, n: int, dtype: Any) -> None:
    for option in options(cell):
        check_all(Problem(cell, n, 6, 9, 20, dtype, **option))


@settings(adversarial)
@given(cell=st.sampled_from(CELLS), n=st.integers(0, 40), steps=st.integers(1, 6), features=st.integers(1, 40),
       units=st.integers(1, 40), dtype=st.sampled_from(DTYPES), flags=st.integers(0, 127), seed=st.integers(0, 2**32))  # fmt: skip
def test_any_shape(cell: str, n: int, steps: int, features: int, units: int, dtype: Any, flags: int, seed: int) -> None:
    names = ("every", "initial", "masked", "dropped", "reverse", "peepholes", "after")
    option = {name: bool(flags >> bit & 1) for bit, name in enumerate(names)}
    check_all(
        Problem(cell, n, steps, features, units, dtype, **option, seed=seed, activation=RELU if flags & 1 else TANH)
    )


@pytest.mark.parametrize("cell", CELLS)
def test_no_gradient_of_the_input(cell: str) -> None:
    """A dx of size 0 is not wanted, and changes nothing else."""
    problem = Problem(cell, 21, 4, 5, 18, np.float64)
    (walk, *_), (other, *_) = problem.backward(), problem.backward(need_dx=False)
    for (got, _), (same, _) in zip(both(*flatten(walk))[1:-1], both(*flatten(other))[1:-1], strict=True):
        np.testing.assert_array_equal(got, same)


def flatten(call: Call) -> tuple[Any, ...]:
    return call[0], *call[1]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("n", [1, 40])
def test_masked_steps_do_not_matter(cell: str, n: int) -> None:
    """The state passes them by, whatever stands there, and nothing comes back to them."""
    problem = Problem(cell, n, 8, 5, 12, np.float64, masked=True, initial=True)
    x, mask = problem.arrays["x"], problem.arrays["mask"]
    [(y, _), *_] = both(*flatten(problem.forward()))
    problem.arrays["x"] = np.where(mask[:, :, None] != 0, x, 1e6)
    [(again, _), *_] = both(*flatten(problem.forward()))
    np.testing.assert_array_equal(y, again)
    before = np.concatenate([problem.arrays["h0"][:, None], y[:, :-1]], axis=1)
    np.testing.assert_array_equal(y[mask == 0], before[mask == 0])
    [(dx, _), *_] = both(*flatten(problem.backward()[0]))
    assert (dx[mask == 0] == 0).all() and (dx[mask != 0] != 0).any()


@pytest.mark.parametrize("cell", CELLS)
def test_reverse_is_the_walk_along_the_reversed_sequence(cell: str) -> None:
    for every in (True, False):
        problem = Problem(cell, 17, 6, 4, 10, np.float64, every=every, masked=True, reverse=True)
        [(y, _), *_] = both(*flatten(problem.forward()))
        turned = replace(problem, reverse=False, arrays={})
        turned.arrays |= {
            **problem.arrays,
            "x": problem.arrays["x"][:, ::-1].copy(),
            "mask": problem.arrays["mask"][:, ::-1].copy(),
        }
        [(other, _), *_] = both(*flatten(turned.forward()))
        np.testing.assert_array_equal(y, other[:, ::-1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("cell", CELLS)
def test_nan_stays_in_its_row(cell: str, n: int, dtype: Any) -> None:
    problem = Problem(cell, n, 5, 6, 40, dtype)
    problem.arrays["x"][0, 2, 3] = np.nan
    name, arguments = problem.forward()
    values = [v.initial.copy() if isinstance(v, Out) else v for v in arguments]
    getattr(cpu, name)(*values)
    assert np.isfinite(values[0][0, :2]).all() and np.isnan(values[0][0, 2:]).all() and np.isfinite(values[0][1:]).all()


@pytest.mark.parametrize("option", ["plain", "all", "other"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_slopes(cell: str, option: str) -> None:
    """Through 20 steps, in float64: every gradient that the kernels give, by central differences of their forward pass."""
    chosen = {"plain": {}, "all": options(cell)[-1], "other": options(cell)[-2]}[option]
    problem = Problem(cell, 6, 20, 2, 3, np.float64, **chosen)
    a = problem.arrays

    def loss() -> float:
        name, arguments = problem.forward(places=False)
        values = [v.initial.copy() if isinstance(v, Out) else v for v in arguments]
        getattr(cpu, name)(*values)
        return float(np.sum(values[0] * a["dy"]))

    gradients: dict[str, Any] = {}
    for name, arguments in problem.backward():
        values = [v.initial.copy() if isinstance(v, Out) else v for v in arguments]
        getattr(cpu, name)(*values)
        named = {
            f"{cell}_backward": ("x", None, "h0", "c0"), "recurrent_backward_params": ("w", "u", "b"),
            "gru_backward_params": ("w", "u", "b", "rb"), "lstm_backward_peephole": ("peephole",),
        }[name]  # fmt: skip
        gradients |= {key: v for key, v, given in zip(named, values, arguments, strict=False) if isinstance(given, Out)}
    for key in ("x", "w", "u", "b", "h0", *(["c0", "peephole"] if cell == "lstm" else ["rb"] if cell == "gru" else [])):
        array = a[key]
        if array.size == 0:
            continue
        slopes = np.empty_like(array)
        for at in np.ndindex(array.shape):
            before = array[at]
            array[at] = before + 1e-6
            above = loss()
            array[at] = before - 1e-6
            slopes[at] = (above - loss()) / 2e-6
            array[at] = before
        np.testing.assert_allclose(gradients[key], slopes, rtol=1e-6, atol=2e-7, err_msg=key)


@pytest.mark.parametrize("cell", CELLS)
def test_a_thousand_steps(cell: str) -> None:
    problem = Problem(cell, 9, 1000, 3, 24, np.float32)
    problem.arrays["u"] *= np.float32(0.5)
    walk, *sums = problem.backward()
    for name, arguments in (problem.forward(), walk, *sums):
        values = [v.initial.copy() if isinstance(v, Out) else v for v in arguments]
        getattr(cpu, name)(*values)
        for value, given_ in list(zip(values, arguments, strict=True))[:4]:
            assert not isinstance(given_, Out) or np.isfinite(value).all(), name


@pytest.mark.parametrize("cell", CELLS)
def test_shapes_must_agree(cell: str) -> None:
    """Every argument in turn with one row too few, or one column."""
    problem = Problem(cell, 6, 3, 4, 5, np.float64, masked=True, initial=True, dropped=True, peepholes=True)
    for name, arguments in (problem.forward(), *problem.backward()):
        scratch = not name.endswith("peephole")
        values = [v.initial.copy() if isinstance(v, Out) else v for v in arguments]
        for at, value in enumerate(values[:-1] if scratch else values):
            # Forward, places for fewer steps will do.
            free = name.endswith("_forward") and isinstance(arguments[at], Out) and at > 0
            for axis in range(1 if free else 0, getattr(value, "ndim", 0)):
                short = np.ascontiguousarray(value.take(range(value.shape[axis] - 1), axis))
                with pytest.raises(ValueError):
                    getattr(cpu, name)(*values[:at], short, *values[at + 1 :])
        if scratch:
            with pytest.raises(ValueError):
                getattr(cpu, name)(*values[:-1], values[-1][:40])


def test_other_activations_are_none() -> None:
    problem = Problem("rnn", 6, 3, 4, 5, activation=SIGMOID)
    with pytest.raises(ValueError, match="TANH or RELU"):
        cpu.rnn_forward(*(a.initial if isinstance(a, Out) else a for a in problem.forward()[1]))
    problem.activation = TANH
    [(_, arguments), *_] = problem.backward()
    values = [a.initial if isinstance(a, Out) else SIGMOID if type(a) is int else a for a in arguments]
    with pytest.raises(ValueError, match="TANH or RELU"):
        cpu.rnn_backward(*values)
