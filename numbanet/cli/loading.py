"""Loading a data set with something to look at meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from numbanet import data
from numbanet.cli.fetching import make_reporter
from numbanet.data.datasets import DIGITS

READING = ("task", "target", "test_share", "image_size")  # options of `data.load` about data of one's own


def load_data(
    console: Console,
    name_or_path: str,
    data_dir: str | None,
    limit: int | None = None,
    reading: Mapping[str, Any] | None = None,
) -> data.Dataset:
    """`data.load`, with progress on `console`; seed 0 always: every command sees the same test set.

    `reading`: how data of one's own are to be understood; for a published data set it says nothing.
    """
    reporter = make_reporter(console)
    options = {name: value for name, value in (reading or {}).items() if name in READING and value is not None}
    if "image_size" in options:
        options["image_size"] = tuple(options["image_size"])
    if name_or_path != DIGITS:
        return data.load(name_or_path, data_dir, reporter=reporter, limit=limit, **options)
    from numbanet.cli.compiling import compilation_shown  # imports Numba, which the generator needs anyway

    with compilation_shown(console):
        return data.load(name_or_path, data_dir, reporter=reporter, limit=limit, **options)


def described(dataset: data.Dataset) -> str:
    """One line: sizes, shape of an example, classes or numbers to predict."""
    numbers = "a number" if dataset.outputs == 1 else f"{dataset.outputs} numbers"
    what = f"{dataset.num_classes} classes" if dataset.classes else f"{numbers} to predict"
    shape = "x".join(str(size) for size in dataset.input_shape)
    parts = [f"{len(dataset.train[1]):,} training"]
    if dataset.validation is not None:
        parts.append(f"{len(dataset.validation[1]):,} validation")
    return f"{', '.join(parts)} and {len(dataset.test[1]):,} test examples, {shape}, {what}"
