"""A data set in memory: training and test examples, with the names of the classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from numpy.typing import NDArray

from numbanet.errors import DataError

Images: TypeAlias = NDArray[Any]  # uint8 or float32; [n, height, width, channels] or [n, features]
Labels: TypeAlias = NDArray[Any]  # int64 [n], 0 .. num_classes - 1; of regression float32 [n, outputs]
Examples: TypeAlias = tuple[Images, Labels]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Training and test examples of one task.

    `train` and `test` are pairs `(x, y)`: x uint8 (0..255, kept as bytes; batches are normalized later) or
    float32, [n, height, width, channels] or [n, features]; y int64 [n]. `classes` names each label; a data set
    without classes is one of regression, and its y float32 [n, outputs]. `validation`: examples held out from those
    of the training, where a run is to be watched and stopped without a look at the test's. `from_pictures`: the inputs
    are image files as they are; those of the published sets are bright on black.
    """

    name: str
    train: Examples
    test: Examples
    classes: tuple[str, ...]
    validation: Examples | None = None
    from_pictures: bool = False

    @property
    def task(self) -> str:
        """`classification` or `regression`."""
        return "classification" if self.classes else "regression"

    @property
    def outputs(self) -> int:
        """How many numbers a model must give: one a class, or one a target."""
        return self.num_classes if self.classes else int(self.train[1].shape[1])

    @property
    def num_classes(self) -> int:
        """How many classes there are; 0 for regression."""
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
            f"input_shape={self.input_shape}, dtype={self.train[0].dtype}, "
            f"{f'classes={self.num_classes}' if self.classes else f'outputs={self.outputs}'})"
        )


def check_limit(limit: int | None) -> None:
    """Raise `DataError` unless `limit` is None or a positive number of examples."""
    if limit is not None and limit < 1:
        raise DataError(f"limit: expected a positive number of examples, found {limit}.")
