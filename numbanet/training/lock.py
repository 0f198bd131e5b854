"""A file that one process at a time holds: who trains in a run folder, and whether anybody does.

The operating system lets go of it when the process ends, however that happens. So a run that was killed is known
as such, and nothing need be cleaned up.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """The lock file `path`; `take` and `release` as often as wanted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Hold it; False where another process does. Raises `OSError` where it cannot be written."""
        file = self.path.open("ab")
        try:
            _take(file)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def is_taken(self) -> bool:
        """Whether a process holds it, this one included."""
        if not self.path.exists() or not os.access(self.path, os.W_OK):
            return False
        if self._file is not None:
            return True
        free = self.take()
        self.release()
        return not free
