"""A user's own data in one NumPy archive: x_train, y_train, x_test, y_test, as in Keras' mnist.npz."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.data.dataset import Dataset
from numbanet.data.examples import assemble
from numbanet.errors import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")


def load_npz(path: Path) -> Dataset:
    """Read an `.npz` of the four arrays; shapes and types as for `assemble`. Pickled objects are refused."""
    arrays = _arrays(path)
    where = tuple(f"{path}: {key}" for key in KEYS)
    x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
    return assemble(path.stem, (x_train, y_train), (x_test, y_test), (where[0], where[1], where[2], where[3]))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    key = ""
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [key for key in KEYS if key not in archive.files]
            if missing:
                raise DataError(
                    f"{path}: expected the arrays {', '.join(KEYS)}, "
                    f"found {', '.join(archive.files) or 'none'}. "
                    "Save it again with np.savez(path, x_train=..., y_train=..., x_test=..., y_test=...)."
                )
            arrays = {}
            for key in KEYS:
                arrays[key] = archive[key]
                if not isinstance(arrays[key], np.ndarray):  # NumPy hands out a member it does not know as bytes
                    raise ValueError("it is not an array in NumPy's format")
            return arrays
    except (
        ValueError,  # object arrays; with the next two: damaged array headers
        SyntaxError,
        tokenize.TokenError,
        EOFError,
        OSError,
        KeyError,
        RuntimeError,  # an encrypted archive; NotImplementedError: an unknown compression
        MemoryError,  # a damaged header that asks for terabytes
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        place = f"{path}: {key}" if key else str(path)
        reason = str(error) or type(error).__name__
        if "allow_pickle" in reason:
            reason = "it holds Python objects"
        raise DataError(
            f"{place}: expected plain numeric arrays in a NumPy .npz archive, but {reason}. "
            "Save it again with np.savez and numeric arrays."
        ) from error
