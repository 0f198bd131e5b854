"""Model files: safetensors, with the architecture as JSON in the header's metadata.

    metadata["numbanet"] = {"format": 1, "version": "0.1.0", "input_shape": [28, 28, 1], "dtype": "float32",
                            "seed": 0, "step": 4690, "layers": [{"type": "Dense", "units": 128, ...}, ...],
                            "loss": {"type": "CrossEntropy", ...} or null, "meta": {...}}
    tensors              = parameters and state, by the names of `Sequential.parameters()` and `.state()`

Reading such a file runs no code from it, which pickle would. A file is written beside its place under another
name and then moved, so that there is always a whole one.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from numbanet import losses
from numbanet.backend import Array, Backend
from numbanet.configurable import check_whole, from_config
from numbanet.errors import ModelError, ModelFileError
from numbanet.layers import LAYERS
from numbanet.model import Sequential
from numbanet.version import __version__

KEY = "numbanet"
FORMAT = 1  # raised whenever an older numbanet could not read the file


def save(model: Sequential, path: str | PathLike[str]) -> None:
    """Write `model` to `path`, whole or not at all. Raises `ModelFileError`."""
    path = Path(path)
    description = {
        "format": FORMAT,
        "version": __version__,
        "input_shape": model.input_shape,
        "dtype": model.dtype,
        "seed": model.seed,
        "step": int(model.backend.to_numpy(model.step)[0]),
        "layers": [{"type": type(layer).__name__, **layer.config()} for layer in model.layers],
        "loss": None if model.loss is None else {"type": type(model.loss).__name__, **model.loss.config()},
        "meta": model.meta,
    }
    try:
        text = json.dumps(description)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path}: the model's meta must consist of what JSON can hold: {error}.") from error
    tensors = {name: model.backend.to_numpy(array) for name, array in _tensors(model).items()}
    content = to_bytes(tensors, metadata={KEY: text})
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ModelFileError(_explain(error, path)) from error
    finally:
        with suppress(OSError):  # gone after the move; in a folder that does not exist it never was
            temporary.unlink()


def load(path: str | PathLike[str], device: str | Backend = "cpu") -> Sequential:
    """The model in the file `path`, on `device`. Raises `ModelFileError`."""
    path = Path(path)
    text, tensors = _read(path)
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: its description of the model is damaged: {error}.") from error
    if not isinstance(description, dict) or not isinstance(description.get("format"), int):
        raise ModelFileError(f"{path}: its description of the model is damaged: it has no format number.")
    if description["format"] > FORMAT:
        raise ModelFileError(
            f"{path}: written by numbanet {description.get('version')} in format {description['format']}; "
            f"this is numbanet {__version__}, which reads up to format {FORMAT}. Install a newer numbanet."
        )
    try:
        model = _build(description, device)
    except KeyError as error:
        raise ModelFileError(f"{path}: its description of the model lacks {error}.") from error
    except (TypeError, ValueError, MemoryError, RecursionError) as error:
        raise ModelFileError(f"{path}: its description of the model is damaged: {error}.") from error
    except ModelError as error:
        raise ModelFileError(f"{path}: {error}") from error
    _fill(model, tensors, path)
    return model


def _tensors(model: Sequential) -> dict[str, Array]:
    return {**model.parameters(), **model.state()}


def _read(path: Path) -> tuple[str, dict[str, NDArray[Any]]]:
    if not path.is_file():
        problem = "it is a folder" if path.is_dir() else "there is no such file"
        raise ModelFileError(f"{path}: expected a model file, but {problem}.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if KEY not in metadata:
                raise ModelFileError(
                    f"{path}: a safetensors file, but no numbanet model: its header says nothing of layers."
                )
            return metadata[KEY], {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ModelFileError(
            f"{path}: not a numbanet model, or damaged: it is no whole safetensors file ({error})."
        ) from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except TypeError as error:  # an element type that NumPy has not, such as bfloat16
        raise ModelFileError(f"{path}: not a model of this numbanet: {error}.") from error


def _build(description: dict[str, Any], device: str | Backend) -> Sequential:
    layers = description["layers"]
    if not isinstance(layers, list):
        raise ModelError(f"expected a list of layers, got {layers!r}.")
    model = Sequential(
        *(from_config("layer", LAYERS, layer) for layer in layers),
        input_shape=tuple(description["input_shape"]),
        seed=description["seed"],
        device=device,
        dtype=description["dtype"],
    )
    model.step[0] = check_whole("model", "step", description["step"], 0)
    model.loss = None if description["loss"] is None else losses.get(description["loss"])
    if not isinstance(description["meta"], dict):
        raise ModelError(f"expected meta to be a dict, got {description['meta']!r}.")
    model.meta = description["meta"]
    return model


def _fill(model: Sequential, tensors: dict[str, NDArray[Any]], path: Path) -> None:
    wanted = _tensors(model)
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        parts = [f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("extra", extra)) if names]
        raise ModelFileError(f"{path}: its tensors do not fit its layers ({'; '.join(parts)}).")
    for name, target in wanted.items():
        source = tensors[name]
        expected, found = (np.dtype(model.dtype), tuple(target.shape)), (source.dtype, source.shape)
        if expected != found:
            raise ModelFileError(f"{path}: {name}: expected {expected[0]} {expected[1]}, got {found[0]} {found[1]}.")
        model.backend.copy(target, source)


def _explain(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem = "the disk is full"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        problem = f"the folder {path.parent} is not writable"
    elif error.errno == errno.ENOENT:
        problem = f"the folder {path.parent} does not exist"
    elif error.errno == errno.ENOTDIR:
        problem = f"{path.parent} is not a folder"
    elif error.errno == errno.EISDIR:
        problem = "it is a folder"
    else:
        problem = error.strerror or str(error)
    return f"{path}: the model cannot be saved: {problem}. Save it elsewhere."
