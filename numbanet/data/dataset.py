"""A data set in memory: training and test examples, with the names of the classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import DataError

Images: TypeAlias = NDArray[Any]  # uint8 or float32; [n, height, width, channels] or [n, features]
Labels: TypeAlias = NDArray[np.int64]  # [n], 0 .. num_classes - 1
Examples: TypeAlias = tuple[Images, Labels]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Training and test examples of one classification task.

    `train` and `test` are pairs `(x, y)`: x uint8 (0..255, kept as bytes; batches are normalized later) or
    float32, [n, height, width, channels] or [n, features]; y int64 [n]. `classes` names each label.
    """

    name: str
    train: Examples
    test: Examples
    classes: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        """How many classes there are: the width of a classifier's last layer."""
        return len(self.classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example, as `Sequential(input_shape=...)` wants it."""
        return tuple(int(size) for size in self.train[0].shape[1:])

    def first(self, limit: int | None) -> Dataset:
        """The first `limit` training and the first `limit` test examples (views); all of them for None."""
        if limit is None:
            return self
        check_limit(limit)
        (x, y), (x_test, y_test) = self.train, self.test
        return replace(self, train=(x[:limit], y[:limit]), test=(x_test[:limit], y_test[:limit]))

    def __repr__(self) -> str:
        """Name, sizes, shape and element type."""
        return (
            f"Dataset({self.name!r}, train={len(self.train[1]):,}, test={len(self.test[1]):,}, "
            f"input_shape={self.input_shape}, dtype={self.train[0].dtype}, classes={self.num_classes})"
        )


def check_limit(limit: int | None) -> None:
    """Raise `DataError` unless `limit` is None or a positive number of examples."""
    if limit is not None and limit < 1:
        raise DataError(f"limit: expected a positive number of examples, found {limit}.")
