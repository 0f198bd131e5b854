"""What the data layer reports, shown: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from numbanet.cli.console import is_live, is_unicode, say, size_in_words
from numbanet.data.progress import Reporter

SECONDS_BETWEEN_LINES = 5.0


def make_reporter(console: Console) -> Reporter:
    """A `Reporter` that suits the console."""
    return LiveReporter(console) if is_live(console) else LineReporter(console)


class LiveReporter:
    """One bar per task, gone when the task is over."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress: Progress | None = None

    def start(self, description: str, total_bytes: int | None) -> None:
        """Show the bar; a spinner alone where the size is not known."""
        spinner = SpinnerColumn("dots" if is_unicode(self.console) else "line")
        label = TextColumn("fetching {task.description}")
        measured = (
            BarColumn(24, complete_style="cyan", finished_style="cyan"),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        columns = (spinner, label, *(measured if total_bytes else ()))
        self.progress = Progress(*columns, console=self.console, transient=True)
        self.progress.add_task(description, total=total_bytes)
        self.progress.start()

    def advance(self, n: int) -> None:
        """Move the bar on."""
        if self.progress:
            self.progress.advance(self.progress.task_ids[0], n)

    def finish(self) -> None:
        """Take the bar away."""
        if self.progress:
            self.progress.stop()
            self.progress = None

    def message(self, text: str) -> None:
        """Print above the bar."""
        say(self.console, text, style="dim")


class LineReporter:
    """A line when a task begins, and one every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total: int | None = None
        self.done = 0
        self.last_line = 0.0

    def start(self, description: str, total_bytes: int | None) -> None:
        """Say what is fetched and how large it is."""
        self.total, self.done, self.last_line = total_bytes, 0, time.monotonic()
        size = f" ({size_in_words(total_bytes)})" if total_bytes else ""
        say(self.console, f"fetching {description}{size}")

    def advance(self, n: int) -> None:
        """Say how far it is, now and then."""
        self.done += n
        if time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            of_total = f" of {size_in_words(self.total)}" if self.total else ""
            say(self.console, f"  {size_in_words(self.done)}{of_total}")

    def finish(self) -> None:
        """Nothing: what comes next speaks for itself."""

    def message(self, text: str) -> None:
        """One line."""
        say(self.console, text)
