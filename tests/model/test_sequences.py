"""Sequences in a model: tokens as inputs, masks that are handed on, and losses over steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import numbanet as nn
from numbanet.errors import ModelError
from numbanet.layers import (
    Activation,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    LastStep,
    Layer,
    Masking,
    Normalize,
    Parallel,
    Reshape,
    Residual,
    TimeDistributed,
)
from numbanet.layers.chain import walk
from numbanet.losses import CrossEntropy
from numbanet.model import Sequential
from numbanet.optimizers import SGD, Adam
from numbanet.summary import summary_rows
from numbanet.training.step import TrainStep

from .helpers import BACKENDS, flat

T, VOCABULARY = 7, 9


def tagger(**options: Any) -> Sequential:
    """A label for each token, by itself and its neighbours; 0 fills up."""
    layers = (Embedding(VOCABULARY, 6, padding_index=0), Conv1D(8, 3, padding="same", activation="relu"))
    return Sequential(*layers, TimeDistributed(Dense(3)), input_shape=(T,), **options)


def sentences(n: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tokens of different lengths, filled up with 0; the label of a token is its remainder by 3, -1 for some."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, VOCABULARY, (n, T))
    x[np.arange(T) >= rng.integers(1, T + 1, (n, 1))] = 0
    y = np.where((rng.random((n, T)) < 0.2) & (x > 0), -1, x % 3)
    y[:, 0] = x[:, 0] % 3
    return x, y


def test_a_tagger_learns() -> None:
    x, y = sentences(300)
    model = tagger()
    history = model.fit(x, y, epochs=12, batch_size=32, optimizer=Adam(0.02), validation_data=sentences(100, 1))
    assert history["accuracy"][-1] > 0.98 and history["val_accuracy"][-1] > 0.98
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert model.predict(x).shape == (300, T, 3)
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=-1), 1, rtol=1e-5)


def test_loss_and_metrics_are_those_of_the_steps_that_count() -> None:
    x, y = sentences(50)
    model = tagger(seed=3)
    result = model.evaluate(x, y, metrics=["accuracy", nn.TopK(2)], batch_size=16)
    counts = (x > 0) & (y >= 0)
    p = model.predict_proba(x).astype(np.float64)[counts]
    labels = y[counts]
    assert result["loss"] == pytest.approx(-np.log(p[np.arange(len(p)), labels]).mean(), rel=1e-4)
    assert result["accuracy"] == pytest.approx((p.argmax(axis=1) == labels).mean())
    assert result["top2"] == pytest.approx(
        np.mean([label in np.argsort(q)[1:] for q, label in zip(p, labels, strict=True)])
    )


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "binary_cross_entropy"])
def test_losses_of_numbers_leave_masked_steps_out(loss: str) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 5, 2)), rng.random((20, 5, 3))
    x[rng.random((20, 5)) < 0.4] = 0.0
    real = x.any(axis=2)
    model = Sequential(Masking(), TimeDistributed(Dense(3)), input_shape=(5, 2), dtype="float64")
    plain = Sequential(Dense(3), input_shape=(2,), dtype="float64")
    for mine, other in zip(model.parameters().values(), plain.parameters().values(), strict=True):
        other[...] = mine
    metrics = [] if loss == "binary_cross_entropy" else ["mae", "mse"]
    result = model.evaluate(x, y, loss=loss, metrics=metrics)
    assert result == pytest.approx(plain.evaluate(x[real], y[real], loss=loss, metrics=metrics), rel=1e-12)
    TrainStep(model, "sgd", loss)(x, y)
    TrainStep(plain, "sgd", loss)(x[real], y[real])
    np.testing.assert_allclose(flat(model), flat(plain), rtol=1e-12)


def test_numbers_of_whole_sequences() -> None:
    """Without a mask, (t, f) outputs are as many numbers as any."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(20, 5, 2)), rng.normal(size=(20, 5, 3))
    model = Sequential(TimeDistributed(Dense(3)), input_shape=(5, 2))
    assert model.evaluate(x, y, loss="mse")["loss"] == pytest.approx(np.mean((model.predict(x) - y) ** 2), rel=1e-5)


def test_probabilities_of_steps() -> None:
    x, y = sentences(20)
    y = np.maximum(y, 0)
    one, other = tagger(), tagger()
    one.fit(x, y, epochs=2, batch_size=8, optimizer="sgd")
    other.fit(x, np.eye(3)[y], epochs=2, batch_size=8, optimizer="sgd")
    np.testing.assert_allclose(flat(one), flat(other), rtol=1e-4, atol=1e-6)


def test_the_label_to_ignore_may_be_another() -> None:
    x, y = sentences(20)
    one, other = tagger(), tagger()
    a = one.evaluate(x, y)
    b = other.evaluate(x, np.where(y == -1, -100, y), loss=CrossEntropy(ignore_index=-100))
    assert a == b
    only_ones = other.evaluate(x, np.maximum(y, 0), loss=CrossEntropy(ignore_index=0))
    assert only_ones != a and np.isfinite(only_ones["loss"])


# Tokens


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.uint16])
def test_tokens_of_any_type_of_integer(kind: Any) -> None:
    x, y = sentences(20)
    one, other = tagger(), tagger()
    one.fit(x, y, epochs=2, batch_size=8)
    other.fit(x.astype(kind), y.astype(np.int32), epochs=2, batch_size=8)
    assert np.array_equal(flat(one), flat(other))
    assert np.array_equal(one.predict(x), one.predict(x.astype(kind)))
    assert np.array_equal(one.predict(x), one.predict(x.tolist()))


def test_a_step_by_hand_and_in_fit_are_the_same() -> None:
    x, y = sentences(16)
    fitted, stepped = tagger(), tagger()
    fitted.fit(x, y, batch_size=8, shuffle=False, optimizer="sgd")
    step = TrainStep(stepped, "sgd")
    losses = [step(x[:8], y[:8]), step(x[8:], y[8:])]
    assert np.array_equal(flat(fitted), flat(stepped))
    assert all(np.isfinite(losses))


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_the_rows_of_tokens_move(backend: str) -> None:
    """The padding's row stays zero; so do the gradients of all tokens that the last batch did not have."""
    rng = np.random.default_rng(0)
    layers = (Embedding(50, 4, padding_index=3), GlobalAvgPool1D(), Dense(2))
    model = Sequential(*layers, input_shape=(T,), device=BACKENDS[backend])
    table, gradient = model.parameters()["0_embedding.weight"], model.gradients()["0_embedding.weight"]
    first, step = table.copy(), TrainStep(model, SGD(0.5))
    assert not first[3].any() and first[4].any()
    met: set[int] = {3}
    for n in (6, 2, 6, 5, 2):  # batches of several sizes have buffers of their own
        x = rng.integers(0, 50, (n, T))
        x[:, 0] = 3
        step(x, rng.integers(0, 2, n))
        met |= set(x.reshape(-1).tolist())
        assert set(np.flatnonzero(gradient.any(axis=1))) == set(x.reshape(-1).tolist()) - {3}
    assert not table[3].any()
    moved = (table != first).any(axis=1)
    assert set(np.flatnonzero(moved)) == met - {3} and not moved.all()


def test_gradients_that_somebody_wrote_to_can_be_cleared() -> None:
    x, y = sentences(8)
    one, other = tagger(), tagger()
    step, twin = TrainStep(one, "sgd"), TrainStep(other, "sgd")
    step(x[:4], y[:4]), twin(x[:4], y[:4])
    one.arena.gradients[:] = 5.0
    one.clear_gradients()
    step(x[4:], y[4:]), twin(x[4:], y[4:])
    assert np.array_equal(flat(one), flat(other))


def test_saving(tmp_path: Path) -> None:
    x, y = sentences(20)
    layers = (Embedding(VOCABULARY, 4, padding_index=0, weight_initializer="uniform"), Masking(1.5))
    for model in (tagger(dtype="float64"), Sequential(*layers, GlobalMaxPool1D(), Dense(3), input_shape=(T,))):
        labels = y if len(model.output_shape) == 2 else y[:, 0]
        model.fit(x, labels, loss=CrossEntropy(0.1, ignore_index=-1), epochs=2, batch_size=8)
        model.save(tmp_path / "model.safetensors")
        back = nn.load(tmp_path / "model.safetensors")
        assert repr(back) == repr(model) and repr(back.loss) == repr(model.loss)
        assert np.array_equal(back.predict(x), model.predict(x))
        assert back.evaluate(x, labels) == model.evaluate(x, labels)
        assert model.fit(x, labels)["loss"] == back.fit(x, labels)["loss"]


BAD_TOKENS: list[tuple[Any, str]] = [
    (np.full((2, T), 9), r"tokens from 0 to 8, .* got 9 at \[0, 0\]"),
    (np.array([[1] * T, [1, 2, 3, -4, 5, 6, 7]]), r"got -4 at \[1, 3\]. Give the Embedding a larger vocabulary"),
    (np.full((2, T), 2**40), r"got 1099511627776 at \[0, 0\]"),
    (np.ones((2, T)), r"expected tokens, whole numbers from 0 to 8, got float64. Convert them: x.astype\('int64'\)"),
    (np.ones((2, T), bool), "expected tokens, whole numbers from 0 to 8, got bool"),
    (np.ones((2, T + 1), int), rf"expected an array of examples, \(n, {T}\), got one of shape"),
    ([[1, 2], [3]], "rows of different lengths. Fill up the shorter ones: Embedding's padding_index"),
]


@pytest.mark.parametrize("number", range(len(BAD_TOKENS)))
def test_tokens_that_the_model_does_not_know(number: int) -> None:
    x, message = BAD_TOKENS[number]
    model, y = tagger(), np.zeros((2, T), int)
    before = flat(model)
    for call in (
        lambda: model.forward(x),
        lambda: model.predict(x),
        lambda: model.fit(x, y),
        lambda: model.evaluate(x, y),
        lambda: TrainStep(model)(x, y),
        lambda: model.fit(np.ones((2, T), int), y, validation_data=(x, y)),
    ):
        with pytest.raises(ModelError, match=message):
            call()
    assert np.array_equal(flat(model), before)


BAD_LABELS: list[tuple[Any, str]] = [
    (np.full((4, T), 3), r"labels from 0 to 2, .* or -1 for none, got 3 at \[0, 0\]"),
    (np.full((4, T), -2), "got -2 at"),
    (np.full((4, T), -1), "at least one label, got nothing but -1"),
    (np.zeros((4, T)), "whole numbers as labels, got float64"),
    (np.zeros(4, int), rf"labels \[n, {T}\] or probabilities \[n, {T}, 3\], got .* put LastStep\(\) or Flatten\(\)"),
    (np.zeros((4, T, 1), int), rf"Flatten the labels: y.reshape\(-1, {T}\)"),
    (np.full((4, T, 3), 0.5), "expected probabilities: not negative"),
]


@pytest.mark.parametrize("number", range(len(BAD_LABELS)))
def test_labels_that_the_loss_does_not_know(number: int) -> None:
    y, message = BAD_LABELS[number]
    model, (x, _) = tagger(), sentences(4)
    for call in (lambda: model.fit(x, y), lambda: TrainStep(model)(x, y), lambda: model.evaluate(x, y)):
        if number == 2 and call.__code__.co_names[0] == "TrainStep":
            continue
        with pytest.raises(ModelError, match=message):
            call()


def test_a_batch_without_labels_teaches_nothing() -> None:
    """Within a data set that has some."""
    model, (x, _) = tagger(), sentences(4)
    before = flat(model)
    assert np.isnan(TrainStep(model, "sgd")(x, np.full((4, T), -1)))
    assert np.array_equal(flat(model), before)


def test_layers_that_do_not_fit() -> None:
    for layers, shape, message in (
        ([Dense(3), Embedding(5, 2)], (4,), "1_embedding: expected tokens, .* got the outputs of 0_dense. Put it first"),
        ([Flatten(), Residual(Embedding(5, 2), shortcut=Embedding(5, 2))], (4,), "1_residual: expected tokens"),
        ([Embedding(5, 2)], (4, 2), r"0_embedding: expected sequences of tokens, of shape \(time,\), got .* \(4, 2\)"),
        ([Parallel(Embedding(5, 4), Reshape((4, 1)))], (4,), "branches that all begin with an Embedding, or none"),
        ([Residual(Embedding(5, 4), Dense(4))], (4,), "branches that all begin with an Embedding, or none"),
        ([Masking()], (4,), r"0_masking: expected sequences of shape \(time, features\), got .* Put Reshape\(\(4, 1\)\)"),
        ([LastStep()], (4, 2, 2), "0_last_step: expected sequences"),
        ([TimeDistributed(Dense(3))], (4,), "0_time_distributed: expected sequences .* Leave TimeDistributed out"),
    ):  # fmt: skip
        with pytest.raises(ModelError, match=message):
            Sequential(*layers, input_shape=shape).forward(np.zeros((1, *shape)))
    for make, message in (
        (lambda: Embedding(0, 3), "Embedding: vocabulary: expected a whole number from 1 on, found 0"),
        (lambda: Embedding(5, 3, 5), "padding_index: expected a token below the vocabulary of 5, found 5"),
        (lambda: Embedding(5, 3, -1), "padding_index: expected a whole number from 0 on"),
        (lambda: Masking("x"), "Masking: value: expected a number"),  # type: ignore[arg-type]
        (lambda: TimeDistributed(3), "TimeDistributed: layer 0: expected a layer, got 3"),  # type: ignore[arg-type]
        (lambda: CrossEntropy(ignore_index=0.5), "ignore_index"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ModelError, match=message):
            make()
    with pytest.raises(ModelError, match="inputs of 0_embedding are tokens, which have no gradient"):
        model = tagger()
        model.forward(sentences(2)[0])
        model.backward(np.zeros((2, T, 3)), need_dx=True)


# Masks


def masks(*layers: Layer, shape: tuple[int, ...] = (5, 4)) -> dict[str, str | None]:
    """By the name of each layer, the name of the one whose mask its inputs have; and "output"."""
    model = Sequential(*layers, input_shape=shape)
    found = {layer.name: layer.mask_from for layer in walk(model.layers)} | {"output": model.chain.hand_on(None)}
    assert model.masks_outputs == (found["output"] is not None)
    return {name: None if layer is None else layer.name for name, layer in found.items()}


def test_a_mask_goes_up_to_the_layer_that_drops_the_steps() -> None:
    kept = (Activation("tanh"), Dropout(0.1), BatchNorm(), Normalize(), Conv1D(4, padding="same"))
    found = masks(Masking(), *kept, TimeDistributed(Dense(3, "relu"), Dense(2)), GlobalAvgPool1D(), Dense(2))
    expected = dict.fromkeys(found, "0_masking")
    expected |= dict.fromkeys(("0_masking", "8_dense", "output")) | dict.fromkeys(n for n in found if ".step." in n)
    assert found == expected
    assert masks(Masking(), Conv1D(3), LastStep())["2_last_step"] is None
    assert masks(Masking(), Conv1D(3, stride=2, padding="same"), LastStep())["2_last_step"] is None
    assert masks(Masking(), Masking(1.0), LastStep())["2_last_step"] == "1_masking"
    assert masks(Embedding(5, 3), LastStep(), shape=(4,))["1_last_step"] is None


def test_masks_in_branches() -> None:
    inner = Residual(Conv1D(4, padding="same"), activation="relu")
    found = masks(Masking(), inner, Parallel([], Activation("relu"), merge="add"), LastStep())
    assert found["1_residual.body.0_conv1d"] == found["2_parallel.branch1.0_activation"] == "0_masking"
    assert found["3_last_step"] == "0_masking"
    assert masks(Masking(), Parallel([], [Flatten(), Reshape((5, 4))]))["output"] is None
    words = Parallel(Embedding(5, 3), Embedding(5, 2, padding_index=0))
    assert masks(words, LastStep(), shape=(4,))["1_last_step"] == "0_parallel.branch1.0_embedding"
    letters = TimeDistributed(Embedding(5, 3, padding_index=0), LastStep())
    found = masks(letters, LastStep(), shape=(4, 6))
    assert found["0_time_distributed.step.1_last_step"] == "0_time_distributed.step.0_embedding"
    assert found["1_last_step"] is None


def test_what_fills_up_does_not_count() -> None:
    """The same sentences with another length, and in a batch of another size, come to the same."""
    x, _ = sentences(11)
    for pool in (LastStep, GlobalAvgPool1D, GlobalMaxPool1D):

        def model(steps: int, pool: type[Layer] = pool) -> Sequential:
            layers = (Embedding(VOCABULARY, 5, padding_index=0), TimeDistributed(Dense(4, "tanh")), pool(), Dense(3))
            return Sequential(*layers, input_shape=(steps,), seed=2)

        short, long = model(T), model(T + 4)
        padded = np.concatenate([x, np.zeros((11, 4), int)], axis=1)
        y = short.predict(x)
        np.testing.assert_allclose(long.predict(padded, batch_size=4), y, rtol=1e-5, atol=1e-6)
        lengths = (x > 0).sum(axis=1)
        one = model(int(lengths[0]))
        np.testing.assert_allclose(one.predict(x[:1, : lengths[0]]), y[:1], rtol=1e-5, atol=1e-6)


def test_nothing_but_padding() -> None:
    model = Sequential(Embedding(4, 3, padding_index=0), LastStep(), Dense(2), input_shape=(5,))
    np.testing.assert_array_equal(model.forward(np.zeros((2, 5), int)), 0)
    assert np.isfinite(TrainStep(model)(np.zeros((2, 5), int), np.array([0, 1])))


# Layers on each step


def test_time_distributed_is_the_layer_on_every_step() -> None:
    x = np.random.default_rng(0).normal(size=(6, 3, 4, 5, 1)).astype(np.float32)
    inner = (Conv2D(2, 2, activation="relu"), GlobalMaxPool2D(), Dense(3))
    model = Sequential(TimeDistributed(*inner), input_shape=(3, 4, 5, 1))
    plain = Sequential(Conv2D(2, 2, activation="relu"), GlobalMaxPool2D(), Dense(3), input_shape=(4, 5, 1))
    assert next(iter(model.parameters())) == "0_time_distributed.step.0_conv2d.weight"
    for mine, other in zip(model.parameters().values(), plain.parameters().values(), strict=True):
        other[...] = mine
    expected = plain.predict(x.reshape(18, 4, 5, 1)).reshape(6, 3, 3)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-5, atol=1e-6)
    assert model.multiply_adds == 3 * plain.multiply_adds
    rows = {row.name: row for row in summary_rows(model, 10)}
    dense = {row.name: row for row in summary_rows(plain, 30)}
    assert rows["0_time_distributed.step.2_dense"].memory == dense["2_dense"].memory
    assert model.activations(x)["0_time_distributed.step.2_dense"].shape == (18, 3)


def test_normalize_inside_learns_from_all_steps() -> None:
    x = np.random.default_rng(0).normal(5, 3, size=(40, 3, 2)).astype(np.float32)
    model = Sequential(TimeDistributed(Normalize(), Dense(2)), input_shape=(3, 2))
    model.adapt(x)
    mean = model.state()["0_time_distributed.step.0_normalize.mean"]
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1)), rtol=1e-4)


def test_a_convolution_over_tokens_and_all_types_of_step() -> None:
    """Conv1D as a front end."""
    x, y = sentences(200)
    layers = (Embedding(VOCABULARY, 6), Conv1D(8, 3, activation="relu"), Conv1D(8, 2, stride=2), GlobalMaxPool1D())
    model = Sequential(*layers, Dense(3), input_shape=(T,))
    history = model.fit(x, y[:, 0], epochs=15, batch_size=32, optimizer=Adam(0.02))
    assert history["accuracy"][-1] > 0.8
