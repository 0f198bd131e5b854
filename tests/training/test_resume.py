"""A training that is cut anywhere and resumed ends as if nothing had happened, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import numbanet as nn
from numbanet.errors import ModelError, ModelFileError
from numbanet.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, Normalize
from numbanet.model import Sequential
from numbanet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from numbanet.schedules import Cosine, Step
from numbanet.serialize import encode, read
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.checkpoint import latest
from numbanet.training.history import History, TrainingInterrupted
from numbanet.training.metrics import TopK
from numbanet.training.snapshot import Snapshot, read_snapshot
from tests.model.helpers import blobs, small

EPOCHS, BATCHES = 3, 4


def images(n: int = 28, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 10, 10, 1), dtype=np.uint8), rng.integers(0, 5, n)


def network() -> Sequential:
    """State of every kind: running statistics, dropout, learned normalization."""
    layers = [Conv2D(4, 3, bias=False), BatchNorm(activation="relu"), Flatten(), Normalize(), Dropout(0.3), Dense(5)]
    return Sequential(*layers, input_shape=(10, 10, 1), seed=7)


class CutAt(Callback):
    """Ctrl-C after so many batches; keeps the snapshot that a checkpoint would hold."""

    interval = 0.0
    last = True

    def __init__(self, batches: int) -> None:
        self.left = batches
        self.snapshot: Snapshot | None = None

    def on_batch_end(self, progress: Progress) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def on_interrupt(self, progress: Progress) -> None:
        self.snapshot = progress.snapshot()


def train(model: Sequential, **options: Any) -> History:
    arguments: dict[str, Any] = {
        "epochs": EPOCHS,
        "batch_size": 8,
        "optimizer": Adam(0.01, schedule=Cosine(), clip_norm=1.0, weight_decay=0.01),
        "augment": "shift=1,rotate=10",
        "metrics": ["accuracy", TopK(2)],
        "validation_data": images(12, seed=1),
    }
    return model.fit(*images(), **arguments | options)


def everything(model: Sequential) -> NDArray[Any]:
    arrays = {**model.parameters(), **model.state()}
    return np.concatenate([np.append(array.ravel(), model.step) for array in arrays.values()])


def assert_alike(history: History, other: History) -> None:
    for name in other:
        if name not in ("seconds", "samples_per_second"):
            assert history[name] == other[name], name


def cut_and_resume(
    batches: int, file: Path, make: Callable[[], Sequential], fit: Callable[..., History]
) -> tuple[Sequential, History]:
    cut = CutAt(batches)
    with pytest.raises(TrainingInterrupted):
        fit(make(), callbacks=[cut])
    assert cut.snapshot is not None
    file.write_bytes(cut.snapshot.encode())
    model = make()
    return model, fit(model, resume=file)


@pytest.mark.parametrize("batches", range(1, EPOCHS * BATCHES + 1))
def test_cut_after_any_batch(batches: int, tmp_path: Path) -> None:
    whole = network()
    history = train(whole)
    model, resumed = cut_and_resume(batches, tmp_path / "cut.safetensors", network, train)
    assert np.array_equal(everything(model), everything(whole))
    assert_alike(resumed, history)
    assert resumed.epochs == EPOCHS


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1),
        SGD(0.05, momentum=0.9),
        SGD(0.05, momentum=0.9, nesterov=True, schedule=Step(0.5)),
        RMSprop(0.01),
        RMSprop(0.01, momentum=0.5),
        Adam(0.01),
        AdamW(0.01, clip_value=0.1),
    ],
    ids=repr,
)
def test_every_optimizer(optimizer: Optimizer, tmp_path: Path) -> None:
    def fit(model: Sequential, **options: Any) -> History:
        return model.fit(*blobs(40), epochs=3, batch_size=16, optimizer=optimizer, **options)

    whole = small()
    fit(whole)
    model, _ = cut_and_resume(5, tmp_path / "cut.safetensors", small, fit)
    assert np.array_equal(everything(model), everything(whole))


def test_cut_again_and_again(tmp_path: Path) -> None:
    whole = network()
    train(whole)
    file, resume = tmp_path / "cut.safetensors", None
    for batches in (3, 2, 4):
        cut = CutAt(batches)
        with pytest.raises(TrainingInterrupted):
            train(network(), callbacks=[cut], resume=resume)
        assert cut.snapshot is not None
        file.write_bytes(cut.snapshot.encode())
        resume = file
    assert (read_snapshot(file).epoch, read_snapshot(file).batch) == (2, 1)
    model = network()
    train(model, resume=read_snapshot(file))
    assert np.array_equal(everything(model), everything(whole))


def test_ctrl_c_while_validating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The validation uses the same metric objects, whose sums of the training must come back."""
    from numbanet.training.evaluate import Evaluation

    whole = network()
    history = train(whole)
    run, runs = Evaluation.run, []

    def interrupted(self: Evaluation) -> dict[str, float]:
        result = run(self)
        runs.append(result)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Evaluation, "run", interrupted)
    model, resumed = cut_and_resume(1000, tmp_path / "cut.safetensors", network, train)
    assert np.array_equal(everything(model), everything(whole))
    assert_alike(resumed, history)


def test_more_epochs_than_were_planned(tmp_path: Path) -> None:
    """With a rate that does not depend on the length, it is the same as having wanted them at once."""
    fit = {"optimizer": Adam(0.01), "callbacks": [nn.Checkpoint(tmp_path)]}
    train(network(), **fit | {"epochs": 2})
    longer, whole = network(), network()
    history = train(longer, **fit | {"epochs": 4}, resume=tmp_path / "last.safetensors")
    train(whole, **fit | {"epochs": 4, "callbacks": []})
    assert np.array_equal(everything(longer), everything(whole))
    assert history.epochs == 4
    assert train(longer, **fit | {"epochs": 1}, resume=tmp_path / "last.safetensors").epochs == 4


class Counter(Callback):
    """Remembers numbers and an array, and ends the training after five batches."""

    interval = 0.0

    def __init__(self, most: int = 10**9) -> None:
        self.most = most

    def on_train_begin(self, progress: Progress) -> None:
        self.batches, self.losses = 0, np.zeros(EPOCHS * BATCHES)

    def on_batch_end(self, progress: Progress) -> None:
        self.losses[self.batches] = progress.loss
        self.batches += 1

    def on_epoch_end(self, progress: Progress) -> None:
        if self.batches >= self.most:
            progress.stop, progress.reason = True, f"{self.batches} batches"

    def state(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"losses": self.losses}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.batches, self.losses = state["batches"], np.array(state["losses"])


def test_callbacks_remember(tmp_path: Path) -> None:
    whole, counters = Counter(), [Counter(), Counter()]
    train(network(), callbacks=[whole])
    cut = CutAt(6)
    with pytest.raises(TrainingInterrupted):
        train(network(), callbacks=[cut, counters[0]])
    assert cut.snapshot is not None
    train(network(), callbacks=[Callback(), counters[1]], resume=cut.snapshot)
    assert counters[0].batches == 6
    assert counters[1].batches == whole.batches == EPOCHS * BATCHES
    assert np.array_equal(counters[1].losses, whole.losses)
    with pytest.raises(ModelError, match="missing Counter"):
        train(network(), resume=cut.snapshot)


def test_a_training_that_was_over_stays_so(tmp_path: Path) -> None:
    ended = network()
    history = train(ended, callbacks=[nn.Checkpoint(tmp_path), Counter(most=BATCHES * 2)])
    assert history.epochs == 2
    snapshot, _ = latest(tmp_path)
    assert snapshot.reason == "8 batches"
    model = network()
    assert train(model, callbacks=[Counter()], resume=snapshot).epochs == 2
    assert np.array_equal(everything(model), everything(ended))


def test_a_pause_is_no_end(tmp_path: Path) -> None:
    class Pause(Callback):
        interval = 0.0

        def on_batch_end(self, progress: Progress) -> None:
            progress.stop = progress.epoch == 2 and progress.batch == 3

    whole, model = network(), network()
    train(whole)
    assert train(network(), callbacks=[Pause(), nn.Checkpoint(tmp_path)]).epochs == 1
    snapshot, _ = latest(tmp_path)
    assert (snapshot.epoch, snapshot.batch, snapshot.reason) == (1, 3, "")
    train(model, resume=snapshot)
    assert np.array_equal(everything(model), everything(whole))


MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"batch_size": 9}, "resume: expected batch_size 8, as in the checkpoint, found 9"),
    ({"shuffle": False}, "resume: expected shuffle True"),
    ({"optimizer": "sgd"}, "SGD: expected the state"),
    ({"metrics": ["accuracy"]}, r"resume: expected the metrics \['TopK'\]"),
]


@pytest.mark.parametrize("number", range(len(MISFITS)))
def test_what_does_not_fit_changes_nothing(number: int) -> None:
    options, message = MISFITS[number]
    cut, model = CutAt(5), network()
    with pytest.raises(TrainingInterrupted):
        train(network(), callbacks=[cut])
    before = everything(model)
    with pytest.raises(ModelError, match=message):
        train(model, resume=cut.snapshot, **options)
    assert np.array_equal(everything(model), before)


def test_another_model(tmp_path: Path) -> None:
    cut = CutAt(5)
    with pytest.raises(TrainingInterrupted):
        train(network(), callbacks=[cut])
    other = Sequential(Flatten(), Dense(5), input_shape=(10, 10, 1), seed=7)
    with pytest.raises((ModelError, ModelFileError), match=r"expected the state|tensors do not fit"):
        train(other, resume=cut.snapshot)
    with pytest.raises(ModelError, match="expected seed 7"):
        train(Sequential(Flatten(), Dense(5), input_shape=(10, 10, 1), seed=8), resume=cut.snapshot)
    with pytest.raises(ModelFileError, match="no such file"):
        train(network(), resume=tmp_path / "none.safetensors")
    small().save(tmp_path / "model.safetensors")
    with pytest.raises(ModelFileError, match="a model, but no checkpoint"):
        train(network(), resume=tmp_path / "model.safetensors")


def test_files_of_another_time(tmp_path: Path) -> None:
    train(network(), callbacks=[nn.Checkpoint(tmp_path)])
    file = tmp_path / "last.safetensors"
    whole, tensors = read(file)
    for change, message in (
        ({"format": 99}, "format 99.*Install a newer one"),
        ({"epoch": "x"}, "description of the training is damaged"),
        ({"callbacks": 7}, "description of the training is damaged"),
    ):
        file.write_bytes(encode({**whole, "training": {**whole["training"], **change}}, tensors, file))
        with pytest.raises(ModelFileError, match=message):
            read_snapshot(file)
