"""How long this process has been running: what a user waits for begins before the first line of Python."""

from __future__ import annotations

import os
import sys
import time

IMPORTED = time.perf_counter()


def seconds_since_start() -> float:
    """Seconds since the process was started (from the kernel on Linux, else from this import)."""
    since_import = time.perf_counter() - IMPORTED
    return since_import + BEFORE_IMPORT


def _seconds_before_import() -> float:
    """From the start of the process to the import of this module; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0.0
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])  # field 22 of proc(5): starttime
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0
    return seconds if 0.0 <= seconds < 60.0 else 0.0  # some containers keep another clock


BEFORE_IMPORT = _seconds_before_import()
