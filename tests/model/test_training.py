"""Steps, the loop, its history, its callbacks and its metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from numbanet import data
from numbanet.data.batches import batches, order
from numbanet.data.dataset import Dataset
from numbanet.errors import ModelError, TrainingError
from numbanet.layers import Activation, Dense, Dropout, Normalize
from numbanet.losses import CrossEntropy
from numbanet.optimizers import SGD, Adam
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.history import History, TrainingInterrupted
from numbanet.training.metrics import Accuracy, TopK
from numbanet.training.step import TrainStep
from numbanet.zoo import build, recipe

from .helpers import BACKENDS, blobs, flat, image_model, small


def tiny_dataset(n: int = 40) -> Dataset:
    x, y = blobs(n)
    x_test, y_test = blobs(n // 2, seed=1)
    return Dataset("blobs", (x, y), (x_test, y_test), ("a", "b", "c"))


def test_a_perceptron_reads_the_built_in_digits() -> None:
    digits = data.load("digits", limit=6000)
    model = build("mlp", digits)
    history = model.fit(digits, **recipe("mlp").fit_arguments() | {"epochs": 4}, validation_data=digits.test)
    assert history["val_accuracy"][-1] > 0.93
    assert model.evaluate(digits) == {"loss": history["val_loss"][-1], "accuracy": history["val_accuracy"][-1]}
    guesses = model.predict(digits.test[0]).argmax(axis=1)
    assert np.mean(guesses == digits.test[1]) == history["val_accuracy"][-1]


def test_history() -> None:
    d = tiny_dataset()
    history = small().fit(d, epochs=3, batch_size=16, validation_data=d.test, optimizer=Adam(0.01))
    columns = ["loss", "accuracy", "val_loss", "val_accuracy", "seconds", "samples_per_second"]
    assert list(history) == columns
    assert history.epochs == 3 and len(history) == 6
    assert all(len(column) == 3 for column in history.values())
    assert history["loss"][-1] < history["loss"][0]
    assert history.last["accuracy"] == history["accuracy"][-1] > 0.5
    assert not history.interrupted
    assert repr(history).startswith("History(epochs=3, loss=")
    assert small().fit(d, epochs=0).epochs == 0
    assert repr(History()) == "History(epochs=0)"


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_is_steps_over_shuffled_batches(backend: str) -> None:
    (x, y), kernels = blobs(23), BACKENDS[backend]
    fitted, stepped = small(device=kernels, seed=3), small(device=kernels, seed=3)
    history = fitted.fit(x, y, epochs=2, batch_size=8, optimizer=Adam(0.01))
    step = TrainStep(stepped, Adam(0.01))
    for epoch in range(2):
        losses = []
        for rows in batches(order(23, 3, epoch), 8):
            losses.append((step(x[rows], y[rows]), len(rows)))
        assert [n for _, n in losses] == [8, 8, 7]
        mean = sum(loss * n for loss, n in losses) / 23
        assert history["loss"][epoch] == pytest.approx(mean, rel=1e-6)
    assert np.array_equal(flat(fitted), flat(stepped))


def test_order_of_examples() -> None:
    assert sorted(order(100, 1, 0)) == list(range(100))
    assert np.array_equal(order(100, 1, 0), order(100, 1, 0))
    assert not np.array_equal(order(100, 1, 0), order(100, 1, 1))
    assert not np.array_equal(order(100, 1, 0), order(100, 2, 0))
    assert np.array_equal(order(5, 1, 0, shuffle=False), np.arange(5))
    assert [len(rows) for rows in batches(order(7, 0, 0), 3)] == [3, 3, 1]
    assert [len(rows) for rows in batches(order(2, 0, 0), 3)] == [2]


def test_shuffle_can_be_off() -> None:
    x, y = blobs(20)
    fitted, stepped = small(), small()
    fitted.fit(x, y, batch_size=8, shuffle=False, optimizer="sgd")
    step = TrainStep(stepped, "sgd")
    for start in (0, 8, 16):
        step(x[start : start + 8], y[start : start + 8])
    assert np.array_equal(flat(fitted), flat(stepped))


def test_the_same_seed_gives_the_same_bits() -> None:
    d = tiny_dataset()
    models = [small(Dense(8, "relu"), Dropout(0.3), Dense(3), seed=s) for s in (1, 1, 2)]
    for model in models:
        model.fit(d, epochs=2, batch_size=16)
    assert np.array_equal(flat(models[0]), flat(models[1]))
    assert not np.array_equal(flat(models[0]), flat(models[2]))


def test_validation_changes_nothing() -> None:
    d = tiny_dataset()
    one, other = small(Dense(8, "relu"), Dropout(0.3), Dense(3)), small(Dense(8, "relu"), Dropout(0.3), Dense(3))
    one.fit(d, epochs=3, batch_size=16)
    other.fit(d, epochs=3, batch_size=16, validation_data=d.test, metrics=["accuracy", TopK(2)])
    assert np.array_equal(flat(one), flat(other))


def test_bytes_and_floats_train_alike() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (30, 28, 28, 1), dtype=np.uint8), rng.integers(0, 10, 30)
    one, other = image_model(), image_model()
    h = one.fit(x, y, epochs=2, batch_size=16)
    g = other.fit((x / 255).astype(np.float32), y, epochs=2, batch_size=16)
    assert h["loss"] == pytest.approx(g["loss"], rel=1e-5)
    x.flags.writeable = False
    y.flags.writeable = False
    again = image_model()
    again.fit(x, y.astype(np.uint8), epochs=2, batch_size=16)
    assert np.array_equal(flat(one), flat(again))


def test_normalize_learns_before_the_first_step() -> None:
    x, y = blobs(50)
    x = x * np.float32(1000) + np.float32(5000)
    model = small(Normalize(), Dense(3))
    model.fit(x, y, epochs=20, batch_size=10, optimizer=SGD(0.3))
    assert model.evaluate(x, y)["accuracy"] > 0.9
    mean = model.state()["0_normalize.mean"].copy()
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-4)
    model.fit(x + 1, y)
    assert np.array_equal(model.state()["0_normalize.mean"], mean)


@pytest.mark.parametrize(("loss", "columns"), [("mse", 2), ("mae", 2), ("huber", 1), ("binary_cross_entropy", 1)])
def test_other_losses_train(loss: str, columns: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6))
    y: Any = x[:, :columns] * 0.5 + 0.2
    if loss == "binary_cross_entropy":
        y = y > 0.2
    model = small(Dense(16, "tanh"), Dense(columns))
    history = model.fit(x, y[:, 0] if columns == 1 else y, epochs=60, loss=loss, optimizer=Adam(0.02))
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    assert ("accuracy" in history) == (loss == "binary_cross_entropy")
    assert model.evaluate(x, y)["loss"] < history["loss"][-1] * 1.1


def test_targets_with_axes() -> None:
    from numbanet.layers import Reshape

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6)), rng.normal(size=(20, 2, 3))
    model = small(Dense(6), Reshape((2, 3)))
    history = model.fit(x, y, epochs=5, batch_size=8, loss="mse")
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(model.evaluate(x, y)["loss"], np.mean((model.predict(x) - y) ** 2), rtol=1e-5)


def test_metrics() -> None:
    d = tiny_dataset(60)
    x, y = d.train
    model = small()
    history = model.fit(d, epochs=2, batch_size=16, metrics=["accuracy", TopK(2)], validation_data=d.test)
    assert {"accuracy", "top2", "val_accuracy", "val_top2"} <= set(history)
    z = model.predict(x)
    result = model.evaluate(x, y, metrics=[Accuracy(), TopK(2), TopK(3)], batch_size=7)
    assert result["accuracy"] == np.mean(z.argmax(axis=1) == y)
    assert result["top2"] == np.mean([label in np.argsort(row)[-2:] for row, label in zip(z, y, strict=True)])
    assert result["top3"] == 1
    assert model.evaluate(x, y, metrics=[]).keys() == {"loss"}
    one_hot = np.eye(3)[y]
    assert model.evaluate(x, one_hot, loss="mse", metrics=["accuracy"])["accuracy"] == result["accuracy"]
    by_hand = model.evaluate(x, one_hot, loss="mse", metrics=["mae", "mse"])
    assert by_hand["mse"] == pytest.approx(by_hand["loss"], rel=1e-5)
    assert by_hand["mae"] == pytest.approx(np.abs(z - one_hot).mean(), rel=1e-5)


class Recorder(Callback):
    def __init__(self, interval: float = 0.0) -> None:
        self.interval = interval
        self.events: list[str] = []
        self.losses: list[float] = []

    def on_train_begin(self, progress: Progress) -> None:
        self.events.append("begin")

    def on_epoch_begin(self, progress: Progress) -> None:
        self.events.append(f"epoch {progress.epoch}/{progress.epochs}")

    def on_batch_end(self, progress: Progress) -> None:
        assert progress.batch <= progress.batches and progress.samples <= progress.examples
        assert progress.seconds > 0 and progress.samples_per_second > 0
        self.losses.append(progress.loss)
        self.events.append(f"{progress.batch}:{progress.samples}")

    def on_epoch_end(self, progress: Progress) -> None:
        assert progress.loss == progress.history["loss"][-1]
        assert progress.metrics["accuracy"] == progress.history["accuracy"][-1]
        self.events.append("epoch end")

    def on_train_end(self, progress: Progress) -> None:
        self.events.append("end")


def test_callbacks() -> None:
    d, all_batches, rare = tiny_dataset(), Recorder(), Recorder(interval=1000)
    small().fit(d, epochs=2, batch_size=16, callbacks=[all_batches])
    epoch = ["1:16", "2:32", "3:40", "epoch end"]
    assert all_batches.events == ["begin", "epoch 1/2", *epoch, "epoch 2/2", *epoch, "end"]
    assert all(math.isfinite(loss) for loss in all_batches.losses)
    small().fit(d, epochs=1, batch_size=8, callbacks=[rare, Callback()])
    assert rare.events == ["begin", "epoch 1/1", "1:8", "5:40", "epoch end", "end"]


def test_a_callback_can_stop_the_training() -> None:
    class Stop(Recorder):
        def on_batch_end(self, progress: Progress) -> None:
            super().on_batch_end(progress)
            progress.stop = progress.epoch == 2

    stop = Stop()
    history = small().fit(tiny_dataset(), epochs=5, batch_size=16, callbacks=[stop])
    assert history.epochs == 1
    assert stop.events[-3:] == ["epoch 2/5", "1:16", "end"]


def test_ctrl_c() -> None:
    class Interrupt(Recorder):
        def on_batch_end(self, progress: Progress) -> None:
            if progress.epoch == 2 and progress.batch == 2:
                raise KeyboardInterrupt

    d, recorder, model = tiny_dataset(), Interrupt(), small()
    with pytest.raises(TrainingInterrupted) as caught:
        model.fit(d, epochs=4, batch_size=16, callbacks=[recorder])
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.history.interrupted and caught.value.history.epochs == 1
    assert recorder.events[-1] == "end"
    step, twin = None, small()
    step = TrainStep(twin)
    for rows in [*batches(order(40, 0, 0), 16), *batches(order(40, 0, 1), 16)[:2]]:
        step(d.train[0][rows], d.train[1][rows])
    assert np.array_equal(flat(model), flat(twin))


def test_a_diverged_training_stops_and_says_what_to_do() -> None:
    x, y = blobs(40)
    recorder = Recorder()
    with pytest.raises(TrainingError, match=r"epoch \d+ of 50: the loss is (nan|inf).*it was 1e\+20") as caught:
        small(Dense(8), Dense(2)).fit(
            x, np.stack([y, y], axis=1), loss="mse", epochs=50, metrics=[], optimizer=SGD(1e20), batch_size=8
        )
    history = caught.value.history
    assert isinstance(history, History)
    assert not math.isfinite(history["loss"][-1])
    assert recorder.events == []


def test_inputs_that_are_not_finite_are_named_as_the_cause() -> None:
    x, y = blobs(40)
    x[7, 2] = np.nan
    with pytest.raises(TrainingError, match="inputs x contain NaN or infinity"):
        small().fit(x, y)


def test_the_step_returns_the_loss_before_the_update() -> None:
    x, y = blobs(16)
    model = small()
    expected = model.evaluate(x, y)["loss"]
    step = TrainStep(model, optimizer=SGD(0.1), loss="cross_entropy")
    assert step(x, y) == pytest.approx(expected, rel=1e-6)
    assert step(x[:5], y[:5].astype(np.int32)) > 0
    assert step(x.tolist(), y.tolist()) < expected
    assert step.totals[3] == 37
    assert model.step[0] == 3 == step.updater.count
    assert isinstance(model.loss, CrossEntropy)


def test_bad_batches() -> None:
    x, y = blobs(8)
    step = TrainStep(small())
    with pytest.raises(ModelError, match=r"labels from 0 to 2, for a model with 3 outputs, got 3"):
        step(x, y + 1)
    with pytest.raises(ModelError, match="got -1"):
        step(x, y - 1)
    with pytest.raises(ModelError, match="as many targets as examples, 8, got 7"):
        step(x, y[:7])
    with pytest.raises(ModelError, match="input of 0_dense: expected"):
        step(x[:, :5], y)
    weights = flat(step.model)
    with pytest.raises(ModelError):
        step(x, y + 1)
    assert np.array_equal(flat(step.model), weights)


BAD_FITS: list[tuple[dict[str, Any], str]] = [
    ({"epochs": -1}, "fit: epochs: expected a whole number from 0 on, found -1"),
    ({"epochs": 1.5}, "epochs"),
    ({"batch_size": 0}, "fit: batch_size: expected a whole number from 1 on, found 0"),
    ({"optimizer": "adma"}, "unknown optimizer 'adma'. Did you mean 'adam'"),
    ({"optimizer": 0.1}, "optimizer: expected a name or an object such as Optimizer, found 0.1"),
    ({"loss": "crossentropy"}, "unknown loss 'crossentropy'. Did you mean 'cross_entropy'"),
    ({"metrics": ["acuracy"]}, "unknown metric 'acuracy'. Did you mean 'accuracy'"),
    ({"metrics": ["top5"]}, "metric top5: expected cross_entropy and at least 5 outputs"),
    ({"metrics": ["mae"]}, "metric mae: expected a loss of regression"),
    ({"y": None}, "y: expected the targets of x, got none"),
    ({"y": np.zeros(8)}, "whole numbers as labels, got float64"),
    ({"y": np.full(8, 3)}, "labels from 0 to 2, for a model with 3 outputs, got 3"),
    ({"y": np.zeros((8, 1), int)}, r"got an array of shape \(8, 1\).*y.reshape\(-1\)"),
    ({"y": np.zeros(7, int)}, "as many targets as examples, 8, got 7"),
    ({"y": np.array(["a"] * 8)}, "expected an array of numbers"),
    ({"y": np.full((8, 3), 0.5)}, "expected probabilities"),
    ({"loss": "mse"}, r"targets of shape \(3,\), as the model's outputs, for mse, got an array of shape \(8,\)"),
    ({"loss": "binary_cross_entropy", "y": np.full((8, 3), 2)}, "from 0 to 1 for binary_cross_entropy, got 2 to 2"),
    ({"loss": "mse", "y": np.full((8, 3), np.nan)}, "finite numbers"),
    ({"x": np.zeros((8, 5))}, r"x: expected .*\(n, 6\), got one of shape \(8, 5\)"),
    ({"x": np.zeros((0, 6)), "y": np.zeros(0, int)}, "x: expected at least one example"),
    ({"validation_data": (np.zeros((4, 6)), np.full(4, 9))}, "validation y: expected labels from 0 to 2"),
    ({"validation_data": (np.zeros((4, 7)), np.zeros(4, int))}, "validation x: expected"),
    ({"validation_data": np.zeros((4, 7))}, "targets of validation_data"),
    ({"loss": CrossEntropy(class_weights=[1, 2])}, "class_weights: expected 3 numbers, one a class, got 2"),
]


@pytest.mark.parametrize("number", range(len(BAD_FITS)))
def test_bad_arguments_change_nothing(number: int) -> None:
    arguments, message = BAD_FITS[number]
    x, y = blobs(8)
    model = small()
    before = flat(model)
    with pytest.raises(ModelError, match=message):
        model.fit(**({"x": x, "y": y} | arguments))
    assert np.array_equal(flat(model), before)
    assert model.loss is None


def test_outputs_that_do_not_fit_the_loss() -> None:
    x, y = blobs(8)
    for layers, loss, message in (
        ([Dense(3), Activation("softmax")], "cross_entropy", "ends in logits, got one that ends in softmax"),
        ([Dense(1, "sigmoid")], "binary_cross_entropy", "got one that ends in sigmoid"),
        ([Dense(1)], "cross_entropy", "at least two outputs.*binary_cross_entropy"),
    ):
        with pytest.raises(ModelError, match=message):
            small(*layers).fit(x, y, loss=loss)
    from numbanet.layers import Reshape

    with pytest.raises(ModelError, match=r"one vector of logits an example, .* got outputs of shape \(1, 2, 3\)"):
        small(Dense(6), Reshape((1, 2, 3))).fit(x, y)


def test_a_data_set_and_labels_are_too_much() -> None:
    d = tiny_dataset()
    with pytest.raises(ModelError, match="expected none beside a data set"):
        small().fit(d, d.train[1])
    assert small().fit(d.train).epochs == 1


def test_labels_of_single_outputs() -> None:
    x, y = blobs(12)
    model = small(Dense(1))
    model.fit(x, y == 1, loss="binary_cross_entropy", epochs=2)
    assert model.evaluate(x, (y == 1)[:, None])["accuracy"] == np.mean((model.predict(x)[:, 0] > 0) == (y == 1))
