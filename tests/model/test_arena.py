"""The arena's layout, and the initializers that fill it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numbanet import backend, initializers
from numbanet.arena import ALIGNMENT, Arena, ParameterSpec
from numbanet.errors import ModelError
from numbanet.initializers import INITIALIZERS, Normal, Orthogonal, Uniform, fans, generator
from numbanet.layers import Dense
from numbanet.model import Sequential
from numbanet.training.step import TrainStep

CPU = backend.get("cpu")
ONES = initializers.get("ones")


def test_layout() -> None:
    specs = [
        ParameterSpec("a.bias", (3,), ONES, decay=False),
        ParameterSpec("a.weight", (5, 7), ONES),
        ParameterSpec("b.weight", (16,), ONES),
    ]
    arena = Arena(specs, CPU, "float32", 0)
    assert {name: slot.offset for name, slot in arena.slots.items()} == {"a.weight": 0, "b.weight": 48, "a.bias": 64}
    assert arena.decay_end == 64
    assert arena.values.size == arena.gradients.size == 80
    assert arena.parameters == 54 == arena.values.sum()  # the padding is zero
    assert arena.values.ctypes.data % 64 == 0
    for name, view in arena.views.items():
        assert view.base is not None and view.flags.c_contiguous and view.flags.writeable
        view[...] = 7
        slot = arena.slots[name]
        assert (arena.values[slot.offset : slot.offset + slot.size] == 7).all()
    arena.gradient_views["b.weight"][0] = 5
    assert arena.gradients[48] == 5


def test_nothing_in_it() -> None:
    arena = Arena([], CPU, "float32", 0)
    assert arena.values.size == arena.parameters == arena.decay_end == 0


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adam", "adamw"])
def test_the_padding_stays_zero(optimizer: str) -> None:
    model = Sequential(Dense(7, "tanh"), Dense(3), input_shape=(5,))
    step, rng = TrainStep(model, optimizer), np.random.default_rng(0)
    for _ in range(20):
        step(rng.normal(size=(4, 5)), rng.integers(0, 3, 4))
    used = np.zeros(model.arena.values.size, bool)
    for slot in model.arena.slots.values():
        assert slot.offset % ALIGNMENT == 0
        used[slot.offset : slot.offset + slot.size] = True
    assert not used.all()
    assert (model.arena.values[~used] == 0).all()
    assert (model.arena.gradients[~used] == 0).all()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer(name: str) -> None:
    initializer = initializers.get(name)
    shape = (3, 4, 30, 20)
    values = initializer(generator(1, "x"), shape)
    assert values.shape == shape and values.dtype == np.float64
    assert np.array_equal(values, initializer(generator(1, "x"), shape))
    random = name not in ("zeros", "ones")
    assert np.array_equal(values, initializer(generator(2, "x"), shape)) != random
    assert np.array_equal(values, initializer(generator(1, "y"), shape)) != random
    fan_in, fan_out = fans(shape)
    assert (fan_in, fan_out) == (360, 240)
    variances = {"he": 2 / fan_in, "lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "normal": 0.05**2}
    variance = variances.get(name.split("_")[0])
    if variance is not None:
        assert values.var() == pytest.approx(variance, rel=0.1)
        assert abs(values.mean()) < 0.05 * math.sqrt(variance) + 1e-3
    if name.endswith("uniform") and variance is not None:
        assert np.abs(values).max() <= math.sqrt(3 * variance)
    assert repr(initializers.get({"type": type(initializer).__name__, **initializer.config()})) == repr(initializer)


@pytest.mark.parametrize("shape", [(20, 5), (5, 20), (6, 6), (1, 1), (3, 2, 4), (9,)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = Orthogonal(gain=2)(generator(0, "w"), shape).reshape(-1, shape[-1]) / 2
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_bad_initializers() -> None:
    with pytest.raises(ModelError, match="Did you mean 'he_normal'"):
        initializers.get("he_nromal")
    with pytest.raises(ModelError, match="Normal: std: expected a number from 0 on, found -1"):
        Normal(-1)
    with pytest.raises(ModelError, match="found nan"):
        Uniform(float("nan"))
    with pytest.raises(ModelError, match="expected a name or an object"):
        initializers.get(3)  # type: ignore[arg-type]
