"""A user's own data as CSV: the label in the first column, one example a row.

A header line is optional; columns are divided by comma, semicolon or tab; the file may be gzipped. Labels
may be numbers or words. One file is divided into training and test rows by `split`.
"""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.data.cells import delimiter_of, number, open_table, reading
from numbanet.data.dataset import Dataset
from numbanet.data.examples import assemble, check_finite, split, table_inputs
from numbanet.errors import DataError

LABEL_HEADERS = {"label", "labels", "class", "target", "category"}

Rows = tuple[NDArray[np.float32], list[str]]


def load_csv(path: Path, seed: int) -> Dataset:
    """One CSV; a fifth of every class, chosen by `seed`, becomes the test set."""
    x, names = _read(path)
    if len(x) < 2:
        raise DataError(f"{path}: expected at least two rows, one to train and one to test on, found {len(x)}.")
    (train, test), where = split(table_inputs(x), _labels(names), seed), str(path)
    return assemble(path.name.split(".")[0], train, test, (where, where, where, where))


def load_csv_pair(train: Path, test: Path) -> Dataset:
    """Two CSVs with the same columns: training rows and test rows, in their own order."""
    (x_train, train_names), (x_test, test_names) = _read(train), _read(test)
    if x_train.shape[1] != x_test.shape[1]:
        raise DataError(
            f"{test}: expected {x_train.shape[1] + 1} columns as in {train.name}, found "
            f"{x_test.shape[1] + 1}. "
            "The first column must be the label in both files."
        )
    inputs = table_inputs(np.concatenate([x_train, x_test]))  # together, so that both get one element type
    labels = _labels(train_names + test_names)
    n = len(x_train)
    where = (str(train), str(train), str(test), str(test))
    return assemble(train.parent.name, (inputs[:n], labels[:n]), (inputs[n:], labels[n:]), where)


def _read(path: Path) -> Rows:
    """Features [n, f] and the text of the labels."""
    with reading(path):
        with open_table(path) as file:
            line = file.readline()
            while line and not line.strip():
                line = file.readline()
        if not line:
            raise DataError(f"{path}: expected rows of a label and numbers, found an empty file.")
        delimiter = delimiter_of(line)
        first = next(csv.reader([line], delimiter=delimiter))
        if len(first) < 2:
            raise DataError(
                f"{path}: expected a label and at least one number a row, divided by comma, semicolon or "
                f"tab, found {line.strip()[:60]!r} in the first row."
            )
        return _parse(path, delimiter, len(first), _is_header(first))


def _parse(path: Path, delimiter: str, columns: int, header: bool) -> Rows:
    codes: dict[str, int] = {}

    def code(text: str) -> int:
        return codes.setdefault(text.strip(), len(codes))

    with open_table(path) as file, warnings.catch_warnings():
        if header:
            while not file.readline().strip():
                pass
        try:
            # loadtxt parses in C and calls Python for the label column alone; it warns of an empty file.
            warnings.simplefilter("ignore", UserWarning)
            table = np.loadtxt(
                file,
                np.float32,
                comments=None,
                delimiter=delimiter,
                converters={0: code},
                quotechar='"',
                ndmin=2,
            )
        except ValueError as error:
            _report_fault(path, delimiter, columns, header)
            raise DataError(f"{path}: {error}.") from error
    if table.size == 0:
        raise DataError(f"{path}: expected rows of a label and numbers, found only a header.")
    if table.shape[1] != columns:
        raise DataError(f"{path}: expected {columns} columns as in the first row, found {table.shape[1]}.")
    x = np.ascontiguousarray(table[:, 1:])
    if not np.isfinite(x.sum(dtype=np.float64)):
        _report_fault(path, delimiter, columns, header)
        check_finite(x, str(path))
    names = list(codes)
    if "" in codes:
        _report_fault(path, delimiter, columns, header)
    return x, [names[int(i)] for i in table[:, 0]]


def _report_fault(path: Path, delimiter: str, columns: int, header: bool) -> None:
    """Go through the file again, slowly, and raise `DataError` for the first fault, with row and column."""
    with open_table(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        rows = (row for row in reader if row and any(cell.strip() for cell in row))
        if header:
            next(rows)
        for row in rows:
            place = f"{path}, line {reader.line_num}"
            if len(row) != columns:
                raise DataError(f"{place}: expected {columns} columns as in the first row, found {len(row)}.")
            if not row[0].strip():
                raise DataError(f"{place}, column 1: expected a label, found an empty cell.")
            for column, cell in enumerate(row[1:], start=2):
                if not math.isfinite(number(cell)):
                    raise DataError(
                        f"{place}, column {column}: expected a finite number, found {cell.strip()[:40]!r}. "
                        "Mend the cell or leave out the row."
                    )


def _is_header(row: list[str]) -> bool:
    """A first row with a word where numbers belong, or with a usual name for the label column."""
    cells = [cell.strip().lower() for cell in row]
    return cells[0] in LABEL_HEADERS or any(math.isnan(number(cell)) and cell not in ("", "nan") for cell in cells[1:])


def _labels(names: list[str]) -> NDArray[Any]:
    """Integers where every label is one (3 and 3.0 alike), else the words themselves."""
    numbers = {name: number(name) for name in set(names)}
    if all(value.is_integer() and abs(value) < 2**53 for value in numbers.values()):
        return np.array([int(numbers[name]) for name in names], dtype=np.int64)
    return np.array(names)
