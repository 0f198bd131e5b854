"""Loading a data set with something to look at meanwhile."""

from __future__ import annotations

from rich.console import Console

from numbanet import data
from numbanet.cli.fetching import make_reporter
from numbanet.data.datasets import DIGITS


def load_data(console: Console, name_or_path: str, data_dir: str | None, limit: int | None = None) -> data.Dataset:
    """`data.load`, with progress on `console`; seed 0 always: every command sees the same test set."""
    reporter = make_reporter(console)
    if name_or_path != DIGITS:
        return data.load(name_or_path, data_dir, reporter=reporter, limit=limit)
    from numbanet.cli.compiling import compilation_shown  # imports Numba, which the generator needs anyway

    with compilation_shown(console):
        return data.load(name_or_path, data_dir, reporter=reporter, limit=limit)


def described(dataset: data.Dataset) -> str:
    """One line: sizes, shape of an example, classes or numbers to predict."""
    numbers = "a number" if dataset.outputs == 1 else f"{dataset.outputs} numbers"
    what = f"{dataset.num_classes} classes" if dataset.classes else f"{numbers} to predict"
    shape = "x".join(str(size) for size in dataset.input_shape)
    return f"{len(dataset.train[1]):,} training and {len(dataset.test[1]):,} test examples, {shape}, {what}"
