"""Callbacks in Python: scripted losses for those that watch, real trainings for the rest."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numbanet.errors import ModelError, TrainingError
from numbanet.layers import BatchNorm, Dense, Layer
from numbanet.optimizers import SGD, Adam
from numbanet.training.callbacks import (
    Callback,
    CsvLog,
    EarlyStopping,
    JsonLog,
    Lines,
    NanGuard,
    Progress,
    ReduceOnPlateau,
    Statistics,
    TimeLimit,
    WeightAverage,
)
from numbanet.training.history import History
from numbanet.training.step import TrainStep

from .helpers import blobs, flat, small
from .scripted import Script, Weights, tiny_dataset


class TestEarlyStopping:
    def test_patience_counts_from_the_last_improvement(self) -> None:
        stopping = EarlyStopping(patience=3)
        script = Script(stopping)
        assert script.run(5, 4, 4.5, 4.2, 3, 3.1, 3.2, 3.3, 2) == 8
        assert (stopping.best_epoch, stopping.best) == (5, 3)
        assert np.all(flat(script.progress.model) == 5)
        assert script.progress.reason == "val_loss has not become better than 3, in epoch 5, for 3 epochs"

    def test_a_smaller_change_does_not_count(self) -> None:
        stopping = EarlyStopping(patience=2, min_delta=0.5)
        assert Script(stopping).run(5, 4.6, 4.4, 4.2, 4.0, 1) == 5
        assert stopping.best_epoch == 3

    def test_more_accuracy_is_better_and_less_error(self) -> None:
        for name, values, played in (
            ("val_accuracy", (0.5, 0.6, 0.55, 0.5), 4),
            ("val_top5", (0.5, 0.4, 0.3), 3),
            ("val_f1", (0.5, 0.4, 0.3), 3),
            ("r2", (0.5, 0.4, 0.3), 3),
            ("val_mae", (0.5, 0.4, 0.3), 3),
            ("val_mae", (0.3, 0.4, 0.5, 0.6), 3),
        ):
            assert Script(EarlyStopping(2, name)).run(*values, name=name) == played
        assert Script(EarlyStopping(2, "mine", mode="max")).run(1, 2, 3, 2, 1, 0, name="mine") == 5

    def test_nan_is_never_better(self) -> None:
        stopping = EarlyStopping(patience=2)
        assert Script(stopping).run(math.nan, math.nan) == 2
        assert stopping.best_epoch == 0

    def test_the_best_weights_come_back_at_the_last_epoch_too_but_not_after_ctrl_c(self) -> None:
        for restore, interrupted, expected in ((True, False, 2), (False, False, 4), (True, True, 4)):
            script = Script(EarlyStopping(restore_best=restore))
            script.progress.history.interrupted = interrupted
            script.run(3, 1, 2, 2)
            assert np.all(flat(script.progress.model) == expected)

    def test_running_statistics_come_back_as_well(self) -> None:
        d, model = tiny_dataset(), small(Dense(4), BatchNorm(), Dense(3))
        losses, states = [], []

        class Record(Callback):
            def on_epoch_end(self, progress: Progress) -> None:
                losses.append(progress.metrics["val_loss"])
                states.append((flat(model), np.array(model.state_arena.values)))

        model.fit(d, epochs=6, batch_size=8, optimizer=Adam(0.3), validation_data=d.test,
                  callbacks=[EarlyStopping(6), Record()])  # fmt: skip
        values, state = states[int(np.argmin(losses))]
        assert np.array_equal(flat(model), values)
        assert np.array_equal(model.state_arena.values, state)

    def test_it_begins_anew_and_can_go_on(self) -> None:
        stopping = EarlyStopping(patience=2)
        assert Script(stopping).run(1, 2, 3) == 3
        assert Script(stopping).run(9, 8, 7, 6) == 4
        first, second = Script(EarlyStopping(patience=3)), Script(EarlyStopping(patience=3))
        first.run(5, 4, 6, end=False)
        saved = json.loads(json.dumps(first.callbacks[0].state())) | {
            name: np.array(array) for name, array in first.callbacks[0].arrays().items()
        }
        second.tell("on_train_begin")
        second.callbacks[0].restore(saved)
        assert second.run(7, 8, 9, begin=False) == 2
        assert np.all(flat(second.progress.model) == 2)

    def test_in_training(self) -> None:
        d = tiny_dataset()
        history = small().fit(d, epochs=200, batch_size=8, optimizer=SGD(1e-9), validation_data=d.test,
                              callbacks=[EarlyStopping(3, min_delta=0.01)])  # fmt: skip
        assert history.epochs == 4

    def test_what_is_not_measured(self) -> None:
        with pytest.raises(ModelError, match=r"EarlyStopping: monitor: unknown number 'val_loss'.*validation_data"):
            small().fit(tiny_dataset(), callbacks=[EarlyStopping()])
        for make, message in (
            (lambda: EarlyStopping(0), "EarlyStopping: patience: expected a whole number from 1 on"),
            (lambda: EarlyStopping(min_delta=-1), "EarlyStopping: min_delta"),
            (lambda: EarlyStopping(mode="maximum"), "EarlyStopping: unknown mode 'maximum'. Did you mean 'max'"),
        ):
            with pytest.raises(ModelError, match=message):
                make()


class TestReduceOnPlateau:
    def test_the_rate_falls_and_falls_again(self) -> None:
        script = Script(ReduceOnPlateau(0.1, patience=2, least=0.02))
        rates = []
        script.tell("on_train_begin")
        for loss in (5, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3):
            script.run(loss, begin=False, end=False)
            rates.append(script.step.updater.next_rate)
        assert rates == pytest.approx([0.5] * 3 + [0.05] * 3 + [0.01] * 5)

    def test_it_multiplies_the_schedule_s_factor(self) -> None:
        script = Script(ReduceOnPlateau(0.5, patience=1))
        script.step = TrainStep(script.progress.model, SGD(0.4, schedule="step,every=2,factor=0.1"))
        script.progress.step = script.step
        script.run(1, 1)
        x, y = blobs(8)
        rates = []
        for _ in range(3):
            script.step(x, y)
            rates.append(float(script.step.updater.rate[0]))
        assert rates == pytest.approx([0.2, 0.2, 0.02])

    def test_it_goes_on_where_it_was(self) -> None:
        first, second = Script(ReduceOnPlateau(0.5, patience=2)), Script(ReduceOnPlateau(0.5, patience=2))
        first.run(1, 1, 1, 1)
        second.tell("on_train_begin")
        second.callbacks[0].restore(json.loads(json.dumps(first.callbacks[0].state())))
        assert second.step.updater.next_rate == 0.25
        second.run(1, begin=False)
        assert second.step.updater.next_rate == 0.125

    @pytest.mark.parametrize("options", [{"factor": 1.0}, {"patience": 0}, {"least": 2}, {"mode": "up"}])
    def test_what_is_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ModelError, match="ReduceOnPlateau"):
            ReduceOnPlateau(**options)


class TestWeightAverage:
    def test_it_is_the_formula_and_training_does_not_notice(self) -> None:
        d, seen, plain = tiny_dataset(), Weights(), Weights()
        options: dict[str, Any] = {"epochs": 3, "batch_size": 16, "optimizer": Adam(0.05), "validation_data": d.test}
        model, bare = small(dtype="float64"), small(dtype="float64")
        average = flat(model)
        history = model.fit(d, callbacks=[WeightAverage(0.9), seen], **options)
        bare.fit(d, callbacks=[plain], **options)
        assert np.array_equal(seen.steps, plain.steps)
        for number, weights in enumerate(seen.steps, start=1):
            decay = min(0.9, (1 + number) / (10 + number))
            average = average + (1 - decay) * (weights - average)
            if number % 3 == 0:
                np.testing.assert_allclose(seen.validated[number // 3 - 1], average, rtol=1e-12)
        np.testing.assert_allclose(flat(model), average, rtol=1e-12)
        assert model.evaluate(*d.test)["loss"] == history["val_loss"][-1]

    def test_early_stopping_keeps_the_average_it_measured(self) -> None:
        d, model, seen = tiny_dataset(), small(), Weights()
        stopping = EarlyStopping(patience=50)
        model.fit(d, epochs=8, batch_size=8, optimizer=SGD(3.0), validation_data=d.test,
                  callbacks=[WeightAverage(0.5), stopping, seen])  # fmt: skip
        assert np.array_equal(flat(model), seen.validated[stopping.best_epoch - 1])
        assert model.evaluate(*d.test)["loss"] == stopping.best

    @pytest.mark.parametrize("shown", [False, True])
    def test_it_goes_on_where_it_was(self, shown: bool) -> None:
        def script() -> Script:
            return Script(WeightAverage(0.5))

        def step(s: Script) -> None:
            x, y = blobs(8)
            s.step(x, y)

        whole, first, second = script(), script(), script()
        for s in (whole, first, second):
            s.tell("on_train_begin")
        for s in (whole, first):
            for _ in range(3):
                step(s)
            if shown:
                s.tell("on_batches_end")
        second.step.updater.load_state_dict(first.step.updater.state_dict())
        second.progress.model.arena.values[:] = first.progress.model.arena.values
        callback = first.callbacks[0]
        second.callbacks[0].restore({**callback.state(), **{k: np.array(v) for k, v in callback.arrays().items()}})
        for s in (whole, second):
            s.tell("on_epoch_begin")
            step(s)
            s.tell("on_train_end")
        assert np.array_equal(flat(whole.progress.model), flat(second.progress.model))
        assert whole.step.updater.after == []

    def test_a_decay_that_is_none(self) -> None:
        with pytest.raises(ModelError, match="WeightAverage: decay: expected a number between 0 and 1"):
            WeightAverage(1.0)


class TestNanGuard:
    def test_the_weights_stay_those_of_the_last_good_step(self) -> None:
        x, y = blobs(40)
        x[17, 3] = np.nan
        twin, model = small(), small()
        step = TrainStep(twin, SGD(0.1))
        step(x[:16], y[:16])
        with pytest.raises(
            TrainingError, match="step 2 of this training: the output of 0_dense is not finite"
        ) as caught:
            model.fit(x, y, batch_size=16, shuffle=False, optimizer=SGD(0.1), callbacks=[NanGuard()])
        assert np.array_equal(flat(model), flat(twin))
        assert isinstance(caught.value.history, History)
        assert "lower learning rate (it was 0.1)" in str(caught.value)
        assert "8 of 128 numbers are NaN or infinite" in str(caught.value)

    def test_the_gradient_that_began_it(self) -> None:
        """The first layer's input is huge: its product with a moderate gradient overflows, and no output does."""
        x, y = blobs(16)
        x[:, 0] = 3e38
        model = small(Dense(8, "tanh"), Dense(3))
        model.arena.values[:] = 1.0
        model.parameters()["0_dense.weight"][...] = 1e-38
        with pytest.raises(TrainingError, match=r"the gradient of 0_dense.weight is not finite \(\d+ of 48 numbers"):
            model.fit(x * 1e0, np.eye(3)[y] * 1e20, loss="mse", metrics=[], callbacks=[NanGuard()])
        assert np.all(model.parameters()["1_dense.bias"] == 1)

    def test_large_is_not_infinite(self) -> None:
        x, y = blobs(16)
        model = small()
        model.fit(x, np.eye(3)[y] * 1e19, loss="mse", optimizer=SGD(1e-30), metrics=[], callbacks=[NanGuard()])
        assert np.abs(model.arena.gradients).max() > 1e18

    def test_a_loss_alone(self) -> None:
        x, y = blobs(16)
        with pytest.raises(TrainingError, match="the targets may be too large"):
            small().fit(x, np.eye(3)[y] * 3e19, loss="mse", metrics=[], callbacks=[NanGuard()])

    def test_it_changes_nothing_else(self) -> None:
        d, one, other = tiny_dataset(), small(), small()
        one.fit(d, epochs=2, callbacks=[NanGuard()])
        other.fit(d, epochs=2)
        assert np.array_equal(flat(one), flat(other))


class TestTimeLimit:
    def test_it_ends_within_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr("numbanet.training.callbacks.time_limit.monotonic", lambda: now[0])

        class Clock(Callback):
            interval = 0.0

            def on_batch_end(self, progress: Progress) -> None:
                now[0] += 1.0

        ends: list[Progress] = []

        class End(Callback):
            def on_train_end(self, progress: Progress) -> None:
                ends.append(progress)

        limit = TimeLimit(12)
        history = small().fit(tiny_dataset(), epochs=9, batch_size=8, callbacks=[Clock(), limit, End()])
        assert history.epochs == 2 and ends[0].batch == 2
        assert limit.over and limit.words == "12 s"
        assert ends[0].reason == "", "a resume may go on"
        small().fit(tiny_dataset(), epochs=1, callbacks=[limit])
        assert not limit.over

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [(90, "1 min 30 s"), (300, "5 min"), (3600, "1 h"), (7261.5, "2 h 1 min 1.5 s"), (0.5, "0.5 s")],
    )
    def test_words(self, seconds: float, words: str) -> None:
        from numbanet.training.callbacks.time_limit import in_words

        assert in_words(seconds) == words

    def test_no_time_at_all(self) -> None:
        with pytest.raises(ModelError, match="TimeLimit: seconds: expected a number above 0"):
            TimeLimit(0)


@pytest.mark.parametrize("layers", [[Dense(8, "relu"), Dense(3)], [Dense(8), BatchNorm(), Dense(3)]])
def test_all_at_once_change_no_weight(layers: list[Layer], tmp_path: Path) -> None:
    """Those that only look; averaging apart."""
    d = tiny_dataset()
    plain = small(*[type(layer)(**layer.config()) for layer in layers])
    watched = small(*layers)
    plain.fit(d, epochs=3, batch_size=8)
    watched.fit(d, epochs=3, batch_size=8, validation_data=d.test, callbacks=[
        Statistics(), NanGuard(), CsvLog(tmp_path / "a"), JsonLog(tmp_path / "b"), Lines(io.StringIO()), TimeLimit(60),
    ])  # fmt: skip
    assert np.array_equal(flat(plain), flat(watched))
