"""Checkpoints: a callback that keeps a folder of snapshots, and the way back from there.

    model.fit(data, epochs=20, callbacks=[Checkpoint("checkpoints")])
    model.fit(data, epochs=20, callbacks=[Checkpoint("checkpoints")], resume="checkpoints/last.safetensors")

    last.safetensors         after each epoch, and within long ones
    previous.safetensors     the one before, should `last` be damaged
    best.safetensors         after the epoch with the best `monitor`
    epoch-0010.safetensors   every so many epochs, where wanted

Each is a model file, too: `numbanet.load("checkpoints/best.safetensors")`.
"""

from __future__ import annotations

import math
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from numbanet.atomic import problem, remove_leftovers, sync_folder, temporary_name, write_beside
from numbanet.configurable import check_number, check_whole
from numbanet.errors import ModelFileError
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.callbacks.monitor import RISING
from numbanet.training.snapshot import Snapshot, read_snapshot
from numbanet.training.writer import Job, Writer

LAST, PREVIOUS, BEST, SUFFIX = "last", "previous", "best", ".safetensors"


class Checkpoint(Callback):
    """Saves all that a resume needs, in another thread: after each epoch, at Ctrl-C, and within an epoch where the
    last time was `seconds` ago (0: after each batch).

    `monitor`: what decides which epoch is best, by default `val_loss` or, without validation data, `loss`.
    `every`: also keep a checkpoint of its own every so many epochs, the latest `keep` of them (0: all).

    Training goes on where a checkpoint cannot be written, and `warn` is called with a sentence about it; what was
    written before stays. A model that has diverged is not saved.
    """

    last = True

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        seconds: float = 30.0,
        monitor: str | None = None,
        every: int = 0,
        keep: int = 0,
        warn: Callable[[str], object] = warnings.warn,
    ) -> None:
        check_number("Checkpoint", "seconds", seconds, 0.0)
        self.folder = Path(folder)
        self.seconds = seconds
        self.monitor = monitor
        self.every = check_whole("Checkpoint", "every", every, 0)
        self.keep = check_whole("Checkpoint", "keep", keep, 0)
        self.interval = min(Callback.interval, seconds)
        self._warn = warn
        self._writer: Writer | None = None
        self._warned = False
        self._best = math.nan
        self._due = 0.0

    def on_train_begin(self, progress: Progress) -> None:
        """Make the folder, and clear away what a process that was killed has left half written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.folder)
        except OSError as error:
            raise ModelFileError(f"{self.folder}: no folder for checkpoints: {error.strerror or error}.") from error
        self._writer, self._warned, self._best = Writer(), False, math.nan
        self._due = perf_counter() + self.seconds

    def on_batch_end(self, progress: Progress) -> None:
        """Save when it is time, and where another callback ends the training here."""
        if progress.batch < progress.batches and (perf_counter() >= self._due or progress.stop):
            self._save(progress, [])

    def on_epoch_end(self, progress: Progress) -> None:
        """Save; see whether the epoch was the best so far."""
        also = []
        numbers = progress.history.last
        name = self.monitor or ("val_loss" if "val_loss" in numbers else "loss")
        if name not in numbers:
            raise ModelFileError(f"Checkpoint: monitor: expected one of {', '.join(numbers)}, found {name!r}.")
        if is_better(name, numbers[name], self._best):
            self._best = numbers[name]
            also.append(BEST)
        if self.every and progress.epoch % self.every == 0:
            also.append(f"epoch-{progress.epoch:04}")
        self._save(progress, also)

    def on_interrupt(self, progress: Progress) -> None:
        """Save, and wait until that is done."""
        writer = self._writer
        if writer is None:
            return
        self._writer = None  # a second Ctrl-C while this waits ends it: `on_train_end` must not wait again
        writer.put(self._job(progress, []))
        writer.wait()
        writer.close()
        self._complain(writer)

    def on_train_end(self, progress: Progress) -> None:
        """Wait until all is written."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if not progress.history.interrupted:
            writer.wait()
        writer.close()
        self._complain(writer)

    def state(self) -> dict[str, Any]:
        """The best number so far."""
        return {} if math.isnan(self._best) else {"best": self._best}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._best = float(state["best"])

    def _save(self, progress: Progress, also: list[str]) -> None:
        assert self._writer is not None
        self._complain(self._writer)
        self._writer.put(self._job(progress, also))
        self._due = perf_counter() + self.seconds

    def _job(self, progress: Progress, also: list[str]) -> Job:
        snapshot, folder, keep = progress.snapshot(), self.folder, self.keep

        def write() -> None:
            if not _is_finite(snapshot):
                return
            save_snapshot(snapshot, folder, also)
            if keep and any(name.startswith("epoch-") for name in also):
                for path in sorted(folder.glob(f"epoch-*{SUFFIX}"))[:-keep]:
                    path.unlink()

        return Job(write, frozenset(also))

    def _complain(self, writer: Writer) -> None:
        """Warn of the first of several failures in a row; raise what is not the disk's fault."""
        error = writer.error
        if isinstance(error, OSError):
            path = self.folder / f"{LAST}{SUFFIX}"
            if not self._warned:
                self._warn(f"{path}: no checkpoint could be written: {problem(error, path)}.")
        elif error is not None:
            raise error
        self._warned = error is not None


def _is_finite(snapshot: Snapshot) -> bool:
    """Whether the epoch's loss and all weights are numbers."""
    sums = (array.sum(dtype=np.float64) for array in (snapshot.totals, *snapshot.tensors.values()))
    return all(math.isfinite(total) for total in sums)


def is_better(name: str, value: float, best: float) -> bool:
    """Whether the number of this name is better than the best so far, which is NaN where there is none."""
    rising = name.removeprefix("val_").startswith(RISING)
    return not math.isnan(value) and (math.isnan(best) or (value > best if rising else value < best))


def save_snapshot(snapshot: Snapshot, folder: Path, also: list[str]) -> None:
    """Write `last`, of which the one before becomes `previous`, and the same under other names. Raises `OSError`.

    Each file is there and whole at any moment. `last` is moved last: a process that dies before goes on from the one
    before, and writes all of these once more.
    """
    last, previous = folder / f"{LAST}{SUFFIX}", folder / f"{PREVIOUS}{SUFFIX}"
    temporary = write_beside(last, snapshot.encode())
    try:
        for name in also:
            _place_twin(temporary, folder / f"{name}{SUFFIX}")
        if last.exists():
            _place_twin(last, previous)
        os.replace(temporary, last)
        sync_folder(folder)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _place_twin(source: Path, path: Path) -> None:
    """The content of `source` also as `path`: the same file under two names, where there can be such."""
    temporary = temporary_name(path)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def latest(folder: str | PathLike[str], warn: Callable[[str], object] = warnings.warn) -> tuple[Snapshot, Path]:
    """The snapshot from which to go on, and its file: `last`, or what is next best where that is damaged.

    Whatever it starts from, a resumed training comes to the same weights. `warn` is called for each damaged file.
    Raises `ModelFileError` where there is no whole checkpoint.
    """
    folder = Path(folder)
    others = sorted(folder.glob(f"epoch-*{SUFFIX}"), reverse=True)
    paths = [folder / f"{LAST}{SUFFIX}", folder / f"{PREVIOUS}{SUFFIX}", *others, folder / f"{BEST}{SUFFIX}"]
    for path in paths:
        if not path.exists():
            continue
        try:
            return read_snapshot(path), path
        except ModelFileError as error:
            warn(f"{error} It is passed over; an older checkpoint takes its place.")
    raise ModelFileError(f"{folder}: expected a checkpoint to go on from, found no whole one. Train anew.")
