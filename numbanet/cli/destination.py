"""Where a trained model goes: decided and tried before training, not after."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from numbanet.errors import ModelFileError, NumbanetError, RunError
from numbanet.serialize import KEY
from numbanet.training.run import is_run

SUFFIX = ".safetensors"
RUNS = "NUMBANET_RUNS"


def runs_folder(wanted: str | None) -> Path:
    """--runs, else NUMBANET_RUNS, else `runs` here."""
    return Path(wanted or os.environ.get(RUNS) or "runs").expanduser()


def check_runs(root: Path, name: str, overwrite: bool) -> None:
    """Raise `RunError` unless a run, of this name where one was given, can be made in the folder `root`."""
    if name and (Path(name).name != name or name.startswith(".")):
        raise RunError(f"--name {name}: expected a folder's name, without a path. Name the place with --runs FOLDER.")
    if name and (root / name).exists():
        if not is_run(root / name):
            raise RunError(f"{root / name}: something that is no run is there, and it is left alone. Name another.")
        if not overwrite:
            raise RunError(f"{root / name} is there already. Replace it with --overwrite, or name another.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise RunError(
            f"{root}: no run can be written there: {error.strerror or error}. Name another folder with --runs, or save "
            "the model alone with --out FILE."
        ) from error


def stem_of(data_set: str, model: str) -> str:
    """`mnist` and `mlp` -> mnist-mlp; a path counts by its last part."""
    stem = Path(data_set).name.split(".")[0] or "model"
    return re.sub(r"[^\w-]+", "-", f"{stem}-{model}")


def default_destination(data_set: str, model: str) -> Path:
    """mnist-mlp.safetensors in the current folder."""
    return Path(stem_of(data_set, model) + SUFFIX)


def check_destination(path: Path, overwrite: bool) -> None:
    """Raise `ModelFileError` unless a model can be written there without harm to anything else.

    `overwrite`: another model there may be replaced.
    """
    if path.suffix != SUFFIX:
        raise ModelFileError(f"--out {path}: a model's file ends in {SUFFIX}: {path.name}{SUFFIX}")
    check_folder(path, ModelFileError)
    if path.exists():
        _check_replaceable(path)
        if not overwrite:
            raise ModelFileError(f"--out {path} is there already. Replace it with --overwrite, or name another.")


def check_folder(path: Path, failure: type[NumbanetError], option: str = "--out") -> None:
    """Raise `failure` unless the folder that `path` would stand in is there and can be written to."""
    folder = path.parent
    if not folder.exists():
        raise failure(f"{option} {path}: the folder {folder} does not exist. Make it, or name another.")
    if not folder.is_dir():
        raise failure(f"{option} {path}: {folder} is a file, not a folder. Name another with {option} FILE.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise failure(
            f"{option} {path}: the folder {folder.resolve()} cannot be written to: {error.strerror or error}. "
            f"Name another file with {option} FILE."
        ) from error


def _check_replaceable(path: Path) -> None:
    if not path.is_file():
        raise ModelFileError(f"--out {path}: something that is not a file is there. Name another.")
    try:
        with safe_open(path, framework="numpy") as file:
            ours = KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        ours = False
    if not ours:
        raise ModelFileError(
            f"--out {path}: a file is there that is no numbanet model, and it is left alone. "
            "Name another with --out FILE."
        )
