"""Where a trained model goes: decided and tried before training, not after."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from numbanet.errors import ModelFileError, NumbanetError
from numbanet.serialize import KEY

SUFFIX = ".safetensors"


def default_destination(data_set: str, model: str) -> Path:
    """`mnist` and `mlp` -> mnist-mlp.safetensors in the current folder; a path counts by its last part."""
    stem = Path(data_set).name.split(".")[0] or "model"
    return Path(re.sub(r"[^\w-]+", "-", f"{stem}-{model}") + SUFFIX)


def check_destination(path: Path) -> None:
    """Raise `ModelFileError` unless a model can be written there without harm to anything else."""
    if path.suffix != SUFFIX:
        raise ModelFileError(f"--out {path}: a model's file ends in {SUFFIX}: {path.name}{SUFFIX}")
    check_folder(path, ModelFileError)
    if path.exists():
        _check_replaceable(path)


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
