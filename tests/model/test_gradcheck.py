"""The gradient check finds what is wrong, and nothing else; twins of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.backend import Array
from numbanet.errors import ModelError
from numbanet.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Normalize, Residual
from numbanet.training.gradcheck import gradcheck
from numbanet.twin import twin

from .helpers import blobs, flat, small


class Wrong(Dense):
    """A dense layer that forgets a factor in one of its gradients."""

    spoiled = "weight"

    def bind(self, kernels: Any, views: Any) -> None:
        super().bind(kernels, views)
        self._gradients = views.gradients

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        dx = super().backward(x, dy, need_dx)
        if self.spoiled == "dx" and dx is not None:
            dx *= 1.01
        elif self.spoiled in self._gradients:
            self._gradients[self.spoiled].reshape(-1)[3 % self._gradients[self.spoiled].size] *= 1.001
        return dx


def test_a_right_model_is_right() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 8, 8, 1)), np.array([0, 1, 2, 0])
    layers = [Conv2D(3, 3, activation="relu"), MaxPool2D(2), BatchNorm(), Residual(Conv2D(3, 3, padding="same")),
              Flatten(), Dropout(0.3), Dense(3)]  # fmt: skip
    model = small(*layers, input_shape=(8, 8, 1), dtype="float64")
    before, state, step = flat(model), np.array(model.state_arena.values), int(model.step[0])
    found = gradcheck(model, x, y, samples=30)
    assert [check.name for check in found] == ["input", *model.parameters()]
    assert all(check.good for check in found), found
    assert found[0].checked == 30 and found[-1].checked == 3 and found[-1].shape == (3,)
    assert np.array_equal(flat(model), before) and np.array_equal(model.state_arena.values, state)
    assert model.step[0] == step


@pytest.mark.parametrize(
    ("spoiled", "expected"), [("weight", ["0_wrong.weight"]), ("bias", ["0_wrong.bias"]), ("dx", ["input"])]
)
def test_what_is_wrong_is_named(spoiled: str, expected: list[str]) -> None:
    layer = Wrong(5, "tanh")
    layer.spoiled = spoiled
    x, y = blobs(4)
    found = gradcheck(small(layer, Dense(3), dtype="float64"), x, y, samples=100)
    assert [check.name for check in found if not check.good] == expected
    wrong = next(check for check in found if not check.good)
    assert wrong.error > 5e-4 and wrong.analytic != pytest.approx(wrong.numeric, rel=1e-5)


def test_kinks_are_no_mistakes() -> None:
    """Half of the inputs are within a finite difference of relu's kink."""
    x = np.full((2, 6), 3e-6)
    x[:, ::2] = -3e-6
    model = small(Dense(6, "relu", bias=False), Dense(3), dtype="float64")
    model.parameters()["0_dense.weight"][...] = np.eye(6)
    assert all(check.good for check in gradcheck(model, x, np.array([0, 1]), samples=100))


def test_what_is_refused() -> None:
    x, y = blobs(4)
    with pytest.raises(ModelError, match="gradcheck: expected a model in float64, got float32"):
        gradcheck(small(), x, y)
    with pytest.raises(ModelError, match="as many targets as examples, 4, got 3"):
        gradcheck(small(dtype="float64"), x, y[:3])


def test_a_twin_is_the_same_model() -> None:
    x, y = blobs(20)
    model = small(Normalize(), Dense(8, "relu"), BatchNorm(), Dense(3))
    model.fit(x, y, epochs=2, batch_size=8)
    model.meta["note"] = "mine"
    other, wide = twin(model), twin(model, dtype="float64")
    assert repr(other) == repr(model) and other.meta == model.meta and other.loss is model.loss
    assert np.array_equal(other.predict(x), model.predict(x))
    np.testing.assert_allclose(wide.predict(x), model.predict(x), rtol=1e-4, atol=1e-5)
    other.fit(x, y)
    assert not np.array_equal(flat(other), flat(model))
    longer = twin(model, Dense(2))
    assert longer.output_shape == (2,) and np.array_equal(
        longer.parameters()["1_dense.weight"], model.parameters()["1_dense.weight"]
    )
