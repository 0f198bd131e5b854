"""Nobody should think it hangs: says so when kernels are compiled, which happens once on a machine.

Numba announces each function that it really compiles (not one it loads from its cache), so nothing is said on
the second run, and the message is right whichever command comes first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from numbanet.cli.console import is_live, is_unicode, say
from numbanet.kernels import jit

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def compilation_shown(console: Console) -> Iterator[None]:
    """While the block runs, show what is compiled and for how long; print nothing if nothing is."""
    listener = _Listener(console)
    try:
        with event.install_listener("numba:compile", listener):
            yield
    finally:
        listener.close()


class _Listener(event.Listener):  # type: ignore[misc]  # numba has no type hints
    """Counts compilations from the outermost in: a kernel compiles its helpers while it is compiled."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live: Live | None = None
        self.began: float | None = None
        self.last_line = 0.0
        self.depth = 0
        self.kernels = 0
        self.current = ""

    def on_start(self, event: Any) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        self.current = event.data["dispatcher"].py_func.__name__
        if self.began is None:
            self._begin()
        elif self.live is None and time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            say(
                self.console,
                f"  {self.last_line - self.began:.0f} s: {self.kernels} compiled, now {self.current}",
            )

    def on_end(self, event: Any) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.kernels += 1

    def _begin(self) -> None:
        self.began = self.last_line = time.monotonic()
        if is_live(self.console):
            self.spinner = Spinner("dots" if is_unicode(self.console) else "line")
            self.live = Live(
                get_renderable=self._frame, console=self.console, transient=True, refresh_per_second=8
            )
            self.live.start()
        else:
            reason = "again, some have changed" if jit.is_cached() else "once, about 10 to 20 s"
            say(self.console, f"compiling kernels for this machine ({reason})")

    def _frame(self) -> Spinner:
        seconds = time.monotonic() - (self.began or 0.0)
        text = Text.assemble(
            f"compiling kernels for this machine, once: {seconds:.0f} s  ", (f"{self.current}", "dim")
        )
        self.spinner.update(text=text)
        return self.spinner

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
        if self.began is not None:
            seconds = time.monotonic() - self.began
            noun = "kernel" if self.kernels == 1 else "kernels"
            say(self.console, f"compiled {self.kernels} {noun} for this machine in {seconds:.1f} s", "dim")
