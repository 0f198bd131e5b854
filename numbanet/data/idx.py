"""The IDX format, in which MNIST and its relatives are published.

A file is a header and the elements, row by row, all big-endian (LeCun, "The MNIST database of handwritten
digits"): two zero bytes, one byte for the element type, one byte for the number of dimensions, a 32-bit
size for each dimension. Gzipped or not is decided by the first bytes, never by the file's name.
"""

from __future__ import annotations

import gzip
import math
import zlib
from io import BufferedReader
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from numbanet.data.storage import replacing
from numbanet.errors import DataError

DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
CODES: dict[np.dtype[Any], int] = {dtype.newbyteorder("="): code for code, dtype in DTYPES.items()}
GZIP_MAGIC = b"\x1f\x8b"
MAX_DIMENSIONS = 64  # NumPy's own limit (32 before NumPy 2)
CHUNK = 1 << 20
ADVICE = "The file is damaged or is not an IDX file: delete it and get it again."


def read_idx(path: str | PathLike[str]) -> NDArray[Any]:
    """Read one IDX file, gzipped or not.

    Returns a contiguous, writable array in the machine's own byte order. Raises `DataError` for a file
    that cannot be opened, is not IDX, or is shorter or longer than its header says.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if _is_gzip(file):
                with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                    return _read_gzipped(stream, path)
            return _read_plain(file, path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: expected a whole gzip file, found: {error}. {ADVICE}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def read_shape(path: str | PathLike[str]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Element type and shape of an IDX file that is not gzipped, from its header and its size alone.

    Costs one small read, so it can guard every load. Raises `DataError` as `read_idx` does.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            dtype, shape = _read_header(file, path)
            _check_size(file, dtype, shape, path)
            return dtype.newbyteorder("="), shape
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def write_idx(path: str | PathLike[str], array: NDArray[Any], *, compress: bool | None = None) -> None:
    """Write an array as an IDX file, atomically: a reader sees the old file, the whole new one, or none.

    `compress` says whether to gzip; None does so where the name ends in `.gz`. Raises `DataError` for an
    element type that IDX lacks (it has uint8, int8, int16, int32, float32, float64) and for a full or
    unwritable folder.
    """
    path = Path(path)
    array = np.asarray(array)
    code = CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(str(dtype) for dtype in CODES)
        raise DataError(f"{path}: IDX cannot hold {array.dtype} elements; convert to one of {known}.")
    if array.ndim > 255 or any(size > 0xFFFFFFFF for size in array.shape):
        raise DataError(f"{path}: IDX cannot hold an array of shape {array.shape}.")
    header = bytes((0, 0, code, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    body = np.ascontiguousarray(array, dtype=DTYPES[code]).tobytes()
    if path.suffix == ".gz" if compress is None else compress:
        header, body = gzip.compress(header + body, mtime=0), b""  # mtime=0: equal arrays, equal files
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header)
        file.write(body)


def _is_gzip(file: BinaryIO) -> bool:
    magic = file.read(2)
    file.seek(0)
    return magic == GZIP_MAGIC


def _read_plain(file: BufferedReader, path: Path) -> NDArray[Any]:
    dtype, shape = _read_header(file, path)
    count = _check_size(file, dtype, shape, path)  # before allocating: a damaged header may ask for terabytes
    flat = np.empty(count, dtype)
    if file.readinto(flat.view(np.uint8).data) != flat.nbytes:
        raise DataError(f"{path}: the file shrank while it was read. Load it again.")
    return _native(flat, shape)


def _read_gzipped(stream: gzip.GzipFile, path: Path) -> NDArray[Any]:
    dtype, shape = _read_header(stream, path)
    expected = math.prod(shape) * dtype.itemsize
    body = bytearray()
    # In pieces and one byte too far: memory follows what the file really holds, not what its header claims.
    while len(body) <= expected and (chunk := stream.read(min(CHUNK, expected + 1 - len(body)))):
        body += chunk
    if len(body) != expected:
        found = f"only {len(body):,}" if len(body) < expected else "more"
        raise DataError(f"{path}: expected {_described(dtype, shape)}, found {found}. {ADVICE}")
    return _native(np.frombuffer(body, dtype), shape)


def _read_header(file: BinaryIO | gzip.GzipFile, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4:
        raise DataError(f"{path}: expected an IDX header, found a file of {len(magic)} bytes. {ADVICE}")
    if magic[:2] != b"\0\0" or magic[2] not in DTYPES or magic[3] > MAX_DIMENSIONS:
        raise DataError(
            f"{path}: expected an IDX file (first bytes 00 00, a type, the number of dimensions), "
            f"found {magic.hex(' ')}. {ADVICE}"
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(
            f"{path}: expected a header with {magic[3]} dimensions, found one cut off after "
            f"{4 + len(sizes)} bytes. {ADVICE}"
        )
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    return DTYPES[magic[2]], shape


def _check_size(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...], path: Path) -> int:
    """Number of elements, once the file holds exactly that many."""
    start = file.tell()
    found = file.seek(0, 2) - start
    file.seek(start)
    count = math.prod(shape)
    if found != count * dtype.itemsize:
        raise DataError(f"{path}: expected {_described(dtype, shape)}, found {found:,}. {ADVICE}")
    return count


def _described(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    sizes = " x ".join(map(str, shape)) or "1"
    return f"{math.prod(shape) * dtype.itemsize:,} bytes after the header ({sizes} {dtype.newbyteorder('=')})"


def _native(flat: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        return flat.astype(flat.dtype.newbyteorder("="), copy=False).reshape(shape)
    except ValueError as error:  # e.g. (0, 2**32 - 1, 2**32 - 1): no bytes, yet no array either
        raise DataError(f"IDX shape {shape} is not one NumPy can hold: {error}. {ADVICE}") from error
