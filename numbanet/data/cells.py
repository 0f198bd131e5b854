"""Files of cells: opened, gzipped or not; divided by commas, semicolons or tabs; with errors for people."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from numbanet.errors import DataError

DELIMITERS = (",", ";", "\t")


def open_table(path: Path) -> TextIO:
    """The text of a file, unpacked where it is gzipped. To be called, and read, inside `reading`."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    # utf-8-sig: spreadsheets put a byte-order mark before the first cell.
    if packed:
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What goes wrong with `path` inside becomes a `DataError`."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected text in UTF-8, found other bytes ({error.reason}).") from error
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file: {error}.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: expected a whole gzip file, found: {error}. Get it again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def delimiter_of(line: str) -> str:
    """What divides the cells of a line: the commonest of comma, semicolon and tab."""
    return max(DELIMITERS, key=line.count)


def number(cell: str) -> float:
    """The number in a cell, NaN where there is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan
