"""Model files: safetensors, with the architecture as JSON in the header's metadata.

    metadata["numbanet"] = {"format": 1, "version": "0.1.0", "input_shape": [28, 28, 1], "dtype": "float32",
                            "seed": 0, "step": 4690, "layers": [{"type": "Dense", "units": 128, ...}, ...],
                            "loss": {"type": "CrossEntropy", ...} or null, "meta": {...}, "checksum": SHA-256 of
                            all the rest, which older files have not}
    tensors              = parameters and state, by the names of `Sequential.parameters()` and `.state()`

Reading such a file runs no code from it, which pickle would. A checkpoint of a training (`training.snapshot`)
is such a file, too, with "training" in its description, and more tensors: their names begin with "training.", and
who wants the model alone passes them over. There is one entry of metadata alone, since safetensors writes several in
no certain order: the same model is the same file, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from numbanet import losses
from numbanet.atomic import problem, write_file
from numbanet.backend import Array, Backend
from numbanet.configurable import check_whole, from_config
from numbanet.errors import ModelError, ModelFileError
from numbanet.layers import LAYERS
from numbanet.model import Sequential
from numbanet.version import __version__

KEY, CHECKSUM = "numbanet", "checksum"
FORMAT = 1  # raised whenever an older numbanet could not read the file
TRAINING = "training."  # tensors of a checkpoint that are not the model's

Description = dict[str, Any]
Tensors = Mapping[str, NDArray[Any]]


def save(model: Sequential, path: str | PathLike[str]) -> None:
    """Write `model` to `path`, whole or not at all. Raises `ModelFileError`."""
    path = Path(path)
    content = encode(description_of(model), tensors_of(model), path)
    try:
        write_file(path, content)
    except OSError as error:
        raise ModelFileError(
            f"{path}: the model cannot be saved: {problem(error, path)}. Save it elsewhere."
        ) from error


def load(path: str | PathLike[str], device: str | Backend = "cpu") -> Sequential:
    """The model in the file `path`, on `device`; also of a checkpoint. Raises `ModelFileError`."""
    path = Path(path)
    return build(*read(path), path, device)


def description_of(model: Sequential) -> Description:
    """All of a model but its tensors."""
    return {
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


def tensors_of(model: Sequential) -> dict[str, NDArray[Any]]:
    """Parameters and state by name, on the host; on a CPU these are the model's own arrays."""
    arrays = {**model.parameters(), **model.state()}
    return {name: model.backend.to_numpy(array) for name, array in arrays.items()}


def encode(description: Description, tensors: Tensors, where: object) -> bytes:
    """The content of a file. Raises `ModelError`, naming `where`, for a `meta` that JSON cannot hold."""
    try:
        text = json.dumps(description)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where}: the model's meta must consist of what JSON can hold: {error}.") from error
    checked = json.dumps({**description, CHECKSUM: _checksum(text, tensors)})
    return to_bytes(dict(tensors), metadata={KEY: checked})


def read(path: Path, *, old: bool = True) -> tuple[Description, dict[str, NDArray[Any]]]:
    """The description and the tensors of a whole file; `old`: also of one without a checksum.

    Raises `ModelFileError`.
    """
    text, tensors = _read(path)
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: its description of the model is damaged: {error}.") from error
    if not isinstance(description, dict) or not isinstance(description.get("format"), int):
        raise ModelFileError(f"{path}: its description of the model is damaged: it has no format number.")
    checksum = description.pop(CHECKSUM, None)
    if (checksum is not None or not old) and checksum != _checksum(json.dumps(description), tensors):
        raise ModelFileError(f"{path}: damaged: its content does not match its checksum.")
    return description, tensors


def build(description: Description, tensors: Tensors, path: Path, device: str | Backend) -> Sequential:
    """The model that a file describes, filled. Raises `ModelFileError`, which names `path`."""
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
    fill(model, tensors, path)
    return model


def fill(model: Sequential, tensors: Tensors, path: Path) -> None:
    """Copy the tensors into the model's; those of a training are left out. Raises `ModelFileError`."""
    tensors = {name: array for name, array in tensors.items() if not name.startswith(TRAINING)}
    wanted: dict[str, Array] = {**model.parameters(), **model.state()}
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        parts = [f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("extra", extra)) if names]
        raise ModelFileError(f"{path}: its tensors do not fit its layers ({'; '.join(parts)}).")
    for name, target in wanted.items():
        source = tensors[name]
        expected, found = (np.dtype(model.dtype), tuple(target.shape)), (source.dtype, source.shape)
        if expected != found:
            raise ModelFileError(f"{path}: {name}: expected {expected[0]} {expected[1]}, got {found[0]} {found[1]}.")
    for name, target in wanted.items():
        model.backend.copy(target, tensors[name])


def _checksum(text: str, tensors: Tensors) -> str:
    total = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


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


def _build(description: Description, device: str | Backend) -> Sequential:
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
