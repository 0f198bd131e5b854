"""Nobody should think it hangs: says so when kernels are compiled, which happens once on a machine.

Numba announces every pass of a compilation, and none for what it loads from its cache: so nothing is said on
the second run, and the message is right whichever command comes first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from numba.core import event
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from numbanet.cli.console import is_live, is_unicode, say

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def compilation_shown(console: Console) -> Iterator[None]:
    """While the block runs, show what is compiled and for how long; print nothing if nothing is."""
    listener = _Listener(console)
    try:
        with event.install_listener("numba:run_pass", listener):
            yield
    finally:
        listener.close()


class _Listener(event.Listener):
    """Shows what is being compiled (a kernel's helpers come before it) and the seconds since the first."""

    began: ClassVar[float | None] = None  # of the whole process: several blocks are one wait for the user

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live: Live | None = None
        self.last_line = 0.0
        self.current = ""
        self.spinner = Spinner("dots" if is_unicode(console) else "line")

    def on_start(self, event: Any) -> None:
        name = str(event.data["qualname"])
        if not name.startswith("__numba"):  # the body of a parallel loop: its kernel's name says more
            self.current = name
        if self.live is not None:
            return
        if is_live(self.console):
            self._start_clock()
            self.live = Live(get_renderable=self._frame, console=self.console, transient=True, refresh_per_second=8)
            self.live.start()
        elif _Listener.began is None:
            self._start_clock()
            say(self.console, "compiling kernels for this machine, once; this may take 10 to 20 s")
        elif time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            say(self.console, f"  {self.seconds:.0f} s: {self.current}")

    def on_end(self, event: Any) -> None:
        pass

    @property
    def seconds(self) -> float:
        return time.monotonic() - (_Listener.began or 0.0)

    def _start_clock(self) -> None:
        self.last_line = time.monotonic()
        if _Listener.began is None:
            _Listener.began = self.last_line

    def _frame(self) -> Spinner:
        message = f"compiling kernels for this machine, once: {self.seconds:.0f} s  "
        self.spinner.update(text=Text.assemble(message, (self.current, "dim")))
        return self.spinner

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
