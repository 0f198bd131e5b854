"""A user's own data in one NumPy archive: x_train, y_train, x_test, y_test, as in Keras' mnist.npz.

Without the last two, or as x and y, it is divided into training and test examples.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.data.dataset import Dataset
from numbanet.data.examples import as_inputs, as_numbers, assemble, split
from numbanet.data.reading import Reading
from numbanet.errors import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")
WHOLE = (("x", "y"), ("X", "y"), ("x_train", "y_train"))  # names of arrays that are yet to be divided


def load_npz(path: Path, reading: Reading) -> Dataset:
    """Read an `.npz` of the four arrays, or of two; shapes and types as for `assemble`. Objects are refused."""
    arrays = _arrays(path)
    if len(arrays) == 4:
        where = tuple(f"{path}: {key}" for key in KEYS)
        x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
        places = (where[0], where[1], where[2], where[3])
        return assemble(path.stem, (x_train, y_train), (x_test, y_test), places, reading.task)
    (x_name, x), (y_name, y) = arrays.items()
    x_where, y_where = f"{path}: {x_name}", f"{path}: {y_name}"
    x = as_inputs(x, x_where)
    if reading.regresses:
        y = as_numbers(y, y_where)
    if y.ndim == 0 or len(y) != len(x):
        raise DataError(f"{y_where}: expected {len(x):,} labels, one for each row of {x_where}, found {y.shape}.")
    if len(x) < 2:
        raise DataError(f"{x_where}: expected at least two examples, one to train and one to test on, found one.")
    train, test = split(x, y, reading.seed, reading.test_share)
    return assemble(path.stem, train, test, (x_where, y_where, x_where, y_where), reading.task)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    key = ""
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys: tuple[str, ...] = KEYS
            if not any(key in archive.files for key in KEYS[2:]):
                keys = next((pair for pair in WHOLE if set(pair) <= set(archive.files)), KEYS)
            if any(key not in archive.files for key in keys):
                raise DataError(
                    f"{path}: expected the arrays {', '.join(KEYS)}, "
                    f"found {', '.join(archive.files) or 'none'}. "
                    "Save it again with np.savez(path, x_train=..., y_train=..., x_test=..., y_test=...), or with "
                    "np.savez(path, x=..., y=...) to have it divided."
                )
            arrays = {}
            for key in keys:
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
