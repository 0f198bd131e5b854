"""Layers that hold layers: `Residual`, `Parallel`, each other, and every layer inside them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.initializers import Normal
from numbanet.layers import (
    LAYERS,
    Activation,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Normalize,
    Parallel,
    Reshape,
    Residual,
)
from numbanet.layers.chain import walk
from numbanet.losses import MeanSquaredError
from numbanet.model import Sequential
from numbanet.summary import summary_rows, total
from numbanet.training.step import TrainStep

from .helpers import BACKENDS, blobs, make_inputs, small
from .nesting import nestings
from .test_gradients import CASES, Case, check_against_the_oracle, check_gradients


def _nested_cases() -> dict[str, Case]:
    """The first case of every layer, inside the layers that hold layers."""
    cases, seen = {}, set[type[Layer]]()
    for name, case in CASES.items():
        kinds = {type(layer) for layer in walk(case.layers())}
        if not kinds - seen:
            continue
        seen |= kinds
        for how, make in nestings(case.layers, case.input_shape).items():
            cases[f"{name}, {how}"] = Case(make, MeanSquaredError(), input_shape=case.input_shape)
    return cases


NESTED = _nested_cases()


def test_every_layer_is_tested_inside_others() -> None:
    inside = {
        type(layer)
        for case in NESTED.values()
        for outer in case.layers()
        for layer in walk([outer])
        if layer is not outer
    }
    assert inside == set(LAYERS.values())


@pytest.mark.parametrize("name", NESTED)
def test_gradients(name: str) -> None:
    check_gradients(NESTED[name])


@pytest.mark.parametrize("name", NESTED)
def test_against_the_oracle(name: str) -> None:
    check_against_the_oracle(NESTED[name])


@pytest.mark.parametrize("name", NESTED)
def test_partial_batches_and_a_saved_model_give_the_same(name: str, tmp_path: Path) -> None:
    case, rng = NESTED[name], np.random.default_rng(6)
    model = Sequential(*case.layers(), input_shape=case.input_shape, seed=2)
    x = make_inputs(model, rng, 10)
    TrainStep(model, "sgd", "mse")(x, rng.normal(size=(10, *model.output_shape)))
    whole = model.forward(x).copy()
    parts = [model.forward(x[:7]).copy(), model.forward(x[7:]).copy(), model.forward(x[:7]).copy()]
    np.testing.assert_allclose(np.concatenate(parts[:2]), whole, rtol=1e-5, atol=1e-6)
    assert np.array_equal(parts[0], parts[2])
    model.save(tmp_path / "model.safetensors")
    back = nn.load(tmp_path / "model.safetensors")
    assert repr(back) == repr(model)
    assert np.array_equal(back.forward(x), whole)


def test_residual_is_the_body_plus_the_shortcut() -> None:
    x, _ = blobs(7)
    model = small(
        Residual(Dense(8, "relu"), Dense(6), activation="relu"),
        Residual(Dense(5, "tanh"), Dense(4), shortcut="projection"),
        Residual(Dense(4), shortcut=[Activation("tanh"), Dense(4)], activation="gelu"),
    )
    p = {name: array.astype(np.float64) for name, array in model.parameters().items()}
    assert sorted(p) == sorted(
        ["0_residual.body.0_dense.weight", "0_residual.body.0_dense.bias", "0_residual.body.1_dense.weight",
         "0_residual.body.1_dense.bias", "1_residual.body.0_dense.weight", "1_residual.body.0_dense.bias",
         "1_residual.body.1_dense.weight", "1_residual.body.1_dense.bias", "1_residual.shortcut.0_dense.weight",
         "2_residual.body.0_dense.weight", "2_residual.body.0_dense.bias", "2_residual.shortcut.1_dense.weight",
         "2_residual.shortcut.1_dense.bias"]
    )  # fmt: skip

    def dense(x: Any, name: str) -> Any:
        return x @ p[f"{name}.weight"] + p.get(f"{name}.bias", 0)

    y = np.float64(x)
    y = np.maximum(dense(np.maximum(dense(y, "0_residual.body.0_dense"), 0), "0_residual.body.1_dense") + y, 0)
    body = dense(np.tanh(dense(y, "1_residual.body.0_dense")), "1_residual.body.1_dense")
    y = body + dense(y, "1_residual.shortcut.0_dense")
    y = dense(y, "2_residual.body.0_dense") + dense(np.tanh(y), "2_residual.shortcut.1_dense")
    y = y * (1 + np.vectorize(math.erf)(y / math.sqrt(2))) / 2
    np.testing.assert_allclose(model.forward(x), y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_parallel_joins_the_last_axis_or_adds(backend: str) -> None:
    x = np.random.default_rng(0).normal(size=(5, 2, 3, 4)).astype(np.float32)
    options: dict[str, Any] = {"input_shape": (2, 3, 4), "device": BACKENDS[backend]}
    model = small(Parallel(Activation("tanh"), [], [Reshape((2, 3, 2, 2)), Reshape((2, 3, 4))]), **options)
    assert model.output_shape == (2, 3, 12)
    np.testing.assert_allclose(model.forward(x), np.concatenate([np.tanh(x), x, x], axis=-1), rtol=1e-6)
    dy = np.random.default_rng(1).normal(size=(5, 2, 3, 12)).astype(np.float32)
    expected = dy[..., :4] * (1 - np.tanh(x) ** 2) + dy[..., 4:8] + dy[..., 8:]
    np.testing.assert_allclose(model.backward(dy, need_dx=True), expected, rtol=1e-4, atol=1e-6)
    added = small(Parallel(Activation("tanh"), [], Activation("relu"), merge="add"), **options)
    np.testing.assert_allclose(added.forward(x), np.tanh(x) + x + np.maximum(x, 0), rtol=1e-5, atol=1e-6)
    for merge in ("concat", "add"):
        alone = small(Parallel(Activation("tanh"), merge=merge), **options)
        np.testing.assert_allclose(alone.forward(x), np.tanh(x), rtol=1e-6)
        np.testing.assert_allclose(
            alone.backward(dy[..., :4], need_dx=True), dy[..., :4] * (1 - np.tanh(x) ** 2), rtol=1e-4, atol=1e-6
        )


def test_layers_that_hand_on_their_input_share_no_sum() -> None:
    """In evaluation Dropout gives x itself, and dy itself: nobody may write there."""
    x, dy = np.ones((2, 6), np.float32), np.full((2, 6), 3, np.float32)
    model = small(
        Residual(Dropout(0.5)), Parallel(Dropout(0.5), [], merge="add"), Residual(Dropout(0.5), shortcut=Dropout(0.5)),
        Parallel(Dropout(0.5), []), Flatten(),
    )  # fmt: skip
    assert np.array_equal(model.forward(x), np.full((2, 12), 8))
    assert np.array_equal(model.backward(np.concatenate([dy, dy], axis=1), need_dx=True), np.full((2, 6), 48))
    assert np.array_equal(x, np.ones((2, 6)))


def test_each_dropout_has_its_own_stream() -> None:
    def mask(*layers: Layer, **options: Any) -> Any:
        model = Sequential(*layers, input_shape=(500,), **options)
        return model.forward(np.ones((2, 500), np.float32), train=True).copy()

    def beside(*more: Layer, **options: Any) -> Any:
        return mask(
            Parallel([Dropout(0.5), *more], [Dropout(0.5)], [Residual(Dropout(0.5)), Activation("linear")]), **options
        )

    first = beside(seed=3)
    left, right, inner = first[:, :500], first[:, 500:1000], first[:, 1000:] - 1
    for one, other in ((left, right), (right, inner), (left, inner)):
        assert abs((one == other).mean() - 0.5) < 0.06
    assert np.array_equal(beside(seed=3), first)
    assert not np.array_equal(beside(seed=4), first)
    assert np.array_equal(beside(Activation("relu"), Activation("linear"), seed=3), first), "a layer more in one branch"


def test_first_weights_depend_on_the_seed_and_the_name() -> None:
    def weights(*body: Layer) -> dict[str, Any]:
        return small(Residual(*body, shortcut="projection"), Dense(3), seed=5).parameters()

    one, more = weights(Dense(4)), weights(Dense(4), Activation("relu"), Dense(4))
    assert set(one) < set(more)
    assert all(np.array_equal(more[name], array) for name, array in one.items())


def test_nothing_below_the_first_parameters_is_run_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = blobs(8)
    model = small(Residual(Dense(6, "relu"), Dense(6), activation="relu"), Parallel(Dense(3)), Dense(3))
    step = TrainStep(model, "sgd")
    step(x, y)
    first, second = model.layers[0].chains[0].layers

    def forbidden(*_: Any) -> None:
        raise AssertionError("the gradient of the model's inputs was computed")

    monkeypatch.setattr(first, "_backward_input", forbidden)
    step(x, y)
    with pytest.raises(AssertionError):
        model.backward(np.ones((8, 3)), need_dx=True)
    monkeypatch.setattr(second, "_backward_input", forbidden)
    with pytest.raises(AssertionError):
        step(x, y)

    model = small(Parallel([Activation("tanh"), Dense(3)], [Activation("relu"), Flatten()]))
    step = TrainStep(model, "sgd", "mse")
    for layer in (*model.layers[0].chains[0].layers[:1], *model.layers[0].chains[1].layers):
        monkeypatch.setattr(layer, "backward", forbidden)
    step(x, np.zeros((8, 9)))


def test_normalize_inside_learns_what_it_is_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(3, 2, size=(2000, 6)).astype(np.float32)
    model = small(
        Normalize(),
        Dense(4),
        Residual(Dense(4, "tanh"), Residual(Normalize(), Dense(4)), Normalize(), shortcut=[Dense(4), Normalize()]),
        Normalize(),
    )
    model.adapt(x)
    fed: dict[str, Any] = {}

    def record(layer: Layer) -> None:
        forward = layer.forward

        def recorded(x: Any, train: bool) -> Any:
            fed[layer.name] = x.copy()
            return forward(x, train)

        monkeypatch.setattr(layer, "forward", recorded)

    for layer in walk(model.layers):
        if isinstance(layer, Normalize):
            record(layer)
    y = model.forward(x)
    assert sorted(fed) == [
        "0_normalize", "2_residual.body.1_residual.body.0_normalize", "2_residual.body.2_normalize",
        "2_residual.shortcut.1_normalize", "3_normalize",
    ]  # fmt: skip
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-3)
    for name, inputs in fed.items():
        assert model.state()[f"{name}.examples"][0] == 2000
        np.testing.assert_allclose(model.state()[f"{name}.mean"], inputs.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(model.state()[f"{name}.inverse_std"], 1 / inputs.std(axis=0), rtol=1e-3)


def test_a_residual_network_learns_and_repeats_itself() -> None:
    def train() -> tuple[Sequential, Any]:
        x, y = blobs(600)
        block = [Residual(Dense(16, "relu"), Dropout(0.1), Dense(16), activation="relu") for _ in range(3)]
        model = small(Dense(16, "relu"), *block, Parallel(Dense(8, "relu"), []), Dense(3), seed=1)
        model.fit(x, y, epochs=5, batch_size=64)
        return model, model.evaluate(*blobs(200, seed=1))

    (model, result), (again, _) = train(), train()
    assert result["accuracy"] > 0.95
    assert np.array_equal(model.arena.values, again.arena.values)


def test_repr_config_and_round_trip(tmp_path: Path) -> None:
    residual = Residual(
        Dense(np.int64(4), "relu"),  # type: ignore[arg-type]
        Parallel([Dense(3), Activation("elu", 0.5)], Dense(1, weight_initializer=Normal(0.1))),
        shortcut=[Dense(4), Dropout(0.2)],
        activation="relu",
    )
    text = (
        "Residual(Dense(4, activation='relu'), Parallel([Dense(3), Activation('elu', alpha=0.5)], "
        "Dense(1, weight_initializer=Normal(std=0.1))), shortcut=[Dense(4), Dropout(0.2)], activation='relu')"
    )
    assert repr(residual) == text
    assert repr(Residual(Dense(3))) == "Residual(Dense(3))"
    assert repr(Parallel(Dense(3), [], merge="add")) == "Parallel(Dense(3), [], merge='add')"
    assert repr(Residual(Dense(3), shortcut=Dense(3), activation=None)) == "Residual(Dense(3), shortcut=Dense(3))"
    config = Residual(Dense(3), shortcut="projection").config()
    assert (config["shortcut"], config["activation"]) == ("projection", "linear")
    assert [layer["type"] for layer in config["layers"]] == ["Dense"]
    model = small(residual, Residual(Dense(2), shortcut="projection"))
    for seed in (0, 1):
        model.save(tmp_path / f"{seed}.safetensors")
        model = nn.load(tmp_path / f"{seed}.safetensors")
    assert repr(model.layers[0]) == text
    assert repr(model.layers[1]) == "Residual(Dense(2), shortcut='projection')"


@pytest.mark.parametrize("size", [(7, 6), (1, 1), (9, 28)])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_a_projection_has_the_stride_of_the_body(size: tuple[int, int], stride: int) -> None:
    image = small(Residual(Conv2D(5, 3, stride=stride, padding="same"), shortcut="projection"), input_shape=(*size, 2))
    assert image.output_shape == (-(-size[0] // stride), -(-size[1] // stride), 5)
    assert image.parameters()["0_residual.shortcut.0_conv2d.weight"].shape == (1, 1, 2, 5)
    sequence = small(
        Residual(Conv1D(5, 3, stride=stride, padding="same"), shortcut="projection"), input_shape=(size[0], 2)
    )
    assert sequence.output_shape == image.output_shape[::2]
    assert sequence.parameters()["0_residual.shortcut.0_conv1d.weight"].shape == (1, 2, 5)


def test_summary_has_a_row_for_each_layer_inside() -> None:
    model = small(
        Dense(8), Residual(Dense(5, "relu"), Dense(8), activation="relu"),
        Residual(Parallel(Dense(2), Dense(1)), shortcut="projection", activation="gelu"),
    )  # fmt: skip
    rows = summary_rows(model, 2)
    assert [(row.depth, row.short_name, row.layer) for row in rows] == [
        (0, "0_dense", "Dense(8)"),
        (0, "1_residual", "Residual(activation='relu')"),
        (1, "body.0_dense", "Dense(5, activation='relu')"),
        (1, "body.1_dense", "Dense(8)"),
        (0, "2_residual", "Residual(shortcut='projection', activation='gelu')"),
        (1, "body.0_parallel", "Parallel(merge='concat')"),
        (2, "branch0.0_dense", "Dense(2)"),
        (2, "branch1.0_dense", "Dense(1)"),
        (1, "shortcut.0_dense", "Dense(3, bias=False)"),
        (1, "after.0_activation", "Activation('gelu')"),
    ]
    assert rows[1].memory == 4 * 2 * (8 + 8)  # with the identity, dz lies where dx will
    assert rows[4].memory == 4 * 2 * (3 + 8)
    sums = total(rows)
    assert sums.parameters == model.arena.parameters
    assert sums.multiply_adds == model.multiply_adds == 6 * 8 + 8 * 5 + 5 * 8 + 8 * 3 + 8 * 3
    assert sums.output_shape == (3,)
    lines = model.summary().splitlines()
    assert any(line.startswith("    branch0.0_dense") for line in lines)
    assert any(line.startswith("  shortcut.0_dense") for line in lines)


def test_the_function_of_the_outputs() -> None:
    def function(*layers: Layer) -> str:
        return small(*layers).output_function

    assert function(Residual(Dense(6, "sigmoid"))) == "linear"
    assert function(Residual(Dense(6), activation="sigmoid"), Flatten()) == "sigmoid"
    assert function(Residual(Dense(6), activation="softmax")) == "softmax"
    assert function(Parallel(Dense(2, "sigmoid"), [Dense(3, "sigmoid"), Dropout(0.1)])) == "sigmoid"
    assert function(Parallel(Dense(2, "sigmoid"), Dense(3))) == "linear"
    assert function(Parallel(Activation("softmax"), Activation("softmax"))) == "linear"
    assert function(Parallel(Dense(2, "sigmoid"), Dense(2, "sigmoid"), merge="add")) == "linear"
    assert function(Dense(3, "sigmoid"), Parallel([], [])) == "linear"
