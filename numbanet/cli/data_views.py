"""What the commands of `numbanet data` do and print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from numbanet import data
from numbanet.cli.art import is_image, picture, reduced, to_unit
from numbanet.cli.console import facts, make_console, say, size_in_words
from numbanet.cli.fetching import make_reporter
from numbanet.cli.loading import described, load_data
from numbanet.data.augment import Augment
from numbanet.data.datasets import DIGITS, SOURCES
from numbanet.data.download import FileCheck
from numbanet.data.files import idx_folder
from numbanet.errors import DataError

SHEET_CELL = 16  # wider examples are halved on the sheet, so that a row of five fits 80 columns


def list_data_sets(data_dir: str | None) -> None:
    """A table of the known data sets; for each whether it is here, and its size."""
    console = make_console()
    root = data.data_root(data_dir)
    table = Table.grid(padding=(0, 3))
    for name, title in data.available().items():
        table.add_row(Text(name, "bold"), _state(name, root), Text(title, "dim"))
    console.print(table)
    say(console, f"kept in {root}", "dim")


def _state(name: str, root: Path) -> Text:
    if name == DIGITS:
        return Text("built in", "green")
    folder = idx_folder(SOURCES[name], root)
    if folder is None:
        return Text("not fetched", "dim")
    return Text(size_in_words(folder_size(folder)), "green")


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder and below; 0 where there is none."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def fetch_data_sets(names: Sequence[str], data_dir: str | None, force: bool) -> None:
    """Fetch one after the other."""
    console = make_console()
    for name in names:
        folder = data.fetch(name, data_dir, reporter=make_reporter(console), force=force)
        say(console, f"{name} is here and whole: {folder}", "green")


def verify_data_sets(names: Sequence[str], data_dir: str | None) -> bool:
    """Check the named sets, or all that are here; whether all is well."""
    console = make_console()
    root = data.data_root(data_dir)
    chosen = names or [name for name, source in SOURCES.items() if idx_folder(source, root)]
    if not chosen:
        say(console, f"no data set has been fetched into {root}")
    damaged = []
    for name in chosen:
        checks = data.verify(name, data_dir)
        _print_checks(console, name, checks)
        if not all(check.ok for check in checks):
            damaged.append(name)
    if damaged:
        say(console, f"To mend this: numbanet data fetch {' '.join(damaged)}")
    return not damaged


def _print_checks(console: Console, name: str, checks: Sequence[FileCheck]) -> None:
    say(console, name, "bold")
    rows = []
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("bad", "bold red")
        rows.append((check.path.name, Text.assemble(mark, "  ", (check.detail, "dim" if check.ok else ""))))
    console.print(facts(rows))


def show_data_set(
    name_or_path: str, data_dir: str | None, split: str, start: int, count: int, augment: Augment | None
) -> None:
    """Facts about a data set, then a sheet of its examples, perhaps distorted, with their classes."""
    console = make_console()
    dataset = load_data(console, name_or_path, data_dir)
    x, y = dataset.train if split == "train" else dataset.test
    if start >= len(y):
        raise DataError(f"--start {start}: {dataset.name} has {len(y):,} {split} examples, 0 to {len(y) - 1}.")
    say(console, f"{dataset.name}: {described(dataset)}", "bold")
    per_class = np.bincount(y, minlength=dataset.num_classes)
    counts = ", ".join(f"{name}: {n:,}" for name, n in zip(dataset.classes, per_class, strict=True))
    console.print(Text(f"{split} examples of each class: {counts}", "dim"))
    console.print()
    chosen = range(start, min(start + count, len(y)))
    shown = _distorted(console, augment, x, chosen) if augment else x[chosen.start : chosen.stop]
    if is_image(dataset.input_shape):
        console.print(_sheet(console, dataset, shown, y, chosen))
        return
    for index, example in zip(chosen, shown, strict=True):
        with np.printoptions(precision=3, threshold=8, edgeitems=4):
            say(console, f"{index}  {dataset.classes[y[index]]}  {example}")


def _distorted(console: Console, augment: Augment, x: data.dataset.Images, chosen: range) -> data.dataset.Images:
    """As a model of seed 0 would see these examples at its first step."""
    from numbanet.cli.compiling import compilation_shown  # imports Numba, which the kernel needs anyway

    with compilation_shown(console):
        return augment(x, chosen)


def _sheet(
    console: Console,
    dataset: data.Dataset,
    shown: data.dataset.Images,
    y: data.dataset.Labels,
    chosen: Sequence[int],
) -> Table:
    factor = max(1, round(dataset.input_shape[1] / SHEET_CELL))
    width = max(dataset.input_shape[1] // factor, 1)
    columns = max((console.width + 2) // (width + 2), 1)
    sheet = Table.grid(padding=(0, 2, 1, 0))
    cells = []
    for index, image in zip(chosen, shown, strict=True):
        caption = Text.assemble((f"{index} ", "dim"), (dataset.classes[y[index]], "bold"))
        cells.append(Group(picture(console, reduced(to_unit(image), factor), console.width), caption))
    for first in range(0, len(cells), columns):
        sheet.add_row(*cells[first : first + columns])
    return sheet
