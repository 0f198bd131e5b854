"""Ctrl-C while training: it waits for the end of the step under way, so that a checkpoint is of a whole step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """While this is entered, the first Ctrl-C only sets `pressed`; a second one is a `KeyboardInterrupt` at once.

    `immediate`: the first one, too, for stretches of work that nothing depends on. Takes effect in the main
    thread, and only where Python's own handler is in place: a program's own is left alone, and so is a shell's
    wish that a process in the background ignore Ctrl-C.
    """

    def __init__(self) -> None:
        self.pressed = False
        self.twice = False
        self.immediate = False
        self._installed = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.twice, self.pressed = self.pressed, True
        if self.twice or self.immediate:
            raise KeyboardInterrupt

    def __enter__(self) -> Interrupts:
        """Take over from Python's handler."""
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give back to it."""
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False
