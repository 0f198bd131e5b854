"""The folder of checkpoints: what is kept, what happens to damaged files, and where nothing can be written."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet import atomic
from numbanet.errors import ModelError, ModelFileError, TrainingError
from numbanet.optimizers import SGD, Adam
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.checkpoint import Checkpoint, is_better, latest
from numbanet.training.snapshot import read_snapshot
from numbanet.training.writer import Job, Writer
from tests.model.helpers import blobs, flat, small


def train(folder: Path, epochs: int = 4, **options: Any) -> nn.Sequential:
    model = small()
    checkpoint = Checkpoint(folder, **options)
    arguments = {"epochs": epochs, "batch_size": 16, "optimizer": Adam(0.01)}
    model.fit(*blobs(40), validation_data=blobs(20, seed=1), callbacks=[checkpoint], **arguments)
    return model


def test_what_is_kept(tmp_path: Path) -> None:
    model = train(tmp_path, epochs=5, every=2, keep=1, seconds=0.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.safetensors",
        "epoch-0004.safetensors",
        "last.safetensors",
        "previous.safetensors",
    ]
    assert np.array_equal(flat(nn.load(tmp_path / "last.safetensors")), flat(model))
    losses = latest(tmp_path)[0].history["val_loss"]
    best = nn.load(tmp_path / "best.safetensors")
    assert best.evaluate(*blobs(20, seed=1))["loss"] == min(losses)


def test_the_best_by_another_number(tmp_path: Path) -> None:
    train(tmp_path, monitor="val_accuracy")
    accuracies = latest(tmp_path)[0].history["val_accuracy"]
    best = nn.load(tmp_path / "best.safetensors")
    assert best.evaluate(*blobs(20, seed=1))["accuracy"] == max(accuracies)
    with pytest.raises(ModelFileError, match=r"monitor: expected one of loss, accuracy.*found 'val_f1'"):
        train(tmp_path, monitor="val_f1")


def test_better() -> None:
    assert is_better("val_loss", 1.0, float("nan")) and is_better("val_loss", 0.5, 1.0)
    assert not is_better("val_loss", 1.0, 1.0) and not is_better("loss", float("nan"), 1.0)
    assert is_better("val_accuracy", 0.9, 0.8) and not is_better("top5", 0.7, 0.8)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "gone"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    whole = train(tmp_path)
    last = tmp_path / "last.safetensors"
    content = bytearray(last.read_bytes())
    if damage == "flipped":
        content[-100] ^= 1
    last.write_bytes({"cut": content[:-7], "empty": b""}.get(damage, content))
    if damage == "gone":  # killed between the two moves
        last.unlink()
    said: list[str] = []
    snapshot, path = latest(tmp_path, said.append)
    assert path.name == "previous.safetensors"
    assert len(said) == (0 if damage == "gone" else 1)
    assert all("last.safetensors" in text and "passed over" in text for text in said)
    model = small()
    data = {"validation_data": blobs(20, seed=1), "callbacks": [Checkpoint(tmp_path)]}
    model.fit(*blobs(40), epochs=4, batch_size=16, optimizer=Adam(0.01), resume=snapshot, **data)
    assert np.array_equal(flat(model), flat(whole))


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    train(tmp_path, epochs=1)
    last = tmp_path / "last.safetensors"
    content = last.read_bytes()
    whole = latest(tmp_path)[0].encode()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(8)
        last.write_bytes(damaged)
        try:
            found = read_snapshot(last)
        except ModelFileError:
            continue
        assert found.encode() == whole  # the bit means nothing: a space in the header


def test_none_is_whole(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="found no whole one"):
        latest(tmp_path)
    (tmp_path / "last.safetensors").write_bytes(b"no")
    with pytest.raises(ModelFileError, match="found no whole one"):
        latest(tmp_path, lambda text: None)


def test_leftovers_of_a_killed_process_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".last.safetensors.0123abcd").write_bytes(b"half")
    (tmp_path / ".mine").write_bytes(b"")
    train(tmp_path, epochs=1)
    assert not (tmp_path / ".last.safetensors.0123abcd").exists()
    assert (tmp_path / ".mine").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    said: list[str] = []
    model = train(tmp_path, epochs=6, warn=said.append)
    assert len(said) == 1 and "the disk is full" in said[0]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.undo()
    assert np.array_equal(flat(train(tmp_path, epochs=6)), flat(model))


def test_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFileError, match="no folder for checkpoints"):
        train(tmp_path / "file" / "checkpoints")


@pytest.mark.parametrize("options", [{"seconds": -1}, {"every": -1}, {"keep": 1.5}], ids=str)
def test_bad_arguments(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="Checkpoint: "):
        Checkpoint(tmp_path, **options)


def test_a_diverged_model_is_not_saved(tmp_path: Path) -> None:
    x, y = blobs(40)
    targets = np.stack([y, y, y], axis=1)
    checkpoint = Checkpoint(tmp_path, seconds=0.0)
    with pytest.raises(TrainingError):
        small().fit(x, targets, loss="mse", epochs=50, optimizer=SGD(1e20), batch_size=8, callbacks=[checkpoint])
    for path in tmp_path.iterdir():
        assert all(np.isfinite(array).all() for array in nn.load(path).parameters().values())


def test_meta_that_cannot_be_saved(tmp_path: Path) -> None:
    model = small()
    model.meta["array"] = np.zeros(3)
    with pytest.raises(ModelError, match="meta must consist of what JSON can hold"):
        model.fit(*blobs(40), epochs=2, callbacks=[Checkpoint(tmp_path)])


def test_told_after_all_others(tmp_path: Path) -> None:
    """A callback that ends the training is heard first, in whatever order they were passed."""

    class Stop(Callback):
        def on_epoch_end(self, progress: Progress) -> None:
            progress.stop, progress.reason = progress.epoch == 2, "enough"

    small().fit(*blobs(40), epochs=9, batch_size=16, callbacks=[Checkpoint(tmp_path), Stop()])
    assert latest(tmp_path)[0].reason == "enough"


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["", "", ""], [3]),
        (["best", "best", "best"], [3]),  # a better one makes the best so far superfluous
        (["", "best", "best epoch-3"], [3]),
        (["best", "", "best"], [1, 3]),  # one that is no better does not
        (["epoch-1", "epoch-2", ""], [1, 2, 3]),
    ],
)
def test_a_slow_disk_holds_nothing_up(names: list[str], written: list[int]) -> None:
    """What waits is left out where a later job makes the same files."""
    writer, gate, done = Writer(), threading.Event(), []
    writer.WAITING = 3
    writer.put(Job(lambda: (gate.wait(), done.append(0))[1], frozenset()))
    time.sleep(0.05)
    for number, files in enumerate(names, start=1):
        writer.put(Job(lambda number=number: done.append(number), frozenset(files.split())))
    gate.set()
    writer.wait()
    writer.close()
    assert done == [0, *written]


def test_two_jobs_are_two_checkpoints_however_fast_they_come() -> None:
    writer, done = Writer(), []
    with writer._changed:  # its thread has no chance to begin
        for number in range(2):
            writer.put(Job(lambda number=number: done.append(number), frozenset()))
    writer.wait()
    writer.close()
    assert done == [0, 1]


def test_what_must_be_kept_is_waited_for() -> None:
    writer, done = Writer(), []
    for number in range(20):
        writer.put(Job(lambda number=number: (time.sleep(0.002), done.append(number))[1], frozenset([str(number)])))
    writer.wait()
    writer.close()
    assert done == list(range(20))
