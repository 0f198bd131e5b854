"""Callbacks that write: logs, statistics, lines and TensorBoard."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from numbanet.errors import TrainingError
from numbanet.optimizers import SGD
from numbanet.training.callbacks import (
    Callback,
    CsvLog,
    EarlyStopping,
    JsonLog,
    Lines,
    Statistics,
    TensorBoard,
)
from numbanet.training.history import History

from .helpers import small
from .scripted import Script, Weights, tiny_dataset


class TestLogs:
    def fit(self, *callbacks: Callback, epochs: int = 3) -> History:
        d = tiny_dataset()
        return small().fit(d, epochs=epochs, batch_size=16, validation_data=d.test, callbacks=callbacks,
                           optimizer=SGD(0.1, schedule="step,every=1 epoch,factor=0.5"))  # fmt: skip

    def test_csv_reads_back_to_the_same_numbers(self, tmp_path: Path) -> None:
        history = self.fit(CsvLog(tmp_path / "log.csv"))
        with (tmp_path / "log.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["epoch", "lr", *history]
        for name, column in history.items():
            assert [float(row[name]) for row in rows] == column
        assert [float(row["lr"]) for row in rows] == pytest.approx([0.1, 0.05, 0.025])
        assert [row["epoch"] for row in rows] == ["1", "2", "3"]

    def test_json_lines(self, tmp_path: Path) -> None:
        history = self.fit(JsonLog(tmp_path / "log.jsonl"))
        rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        assert [row["val_loss"] for row in rows] == history["val_loss"]
        assert json.loads(JsonLog("x").encode({"loss": math.nan, "a": math.inf}, True)) == {"loss": None, "a": None}

    def test_nothing_is_overwritten_unless_allowed(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        path.write_text("my thesis")
        with pytest.raises(TrainingError, match="there already"):
            self.fit(CsvLog(path))
        assert path.read_text() == "my thesis"
        self.fit(CsvLog(path, overwrite=True))
        assert len(path.read_text().splitlines()) == 4
        with pytest.raises(TrainingError, match="cannot be written"):
            self.fit(CsvLog(tmp_path / "nowhere" / "log.csv"))

    def test_a_resumed_training_writes_each_epoch_once(self, tmp_path: Path) -> None:
        path = tmp_path / "log.csv"
        log = CsvLog(path)
        script = Script(log)
        script.run(3.0, 2.0, end=False)
        saved = log.state()
        script.run(1.0, begin=False, end=False)  # was not in the checkpoint any more
        again = CsvLog(path, append=True)
        second = Script(again)
        second.progress.epoch = 2
        second.tell("on_train_begin")
        again.restore(saved)
        second.run(1.5, begin=False)
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        assert [(row["epoch"], row["val_loss"]) for row in rows] == [("1", "3.0"), ("2", "2.0"), ("3", "1.5")]


def test_statistics() -> None:
    d, model, statistics = tiny_dataset(), small(), Statistics()
    steps = Weights()
    model.fit(d, epochs=2, batch_size=16, optimizer=SGD(0.1), callbacks=[statistics, steps])
    assert [(row.epoch, row.name) for row in statistics.rows] == [
        (epoch, name) for epoch in (1, 2) for name in model.parameters()
    ]
    row, w = statistics.of_epoch[0], model.parameters()["0_dense.weight"]
    assert row.weight == pytest.approx(math.sqrt(np.mean(w**2)), rel=1e-6)
    assert (row.weight_mean, row.weight_std) == pytest.approx((w.mean(), w.std()), rel=1e-5)
    g = model.gradients()["0_dense.weight"]
    assert row.gradient == pytest.approx(math.sqrt(np.mean(g**2)), rel=1e-6)
    assert row.update == pytest.approx(0.1 * row.gradient, rel=1e-3)
    assert row.update_ratio == pytest.approx(row.update / row.weight)
    assert row.zeros == np.mean(g == 0)
    again = Statistics()
    again.restore(json.loads(json.dumps(statistics.state())))
    assert again.rows == statistics.rows


def test_lines() -> None:
    stream, d = io.StringIO(), tiny_dataset()
    small().fit(d, epochs=9, validation_data=d.test, optimizer=SGD(1e-9),
                callbacks=[EarlyStopping(2, min_delta=1), Lines(stream)])  # fmt: skip
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("epoch 1/9   loss ") and "val_accuracy" in lines[0] and lines[0].endswith("examples/s")
    assert len(lines) == 4
    assert lines[3].startswith("stopped: val_loss has not become better than")


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    d, model = tiny_dataset(), small()
    history = model.fit(d, epochs=3, validation_data=d.test, callbacks=[TensorBoard(tmp_path, histograms=True)])
    found: dict[str, dict[str, list[float]]] = {}
    for run in ("train", "validation"):
        [file] = (tmp_path / run).iterdir()
        found[run] = {}
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                number = value.tensor.float_val[0] if value.tensor.float_val else math.nan
                found[run].setdefault(value.tag, []).append(number)
    assert found["train"]["loss"] == pytest.approx(history["loss"])
    assert found["validation"]["accuracy"] == pytest.approx(history["val_accuracy"])
    assert len(found["train"]["0_dense.weight"]) == 3
    assert set(found["validation"]) == {"loss", "accuracy"}


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(TrainingError, match=r'pip install "numbanet\[tensorboard\]"'):
        small().fit(tiny_dataset(), callbacks=[TensorBoard(tmp_path)])
