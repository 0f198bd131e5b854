"""The console that commands print to, and the few shapes of text that all of them use."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 110  # where there is no terminal to ask; a longer line is never wrapped there


class Output(Console):
    """A rich console that leaves a broken pipe to the program instead of ending it."""

    def on_broken_pipe(self) -> None:
        """Pass the error on: `failures.run` ends quietly, training saves its model before."""
        raise


def make_console(stderr: bool = False) -> Console:
    """Colored on a terminal, plain in a pipe or with NO_COLOR."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Output(stderr=stderr, width=width, highlight=False, emoji=False)


def is_live(console: Console) -> bool:
    """Whether a line may be redrawn in place; elsewhere progress is whole lines."""
    return console.is_terminal and not console.is_dumb_terminal


def is_unicode(console: Console) -> bool:
    """Whether the terminal's encoding can show blocks and bars."""
    return console.encoding.lower().startswith("utf")


def is_colored(console: Console) -> bool:
    """Whether colors reach the screen."""
    return console.color_system is not None and not console.no_color


def say(console: Console, text: str, style: str = "") -> None:
    """Print one line of prose: wrapped by the terminal, not by us, so that a path can be copied."""
    console.print(Text(text, style=style), soft_wrap=True)


def facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """A quiet two-column table: what, and how much."""
    table = Table.grid(padding=(0, 3))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(f"  {name}", value)
    return table


def size_in_words(count: int) -> str:
    """1234567 -> "1.2 MB"."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def rate_in_words(per_second: float) -> str:
    """316227.0 -> "316k"."""
    if per_second >= 1e6:
        return f"{per_second / 1e6:.2f}M"
    if per_second >= 10_000:
        return f"{per_second / 1e3:.0f}k"
    return f"{per_second / 1e3:.1f}k" if per_second >= 1000 else f"{per_second:.0f}"
