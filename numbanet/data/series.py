"""A series of numbers over time: columns of a CSV with a row for each step, or a series that is made up."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from numbanet.data.cells import delimiter_of, number, open_table, reading
from numbanet.errors import DataError, unknown_name

BUILT_IN = "seasons"
EVERY = "all"
DAY, WEEK = 24, 168  # hours, the seasons of the built-in series


@dataclass(frozen=True, eq=False)
class Series:
    """`values` float64 [rows, columns], the oldest row first; the column to forecast first, then the features."""

    name: str
    columns: tuple[str, ...]
    values: NDArray[np.float64]

    @property
    def target(self) -> str:
        """The column to forecast."""
        return self.columns[0]


def load_series(path: Path, target: str | None, features: Sequence[str] = ()) -> Series:
    """Columns of a CSV with a header line, one row a step, the oldest first.

    `target`: the column to forecast; may be None where there is one column of numbers alone. `features`: columns
    that the network sees beside it; "all" for every other one of numbers. Raises `DataError`, with line and column
    for a cell that holds no finite number.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise DataError(f"{path}: expected a CSV file with a line of column names, found {found}.")
    with reading(path), open_table(path) as file:
        rows = _rows(file)
        names = _names(path, next(rows, (0, []))[1])
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path}: expected rows of numbers, found only a line of column names.")
        of_numbers = [name for name, cell in zip(names, first[1], strict=False) if not math.isnan(number(cell))]
        columns = _chosen(path, names, of_numbers, target, features)
        places = [names.index(column) for column in columns]
        table = [_parsed(path, row, names, places) for row in chain([first], rows)]
    return Series(path.name.split(".")[0], columns, np.array(table, np.float64))


def example_series(rows: int = 2400, seed: int = 0) -> Series:
    """A made-up demand for electricity, an hour a row: a trend, a day, a week, and noise that fades within hours."""
    random = np.random.default_rng(seed)
    hours = np.arange(rows)
    trend = 500.0 + 0.02 * hours
    day = 60.0 * np.sin(2 * np.pi * hours / DAY) + 20.0 * np.sin(4 * np.pi * hours / DAY + 1.0)
    week = 40.0 * np.sin(2 * np.pi * hours / WEEK)
    noise = np.empty(rows)
    last = 0.0
    for hour, shock in enumerate(random.normal(0.0, 6.0, rows)):
        last = 0.8 * last + shock
        noise[hour] = last
    return Series(BUILT_IN, ("demand (MW)",), (trend + day + week + noise)[:, None])


Row = tuple[int, list[str]]  # the number of its line, and its cells


def _rows(file: TextIO) -> Iterator[Row]:
    """All rows that are not empty."""
    line = next((line for line in file if line.strip()), "")
    file.seek(0)
    reader = csv.reader(file, delimiter=delimiter_of(line))
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _names(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not names:
        raise DataError(f"{path}: expected a line of column names and rows of numbers, found an empty file.")
    if all(not math.isnan(number(name)) for name in names):
        raise DataError(
            f"{path}: expected a first line with the names of the columns, found numbers: {', '.join(names)[:60]}. "
            "Put one before them."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: expected each column's name once, found {twice[0]!r} several times.")
    return names


def _chosen(
    path: Path, names: list[str], of_numbers: list[str], target: str | None, features: Sequence[str]
) -> tuple[str, ...]:
    """The columns to read, the target first."""
    if target is None:
        if len(of_numbers) != 1:
            raise DataError(
                f"{path}: which column is to be forecast? Name it with --target COLUMN. Columns of numbers: "
                f"{', '.join(of_numbers) or 'none'}."
            )
        target = of_numbers[0]
    others = [name for name in of_numbers if name != target] if EVERY in features else features
    for column in (target, *others):
        if column not in names:
            raise DataError(f"{path}: {unknown_name('column', column, names)}")
    return (target, *dict.fromkeys(column for column in others if column != target))


def _parsed(path: Path, row: Row, names: list[str], places: list[int]) -> list[float]:
    line, cells = row
    if len(cells) != len(names):
        raise DataError(f"{path}, line {line}: expected {len(names)} columns as in the first line, found {len(cells)}.")
    values = [number(cells[place]) for place in places]
    for place, value in zip(places, values, strict=True):
        if not math.isfinite(value):
            found = repr(cells[place].strip()[:40]) if cells[place].strip() else "an empty cell"
            raise DataError(
                f"{path}, line {line}, column {names[place]!r}: expected a finite number, found {found}. Mend the cell "
                "or leave out the row."
            )
    return values
