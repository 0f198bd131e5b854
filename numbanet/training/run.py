"""A run folder: what a training was, what it measured, and what it came to.

    runs/mnist-fastnet-001/
      config.toml            the resolved configuration: `numbanet train --config` repeats the run
      environment.json       versions, machine, command line
      run.json               how it stands: running, finished ...
      metrics.jsonl, .csv    a line for each epoch
      checkpoints/           see `checkpoint`
      model.safetensors      the result
      plots/, log.txt

A folder is prepared under another name and moved, so that there are only whole ones; its number is the next that
is free, also for processes that start at the same moment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from numbanet.atomic import problem, remove_leftovers, temporary_name, write_file
from numbanet.errors import RunError
from numbanet.training.lock import Lock

CONFIG, ENVIRONMENT, STATUS, MODEL, LOG = "config.toml", "environment.json", "run.json", "model.safetensors", "log.txt"
CHECKPOINTS, PLOTS, LOCK = "checkpoints", "plots", ".lock"
# Of a run: under way; done, all epochs or for a reason; stopped by Ctrl-C or a time limit; ended by an error; a process
# that is no more has left it as running.
RUNNING, FINISHED, STOPPED_EARLY, INTERRUPTED, FAILED, KILLED = (
    "running", "finished", "stopped early", "interrupted", "failed", "killed",
)  # fmt: skip


@dataclass
class Status:
    """How a run stands. `reason`: why it stopped early or failed; `data`: a fingerprint of what it trains on."""

    state: str = RUNNING
    reason: str = ""
    started: str = ""
    changed: str = ""
    epochs: int = 0
    data: str = ""
    sessions: int = 1


class Run:
    """The run in the folder `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = Lock(path / LOCK)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / CHECKPOINTS

    @property
    def model(self) -> Path:
        """The file of the trained model; there once the training has ended."""
        return self.path / MODEL

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration. Raises `RunError`."""
        file = self.path / CONFIG
        try:
            return tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{file}: the run's configuration cannot be read: {error}.") from error

    @property
    def status(self) -> Status:
        """How it stands; a run that no process works on any more is `KILLED`. Raises `RunError`."""
        file = self.path / STATUS
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            status = Status(**{name: kind(found[name]) for name, kind in _KINDS.items()})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file}: how the run stands cannot be read: {error!r}.") from error
        if status.state == RUNNING and not self.lock.is_taken():
            status.state = KILLED
        return status

    def note(self, status: Status) -> None:
        """Write down how it stands. Raises `RunError`."""
        status.changed = now()
        self.write(STATUS, json.dumps(asdict(status), indent=1).encode())

    def write(self, name: str, content: bytes) -> None:
        """A file of the folder, whole or not at all. Raises `RunError`."""
        file = self.path / name
        try:
            write_file(file, content)
        except OSError as error:
            raise RunError(f"{file}: cannot be written: {problem(error, file)}.") from error

    def log(self, text: str) -> None:
        """A line in the log, with the time. A log that cannot be written is no reason to end a training."""
        with suppress(OSError), (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(f"{now()}  {text}\n")

    def hold(self, patience: float = 1.0) -> None:
        """Take the lock: nobody else trains in this folder. Raises `RunError` where somebody does.

        `patience`: seconds to try; who only looks at a run holds its lock for a moment.
        """
        deadline = time.monotonic() + patience
        try:
            while not self.lock.take():
                if time.monotonic() > deadline:
                    raise RunError(f"{self.path}: another process is at work on this run. Wait for it, or end it.")
                time.sleep(0.02)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written to: {problem(error, self.lock.path)}.") from error

    def tidy(self) -> None:
        """Delete what a process that was killed has left half written. Only for who holds the lock."""
        with suppress(OSError):
            remove_leftovers(self.path)

    def remove(self) -> None:
        """Delete the folder. Raises `RunError` for a run that is under way."""
        if self.lock.is_taken():
            raise RunError(f"{self.path}: another process is at work on this run, and it is left alone.")
        try:
            aside = temporary_name(self.path)
            os.replace(self.path, aside)  # at once, so that half a run is never seen
            shutil.rmtree(aside)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be removed: {error.strerror or error}.") from error


_KINDS = {name: type(value) for name, value in asdict(Status()).items()}


def now() -> str:
    """The time, with its zone, to the second."""
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")


def is_run(path: Path) -> bool:
    """Whether a run lies there."""
    return (path / STATUS).is_file() and (path / CONFIG).is_file()


def all_runs(root: Path) -> list[Run]:
    """The runs in a folder, by name; none where the folder is not there."""
    if not root.is_dir():
        return []
    return [Run(path) for path in sorted(root.iterdir()) if not path.name.startswith(".") and is_run(path)]


def find_run(text: str, root: Path) -> Run | None:
    """The run at the path `text`, or of that name under `root`."""
    for path in (Path(text).expanduser(), root / text):
        if is_run(path):
            return Run(path)
    return None


def create_run(
    root: Path, stem: str, files: Mapping[str, bytes], status: Status, *, name: str = "", overwrite: bool = False
) -> Run:
    """A new run under `root`, held by this process: `<stem>-<number>`, or `name`, which must be free to `overwrite`.

    `files` are written into it. Raises `RunError`.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        prepared = temporary_name(root / stem)
        prepared.mkdir()
    except OSError as error:
        raise RunError(f"{root}: no folder for runs: {problem(error, root / stem)}. Name another: --runs.") from error
    try:
        run = Run(prepared)
        (prepared / CHECKPOINTS).mkdir()
        for file, content in files.items():
            run.write(file, content)
        status.started = status.started or now()
        run.note(status)
        placed = _place_named(prepared, root / name, overwrite) if name else _place_numbered(prepared, root, stem)
    except BaseException:
        shutil.rmtree(prepared, ignore_errors=True)
        raise
    run = Run(placed)
    run.hold()
    return run


def _place_numbered(prepared: Path, root: Path, stem: str) -> Path:
    pattern = re.compile(re.escape(stem) + r"-(\d+)")
    matches = [pattern.fullmatch(path.name) for path in root.iterdir()]
    number = max((int(match[1]) for match in matches if match), default=0)
    while True:
        number += 1
        place = root / f"{stem}-{number:03}"
        if not place.exists() and _move(prepared, place):
            return place


def _place_named(prepared: Path, place: Path, overwrite: bool) -> Path:
    if place.exists():
        if not is_run(place):
            raise RunError(f"{place}: something that is no run is there, and it is left alone. Name another.")
        if not overwrite:
            raise RunError(f"{place} is there already. Replace it with --overwrite, or name another.")
        Run(place).remove()
    if not _move(prepared, place):
        raise RunError(f"{place} has just been taken by another process. Name another.")
    return place


def _move(source: Path, place: Path) -> bool:
    """Move a folder; False where the place has been taken. Any other trouble raises `RunError`."""
    try:
        os.rename(source, place)
    except OSError as error:
        if place.exists():
            return False
        raise RunError(f"{place}: cannot be made: {problem(error, place)}.") from error
    return True
