"""From a user's arrays to a `Dataset`: shapes, element types and targets, checked once for all formats."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.data.dataset import Dataset, Examples, Images, Labels
from numbanet.data.reading import TASKS
from numbanet.errors import DataError

MAX_PLAIN_LABEL = 999  # integer labels up to here are used as they are; a larger one is taken for a name
MIN_SQUARE = 64  # a square number of columns from 8 x 8 on is an image; 4, 9 ... columns are features
CHUNK_ROWS = 4096
CLASSIFICATION, REGRESSION = TASKS


def assemble(
    name: str,
    train: tuple[NDArray[Any], NDArray[Any]],
    test: tuple[NDArray[Any], NDArray[Any]],
    where: tuple[str, str, str, str],
    task: str = CLASSIFICATION,
) -> Dataset:
    """Check the four arrays (images or features, and targets, twice) and make a `Dataset` of them.

    x: [n, features], [n, height, width] or [n, height, width, channels]; uint8 stays, other numbers become
    float32 (integers are not rescaled). y: [n] integers or strings; for regression numbers, [n] or [n, outputs].
    `where` says, for messages, where x_train, y_train, x_test and y_test came from.
    """
    x_train, x_test = as_inputs(train[0], where[0]), as_inputs(test[0], where[2])
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"{where[2]}: expected examples of shape {x_train.shape[1:]} as in {where[0]}, "
            f"found {x_test.shape[1:]}. Training and test data must have one shape."
        )
    if x_train.dtype != x_test.dtype:
        x_train, x_test = x_train.astype(np.float32), x_test.astype(np.float32)
    if task == REGRESSION:
        y_train, y_test = as_numbers(train[1], where[1]), as_numbers(test[1], where[3])
        if y_train.shape[1:] != y_test.shape[1:]:
            raise DataError(
                f"{where[3]}: expected {y_train.shape[1]} numbers an example as in {where[1]}, found {y_test.shape[1]}."
            )
    for (x_where, x), (y_where, y) in (
        ((where[0], x_train), (where[1], train[1])),
        ((where[2], x_test), (where[3], test[1])),
    ):
        if task == CLASSIFICATION:
            _check_labels(y, y_where)
        if len(y) != len(x):
            raise DataError(f"{y_where}: expected {len(x):,} labels, one for each row of {x_where}, found {len(y):,}.")
    if task == REGRESSION:
        return Dataset(name, (x_train, y_train), (x_test, y_test), ())
    y_train, y_test, classes = encode_labels(train[1], test[1])
    return Dataset(name, (x_train, y_train), (x_test, y_test), classes)


def as_inputs(x: NDArray[Any], where: str) -> Images:
    """`x` as contiguous uint8 or float32, images with a channel axis; `DataError` for what is neither."""
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise DataError(
            f"{where}: expected [n, features], [n, height, width] or [n, height, width, channels] with at "
            f"least one example, found shape {x.shape}."
        )
    if x.dtype.kind not in "uifb":
        raise DataError(f"{where}: expected numbers (uint8 or float32), found {x.dtype}. Convert them.")
    if x.dtype != np.uint8:
        with np.errstate(over="ignore"):  # too large for float32 becomes inf, which the check below reports
            x = x.astype(np.float32)
        check_finite(x, where)
    if x.ndim == 3:
        x = x[..., np.newaxis]
    return np.ascontiguousarray(x)


def check_finite(x: NDArray[np.float32], where: str) -> None:
    """Raise `DataError` naming the first element that is NaN or infinite."""
    for start in range(0, len(x), CHUNK_ROWS):  # in pieces: no mask as long as the data
        bad = ~np.isfinite(x[start : start + CHUNK_ROWS])
        if bad.any():
            index = [int(i) for i in np.argwhere(bad)[0]]
            index[0] += start
            raise DataError(
                f"{where}: expected finite numbers, found {x[tuple(index)]} at index {index}. "
                "Replace or leave out such examples."
            )


def table_inputs(x: NDArray[np.float32]) -> Images:
    """Columns of a table as inputs: a square number of them is an image, [n, s, s, 1]; else [n, features].

    An image whose values are all whole numbers 0..255 becomes uint8; everything else stays float32.
    """
    side = math.isqrt(x.shape[1])
    if side * side != x.shape[1] or side * side < MIN_SQUARE:
        return x
    images = x.reshape(len(x), side, side, 1)
    return images.astype(np.uint8) if _all_bytes(x) else images


def _all_bytes(x: NDArray[np.float32]) -> bool:
    for start in range(0, len(x), CHUNK_ROWS):
        rows = x[start : start + CHUNK_ROWS]
        if rows.min() < 0 or rows.max() > 255 or (rows != np.floor(rows)).any():
            return False
    return True


def as_numbers(y: NDArray[Any], where: str) -> NDArray[np.float32]:
    """Targets of regression, float32 [n, outputs]; `DataError` for what are none."""
    if y.ndim not in (1, 2) or 0 in y.shape or y.dtype.kind not in "uifb":
        raise DataError(
            f"{where}: expected numbers, [n] or [n, outputs], as targets of regression, found {y.dtype} {y.shape}."
        )
    with np.errstate(over="ignore"):
        numbers = y.reshape(len(y), -1).astype(np.float32)
    check_finite(numbers, where)
    return np.ascontiguousarray(numbers)


def _check_labels(y: NDArray[Any], where: str) -> None:
    if y.ndim != 1:
        hint = " For one-hot labels use y.argmax(axis=1)." if y.ndim == 2 else ""
        raise DataError(f"{where}: expected labels of shape [n], found {y.shape}.{hint}")
    if y.dtype.kind not in "uiUb":
        raise DataError(
            f"{where}: expected integer or string labels, found {y.dtype}. Use y.astype(int); or are these numbers to "
            "be predicted? That is --task regression, task='regression'."
        )


def encode_labels(train: NDArray[Any], test: NDArray[Any]) -> tuple[Labels, Labels, tuple[str, ...]]:
    """Labels as int64 class numbers, and the names of the classes.

    Integers 0..999 are class numbers already, and there are as many classes as the largest needs. Anything
    else (strings, negative or large numbers) names a class; names are numbered in sorted order.
    """
    values = np.concatenate([train, test])
    if values.dtype.kind in "uib" and values.min() >= 0 and values.max() <= MAX_PLAIN_LABEL:
        classes = tuple(str(label) for label in range(int(values.max()) + 1))
        return train.astype(np.int64), test.astype(np.int64), classes
    names, codes = np.unique(values, return_inverse=True)
    y = codes.reshape(-1).astype(np.int64)
    return y[: len(train)].copy(), y[len(train) :].copy(), tuple(str(name) for name in names)


def split(x: Images, y: NDArray[Any], seed: int, fraction: float = 0.2) -> tuple[Examples, Examples]:
    """Divide one table into training and test rows: `fraction` of every class, chosen at random by `seed`.

    Targets of regression, floats, are grouped by size, and one of each group is taken: both parts have small and large
    ones.
    Rows come out shuffled, so that the first rows of a table sorted by class are not all of one class. The
    generator is NumPy's legacy one, whose numbers are fixed for good.
    """
    random = np.random.RandomState(seed % 2**32)
    order = random.permutation(len(y))
    codes = _strata(y, fraction)[order]
    is_test = np.zeros(len(y), dtype=bool)
    for code in range(int(codes.max()) + 1):
        members = np.flatnonzero(codes == code)
        is_test[members[: round(fraction * len(members))]] = True
    if not is_test.any():  # a handful of rows: every class rounds to none
        is_test[0] = True
    if is_test.all():
        is_test[0] = False
    return (x[order[~is_test]], y[order[~is_test]]), (x[order[is_test]], y[order[is_test]])


def _strata(y: NDArray[Any], fraction: float) -> NDArray[np.int64]:
    """A number for each row: rows of the same number are divided evenly."""
    if y.dtype.kind != "f":
        return np.unique(y, return_inverse=True)[1].reshape(-1).astype(np.int64)
    ranks = np.argsort(np.argsort(y.reshape(len(y), -1)[:, 0], kind="stable"), kind="stable")
    return np.asarray(ranks * max(1, round(fraction * len(y))) // len(y))


def hold_out(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """The data set with `fraction` of its training examples, of every class alike, as `validation`."""
    if not 0 < fraction < 1:
        raise DataError(f"validation: expected a share of the training examples between 0 and 1, found {fraction}.")
    if len(dataset.train[1]) < 2:
        raise DataError(f"{dataset.name}: expected at least two training examples to hold one out, found one.")
    train, validation = split(*dataset.train, seed, fraction)
    return replace(dataset, train=train, validation=validation)


def balanced_weights(y: NDArray[np.int64], classes: int) -> tuple[float, ...]:
    """A weight for each class, n / (classes present * its examples): each class then counts the same in the loss.

    The mean weight of an example is 1; a class without examples has weight 0.
    """
    counts = np.bincount(y, minlength=classes)
    present = np.count_nonzero(counts)
    weights = np.divide(len(y), present * counts, out=np.zeros(classes), where=counts > 0)
    return tuple(float(weight) for weight in weights)
