"""A user's own data as CSV: the label in the first column, or in another that is named, one example a row.

A header line is optional; columns are divided by comma, semicolon or tab; the file may be gzipped. Labels
may be numbers or words; targets of regression are numbers. One file is divided into training and test rows by `split`.
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
from numbanet.data.reading import Reading
from numbanet.errors import DataError, unknown_name

LABEL_HEADERS = {"label", "labels", "class", "target", "category"}

Rows = tuple[NDArray[np.float32], list[str]]


def load_csv(path: Path, reading: Reading) -> Dataset:
    """One CSV; a share of every class, chosen by the seed, becomes the test set."""
    x, names = _read(path, reading.target)
    if len(x) < 2:
        raise DataError(f"{path}: expected at least two rows, one to train and one to test on, found {len(x)}.")
    targets, where = _targets(names, str(path), reading), str(path)
    train, test = split(table_inputs(x), targets, reading.seed, reading.test_share)
    return assemble(path.name.split(".")[0], train, test, (where, where, where, where), reading.task)


def load_csv_pair(train: Path, test: Path, reading: Reading) -> Dataset:
    """Two CSVs with the same columns: training rows and test rows, in their own order."""
    (x_train, train_names), (x_test, test_names) = _read(train, reading.target), _read(test, reading.target)
    if x_train.shape[1] != x_test.shape[1]:
        raise DataError(
            f"{test}: expected {x_train.shape[1] + 1} columns as in {train.name}, found "
            f"{x_test.shape[1] + 1}. "
            "The first column, or the one that was named, must be the label in both files."
        )
    inputs = table_inputs(np.concatenate([x_train, x_test]))  # together, so that both get one element type
    labels = _targets(train_names + test_names, str(train), reading)
    n = len(x_train)
    where = (str(train), str(train), str(test), str(test))
    return assemble(train.parent.name, (inputs[:n], labels[:n]), (inputs[n:], labels[n:]), where, reading.task)


def load_features(path: Path, features: int, target: str | int | None = None) -> NDArray[np.float32]:
    """Rows to predict, float32 [n, features]: of a CSV without the target's column, or with it, which is left out."""
    with reading(path):
        _, first = _beginning(path)
    if len(first) == features + 1:
        return _read(path, target)[0]
    if len(first) != features:
        raise DataError(
            f"{path}: expected {features} columns, one a feature, or {features + 1} with the target, found "
            f"{len(first)}."
        )
    with reading(path):
        delimiter, first = _beginning(path)
        return _parse(path, delimiter, first, None)[0]


def _read(path: Path, target: str | int | None = None) -> Rows:
    """Features [n, f] and the text of the labels, which stand in the column `target`."""
    with reading(path):
        delimiter, first = _beginning(path)
        if len(first) < 2:
            raise DataError(
                f"{path}: expected a label and at least one number a row, divided by comma, semicolon or "
                f"tab, found {delimiter.join(first)[:60]!r} in the first row."
            )
        return _parse(path, delimiter, first, _column(path, first, target))


def _beginning(path: Path) -> tuple[str, list[str]]:
    """What divides the columns, and the first row."""
    with open_table(path) as file:
        line = file.readline()
        while line and not line.strip():
            line = file.readline()
    if not line:
        raise DataError(f"{path}: expected rows of a label and numbers, found an empty file.")
    delimiter = delimiter_of(line)
    return delimiter, next(csv.reader([line], delimiter=delimiter))


def _column(path: Path, first: list[str], target: str | int | None) -> int:
    """The index of the column `target`: a name in the header, or a number from 1 on; -1 is the last one."""
    if target is None:
        return 0
    names = [cell.strip() for cell in first]
    if isinstance(target, str) and target in names:
        return names.index(target)
    try:
        number = int(target)
    except ValueError:
        raise DataError(f"{path}: {unknown_name('column', str(target), names)} Or its number, from 1 on.") from None
    if number == 0 or not -len(names) <= number <= len(names):
        raise DataError(f"{path}: column {number}: expected 1 to {len(names)}, or -1 for the last.")
    return number - 1 if number > 0 else number + len(names)


def _parse(path: Path, delimiter: str, first: list[str], label: int | None) -> Rows:
    """The numbers of all columns but `label`, and the text of that; None where there are features alone."""
    columns, header = len(first), _is_header(first, label)
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
                converters=None if label is None else {label: code},
                quotechar='"',
                ndmin=2,
            )
        except ValueError as error:
            _report_fault(path, delimiter, columns, header, label)
            raise DataError(f"{path}: {error}.") from error
    if table.size == 0:
        raise DataError(f"{path}: expected rows of a label and numbers, found only a header.")
    if table.shape[1] != columns:
        raise DataError(f"{path}: expected {columns} columns as in the first row, found {table.shape[1]}.")
    x = np.ascontiguousarray(table if label is None else np.delete(table, label, axis=1))
    if not np.isfinite(x.sum(dtype=np.float64)):
        _report_fault(path, delimiter, columns, header, label)
        check_finite(x, str(path))
    names = list(codes)
    if "" in codes:
        _report_fault(path, delimiter, columns, header, label)
    return x, [] if label is None else [names[int(i)] for i in table[:, label]]


def _report_fault(path: Path, delimiter: str, columns: int, header: bool, label: int | None) -> None:
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
            if label is not None and not row[label].strip():
                raise DataError(f"{place}, column {label + 1}: expected a label, found an empty cell.")
            for column, cell in enumerate(row, start=1):
                if column - 1 != label and not math.isfinite(number(cell)):
                    raise DataError(
                        f"{place}, column {column}: expected a finite number, found {cell.strip()[:40]!r}. "
                        "Mend the cell or leave out the row."
                    )


def _is_header(row: list[str], label: int | None) -> bool:
    """A first row with a word where numbers belong, or with a usual name for the label column."""
    cells = [cell.strip().lower() for cell in row]
    if label is not None and cells[label] in LABEL_HEADERS:
        return True
    numbers = [cell for index, cell in enumerate(cells) if index != label]
    return any(math.isnan(number(cell)) and cell not in ("", "nan") for cell in numbers)


def _targets(names: list[str], where: str, reading: Reading) -> NDArray[Any]:
    """The labels, or for regression their numbers, float32 [n, 1]."""
    if not reading.regresses:
        return _labels(names)
    numbers = np.array([[number(name)] for name in names])
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise DataError(
            f"{where}: row {bad[0] + 1} of the data: expected a finite number to predict, found "
            f"{names[bad[0]]!r}. Which column is the target says --target."
        )
    return numbers.astype(np.float32)


def _labels(names: list[str]) -> NDArray[Any]:
    """Integers where every label is one (3 and 3.0 alike), else the words themselves."""
    numbers = {name: number(name) for name in set(names)}
    if all(number.is_integer() and abs(number) < 2**53 for number in numbers.values()):
        return np.array([int(numbers[name]) for name in names], dtype=np.int64)
    return np.array(names)
