"""What the data layer says about long work, and to whom.

The layer itself prints nothing. A program that wants a progress bar hands in an object with these four
methods; the command line does, a library call need not.
"""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives progress. Tasks come one after another: `start`, any number of `advance`, `finish`."""

    def start(self, description: str, total_bytes: int | None) -> None:
        """A task begins; `total_bytes` is None where its size is not known."""

    def advance(self, n: int) -> None:
        """`n` more bytes of the task are done."""

    def finish(self) -> None:
        """The task is over, whether or not it succeeded (a `message` says so where it failed)."""

    def message(self, text: str) -> None:
        """One line worth telling: a mirror that failed, a damaged file that is fetched again."""


class SilentReporter:
    """The default: says nothing."""

    def start(self, description: str, total_bytes: int | None) -> None:
        """Ignore the task."""

    def advance(self, n: int) -> None:
        """Ignore the bytes."""

    def finish(self) -> None:
        """Ignore the end."""

    def message(self, text: str) -> None:
        """Ignore the line."""
