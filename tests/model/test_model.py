"""Building a model, running it forward and backward, and what it says of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.errors import DeviceError, ModelError
from numbanet.layers import Activation, Dense, Dropout, Flatten, Normalize, Parallel, Reshape, Residual
from numbanet.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from numbanet.model import BINDINGS, Sequential
from numbanet.summary import bytes_in_words, summary_rows, total
from numbanet.training.step import TrainStep

from .helpers import BACKENDS, blobs, image_model, small


def test_the_model_of_the_readme() -> None:
    model = Sequential(Dense(128, activation="relu"), Dropout(0.2), Dense(10), input_shape=(28, 28, 1), seed=0)
    assert list(model.parameters()) == ["0_dense.weight", "2_dense.weight", "0_dense.bias", "2_dense.bias"]
    assert model.parameters()["0_dense.weight"].shape == (784, 128)
    assert model.output_shape == (10,)
    assert model.multiply_adds == 784 * 128 + 1280
    assert repr(model) == (
        "Sequential(\n    Dense(128, activation='relu'),\n    Dropout(0.2),\n    Dense(10),\n"
        "    input_shape=(28, 28, 1), seed=0, device='cpu', dtype='float32',\n)"
    )


def test_the_same_seed_gives_the_same_weights_in_both_types() -> None:
    one, same, other = image_model(seed=4), image_model(seed=4), image_model(seed=5)
    double = image_model(seed=4, dtype="float64")
    assert np.array_equal(one.arena.values, same.arena.values)
    assert not np.array_equal(one.arena.values, other.arena.values)
    assert np.array_equal(one.arena.values, double.arena.values.astype(np.float32))


def test_forward_is_what_the_layers_say() -> None:
    model, (x, _) = small(), blobs(7)
    p = model.parameters()
    hidden = np.maximum(x @ p["0_dense.weight"] + p["0_dense.bias"], 0)
    expected = hidden @ p["1_dense.weight"] + p["1_dense.bias"]
    np.testing.assert_allclose(model.forward(x), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.predict(x, batch_size=3), expected, rtol=1e-5, atol=1e-5)


def test_bytes_are_read_as_0_to_1() -> None:
    model = image_model()
    x = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)
    floats = (x / 255).astype(np.float32)
    np.testing.assert_allclose(model.forward(x).copy(), model.forward(floats), rtol=1e-5, atol=1e-5)


def test_activations_are_copies_of_each_layers_output() -> None:
    model, (x, _) = small(Dense(9, "relu"), Dropout(0.5), Activation("tanh"), Dense(3)), blobs(7)
    found = model.activations(x)
    assert list(found) == ["0_dense", "1_dropout", "2_activation", "3_dense"]
    assert found["0_dense"].min() == 0
    assert np.array_equal(found["1_dropout"], found["0_dense"])  # nothing is dropped after training
    np.testing.assert_allclose(found["2_activation"], np.tanh(found["0_dense"]), rtol=1e-5, atol=1e-6)
    before = {name: values.copy() for name, values in found.items()}
    assert np.array_equal(found["3_dense"], model.forward(x))
    model.forward(-x)
    assert all(np.array_equal(values, before[name]) for name, values in found.items())


def test_activations_of_layers_inside_layers() -> None:
    model, (x, _) = small(Residual(Dense(6, "tanh"), Dense(6)), Parallel([], [Dense(2)]), Dense(3)), blobs(5)
    found = model.activations(x)
    assert list(found) == [
        "0_residual.body.0_dense",
        "0_residual.body.1_dense",
        "0_residual",
        "1_parallel.branch1.0_dense",
        "1_parallel",
        "2_dense",
    ]
    np.testing.assert_allclose(found["0_residual"], x + found["0_residual.body.1_dense"], rtol=1e-5, atol=1e-6)
    beside = [found["0_residual"], found["1_parallel.branch1.0_dense"]]
    assert np.array_equal(found["1_parallel"], np.concatenate(beside, axis=1))
    assert np.array_equal(found["2_dense"], model.predict(x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_any_array_is_converted_once_and_never_written(backend: str) -> None:
    model, (x, _) = small(device=BACKENDS[backend]), blobs(6)
    expected = model.predict(x)
    read_only = x.copy()
    read_only.flags.writeable = False
    wide = np.zeros((6, 12), np.float32)
    wide[:, ::2] = x
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    for variant in (read_only, np.asfortranarray(x), wide[:, ::2], unaligned, x.astype(np.float64), x.tolist()):
        np.testing.assert_allclose(model.predict(variant), expected, rtol=1e-6, atol=1e-6)


def test_a_partial_batch_gives_what_the_whole_gives() -> None:
    model, (x, y) = small(Dense(9, "gelu"), Normalize(), Dense(3)), blobs(10)
    whole = model.forward(x).copy()
    parts = [model.forward(x[:7]).copy(), model.forward(x[7:]).copy(), model.forward(x[:7]).copy()]
    np.testing.assert_allclose(np.concatenate(parts[:2]), whole, rtol=1e-5, atol=1e-6)
    assert np.array_equal(parts[0], parts[2])
    gradients = []
    for batch in ((x, y), (x[:7], y[:7]), (x[7:], y[7:])):
        step = TrainStep(model, "sgd")
        step.updater = lambda: None  # type: ignore[assignment]
        step(*batch)
        gradients.append(model.arena.gradients.copy())
    np.testing.assert_allclose(gradients[0], 0.7 * gradients[1] + 0.3 * gradients[2], rtol=1e-4, atol=1e-6)


def test_buffers_are_kept_for_a_few_batch_sizes() -> None:
    model = small()
    for n in range(1, 12):
        model.forward(np.ones((n, 6), np.float32))
    assert len(model._bindings) == BINDINGS
    assert model.forward(np.ones((2, 6), np.float32)).shape == (2, 3)


def test_dropout_drops_in_training_only_and_by_step() -> None:
    model, x = small(Dropout(0.5), input_shape=(1000,)), np.ones((2, 1000), np.float32)
    assert np.array_equal(model.forward(x), x)
    first = model.forward(x, train=True).copy()
    assert set(np.unique(first)) == {0.0, 2.0}
    assert abs((first == 0).mean() - 0.5) < 0.05
    assert np.array_equal(first, model.forward(x, train=True))
    assert np.array_equal(model.backward(x, need_dx=True), first)
    model.step[0] += 1
    assert not np.array_equal(first, model.forward(x, train=True))
    two = small(Dropout(0.5), Dropout(0.5), input_shape=(1000,))
    twice = two.forward(x, train=True)
    assert abs((twice == 0).mean() - 0.75) < 0.05  # the two layers' masks are independent


def test_normalize_learns_each_channel() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(3000, 4, 3)) * [1, 20, 0] + [5, -3, 7]).astype(np.float32)
    model = small(Reshape((2, 2, 3)), Normalize(), Flatten(), Dense(2), input_shape=(4, 3))
    layer = model.layers[1]
    assert np.array_equal(model.state()["1_normalize.mean"], np.zeros((2, 2, 3)))
    model.adapt(x)
    model.forward(x)
    y = layer.forward(np.ascontiguousarray(x.reshape(-1, 2, 2, 3)), False)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), [1, 1, 0], atol=1e-4)
    assert model.state()["1_normalize.examples"][0] == 3000
    state = {name: array.copy() for name, array in model.state().items()}
    model.adapt(x + 1, always=False)
    assert all(np.array_equal(array, state[name]) for name, array in model.state().items())


def test_predict_proba() -> None:
    x, _ = blobs(9)
    model = small()
    z = np.float64(model.predict(x))
    softmax = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(x), softmax, rtol=1e-5)
    model.loss = BinaryCrossEntropy()
    np.testing.assert_allclose(model.predict_proba(x), 1 / (1 + np.exp(-z)), rtol=1e-5)
    model.loss = MeanSquaredError()
    with pytest.raises(ModelError, match=r"predict_proba: expected a classifier.*MeanSquaredError"):
        model.predict_proba(x)
    for layers in ([Dense(3), Activation("softmax")], [Dense(1, "sigmoid")], [Dense(1), Activation("sigmoid")]):
        ends = small(*layers)
        assert np.array_equal(ends.predict_proba(x), ends.predict(x))
    one = small(Dense(1))
    np.testing.assert_allclose(one.predict_proba(x), 1 / (1 + np.exp(-one.predict(x))), rtol=1e-5)
    log = small(Dense(3), Activation("log_softmax"))
    np.testing.assert_allclose(log.predict_proba(x), np.exp(log.predict(x)), rtol=1e-5)


def test_summary() -> None:
    model = Sequential(Flatten(), Dense(8, "relu"), Dropout(0.5), Dense(3), input_shape=(5, 4))
    text = model.summary(batch_size=2)
    assert text.splitlines()[0].split() == ["layer", "output", "parameters", "multiply-adds", "memory"]
    assert "1_dense    Dense(8, activation='relu')" in text
    rows = summary_rows(model, 2)
    assert [row.parameters for row in rows] == [0, 168, 0, 27]
    assert [row.multiply_adds for row in rows] == [0, 160, 0, 24]
    assert rows[1].memory == 4 * (2 * 168 + 2 * (8 + 8 + 20))
    assert total(rows).parameters == 195 == model.arena.parameters
    assert [bytes_in_words(n) for n in (0, 999, 1024, 513024, 5 << 20)] == [
        "0 B",
        "999 B",
        "1.0 KiB",
        "501 KiB",
        "5.0 MiB",
    ]


BAD_MODELS: list[tuple[Any, str]] = [
    (lambda: Sequential(input_shape=(4,)), "at least one layer"),
    (lambda: Sequential([Dense(3)], input_shape=(4,)), r"layer 0: expected a layer.*one by one"),  # type: ignore[arg-type]
    (lambda: Sequential(Flatten, input_shape=(4,)), r"layer 0: expected a layer.*Flatten\(\)"),  # type: ignore[arg-type]
    (lambda: Sequential(Dense(3), 7, input_shape=(4,)), "layer 1: expected a layer, got 7"),  # type: ignore[arg-type]
    (lambda: Sequential(Dense(3), input_shape=()), "input_shape: expected"),
    (lambda: Sequential(Dense(3), input_shape=(0, 3)), "input_shape: expected"),
    (lambda: Sequential(Dense(3), input_shape=(None, 3)), "input_shape: expected"),  # type: ignore[arg-type]
    (lambda: small(seed=-1), "seed: expected a whole number"),
    (lambda: small(seed=1.5), "seed: expected a whole number"),
    (lambda: small(dtype="float16"), "unknown dtype 'float16'.*Known: float32, float64"),
    (lambda: Dense(0), "Dense: units: expected a whole number from 1 on, found 0"),
    (lambda: Dense(2.5), "units"),  # type: ignore[arg-type]
    (lambda: Dense(True), "units"),
    (lambda: Dense(3, "rleu"), "unknown activation 'rleu'.*Did you mean 'relu'"),
    (lambda: Dense(3, "softmax"), r"softmax is a layer of its own: add Activation\('softmax'\)"),
    (lambda: Dense(3, weight_initializer="he"), "unknown initializer 'he'"),
    (lambda: Activation("swish"), "unknown activation 'swish'"),
    (lambda: Activation("relu", alpha=0.1), "relu takes no alpha"),
    (lambda: Activation("elu", alpha=-1), "alpha: expected a number from 0 on"),
    (lambda: Dropout(1.0), "rate: expected a number below 1"),
    (lambda: Dropout(-0.1), "rate: expected a number from 0 to 1"),
    (lambda: Dropout("0.5"), "rate: expected a number"),  # type: ignore[arg-type]
    (lambda: Reshape((2, -1, -1)), "Reshape: expected positive sizes"),
    (
        lambda: small(Dense(4), Reshape((3, 2))),
        r"1_reshape: expected inputs that can become \(3, 2\), got inputs of shape \(4,\)",
    ),
    (lambda: small(Dense(4), Reshape((3, -1))), "1_reshape: expected"),
]


@pytest.mark.parametrize("number", range(len(BAD_MODELS)))
def test_bad_models(number: int) -> None:
    build, message = BAD_MODELS[number]
    with pytest.raises(ModelError, match=message):
        build()


def test_a_layer_belongs_to_one_model() -> None:
    layer = Dense(3)
    small(layer)
    with pytest.raises(ModelError, match=r"Dense\(3\) is 0_dense of a model already"):
        small(layer)
    twice = Dense(6)
    with pytest.raises(ModelError, match="make a new layer for each place"):
        small(twice, twice)


def test_sizes_from_numpy_are_fine() -> None:
    model = small(Dense(np.int64(4)), input_shape=(np.int32(5),))  # type: ignore[arg-type]
    assert model.output_shape == (4,)
    assert type(model.layers[0].config()["units"]) is int


def test_devices() -> None:
    assert small(device="auto").backend.name == "cpu"
    with pytest.raises(DeviceError, match=r"device cuda: .*no CUDA kernels yet"):
        small(device="cuda")
    with pytest.raises(DeviceError, match=r"unknown device 'gpu'\."):
        small(device="gpu")


BAD_INPUTS: list[tuple[Any, str]] = [
    (np.zeros((2, 28, 28)), r"input of 0_flatten: expected .*\(n, 28, 28, 1\).*\(2, 28, 28\).*x\[\.\.\., None\]"),
    (np.zeros((28, 28, 1)), r"one example.*x\[None\]"),
    (np.zeros((2, 784)), r"x\.reshape\(-1, 28, 28, 1\)"),
    (np.zeros((2, 27, 28, 1)), "expected"),
    (np.zeros((0, 28, 28, 1)), "at least one example, got none"),
    (np.zeros((2, 28, 28, 1), complex), "complex128"),
    (np.array(["a"]), "expected numbers, got elements of type <U1"),
    (7, "expected"),
    ([[1, 2], [3]], "rows of different lengths"),
]


@pytest.mark.parametrize("number", range(len(BAD_INPUTS)))
def test_bad_inputs(number: int) -> None:
    x, message = BAD_INPUTS[number]
    for run in (image_model().forward, image_model().predict):
        with pytest.raises(ModelError, match=message):
            run(x)


def test_bad_gradients() -> None:
    model = small()
    with pytest.raises(ModelError, match="expected a forward pass before"):
        model.backward(np.zeros((2, 3)))
    model.forward(np.zeros((2, 6)))
    with pytest.raises(ModelError, match=r"expected dy of shape \(2, 3\), as the last output, got \(3, 3\)"):
        model.backward(np.zeros((3, 3)))
    with pytest.raises(ModelError, match="predict: batch_size"):
        model.predict(np.zeros((2, 6)), batch_size=0)


def test_repr_and_config_of_layers() -> None:
    assert repr(Dense(3, bias=False, weight_initializer="orthogonal")) == (
        "Dense(3, bias=False, weight_initializer='orthogonal')"
    )
    assert repr(Activation("elu", 0.5)) == "Activation('elu', alpha=0.5)"
    assert repr(Reshape((2, 3))) == "Reshape((2, 3))"
    assert Dense(3).config()["activation"] == "linear"
    assert Dense(3, None).config()["activation"] == "linear"
    assert CrossEntropy(class_weights=[1, 2]).config() == {
        "label_smoothing": 0.0,
        "class_weights": [1.0, 2.0],
        "ignore_index": -1,
    }
