"""How data of one's own are to be understood: what is predicted, and what becomes of data in one piece."""

from __future__ import annotations

from dataclasses import dataclass

from numbanet.errors import DataError, unknown_name

TASKS = ("classification", "regression")


@dataclass(frozen=True)
class Reading:
    """`task`: "classification", or "regression" where the targets are numbers to be predicted.

    `target`: which column of a CSV that is: a name in its header, or a number from 1 on, -1 for the last; by default
    the first. `test_share`: how much of data that are in one piece becomes the test set, of every class alike, chosen
    by `seed`. `image_size`: (height, width) that images of a folder are brought to; by default their own, or one that
    suits most where they differ.
    """

    task: str = "classification"
    target: str | int | None = None
    test_share: float = 0.2
    image_size: tuple[int, int] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the arguments. Raises `DataError`."""
        if self.task not in TASKS:
            raise DataError(unknown_name("task", str(self.task), TASKS))
        if not 0 < self.test_share < 1:
            raise DataError(f"test_share: expected a share between 0 and 1, found {self.test_share!r}.")
        if self.image_size is not None and (len(self.image_size) != 2 or min(self.image_size) < 1):
            raise DataError(f"image_size: expected a height and a width in pixels, found {self.image_size!r}.")

    @property
    def regresses(self) -> bool:
        """Whether numbers are predicted."""
        return self.task == "regression"

    def check_published(self, name: str) -> None:
        """Raise `DataError` where what is asked for makes no sense for the known data set `name`."""
        for what, wanted in (("task", self.regresses), ("target", self.target), ("image_size", self.image_size)):
            if wanted:
                raise DataError(f"{name}: {what} is for data of one's own; {name} has images, classes and a test set.")
