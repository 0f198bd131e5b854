"""Classes as tables: how well each is found, and which is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from numbanet.training.metrics import ClassReport

LONGEST = 8  # characters of a class's name above a column


def class_table(report: ClassReport, classes: Sequence[str]) -> Table:
    """A row for each class: its examples, precision, recall and F1."""
    table = _grid(["", "examples", "precision", "recall", "f1"])
    for index, name in enumerate(classes):
        shares = (report.precision[index], report.recall[index], report.f1[index])
        table.add_row(f"  {name}", f"{report.examples[index]:,}", *(f"{100 * share:.1f}%" for share in shares))
    return table


def confusion_table(counts: NDArray[np.int64], classes: Sequence[str]) -> Table:
    """Counts [true class, predicted class]; what never happened stays empty, what is right stands out."""
    table = _grid(["", *(name[:LONGEST] for name in classes)])
    for true, name in enumerate(classes):
        cells = [Text(f"{count:,}" if count else "", "bold green" if true == guess else "red")
                 for guess, count in enumerate(counts[true])]  # fmt: skip
        table.add_row(f"  {name}", *cells)
    return table


def _grid(names: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for index, name in enumerate(names):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=True)
    return table
