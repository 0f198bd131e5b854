"""Numbers from 0 to 1 as horizontal bars."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from numbanet.cli.console import is_unicode

EIGHTHS = " ▏▎▍▌▋▊▉█"
WIDTH = 24


def bar(console: Console, fraction: float, width: int = WIDTH) -> str:
    """A bar that is full at 1, in steps of an eighth of a character where the encoding has them."""
    fraction = min(max(fraction, 0.0), 1.0)
    if not is_unicode(console):
        return "#" * round(fraction * width)
    eighths = round(fraction * width * 8)
    return EIGHTHS[8] * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")


def bar_table(
    console: Console, rows: Sequence[tuple[str, float]], strong: int | None = None, full: float = 1.0
) -> Table:
    """One row for each (name, fraction): the name, its bar, its percentage.

    Row `strong` stands out; a bar is full at the fraction `full`.
    """
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(width=WIDTH, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for index, (name, fraction) in enumerate(rows):
        style = "bold green" if index == strong else "dim" if strong is not None else ""
        table.add_row(name, bar(console, fraction / full), f"{100 * fraction:.1f}%", style=style)
    return table
