"""The machine as the options want it: how many threads, which device."""

from __future__ import annotations

from rich.console import Console

from numbanet import backend
from numbanet.cli.compiling import compilation_shown


def set_up(console: Console, threads: int | None, device: str) -> str:
    """Apply --threads before any kernel runs; the name of the device that --device comes to.

    Raises `DeviceError` for more threads than there are, and for a device that cannot be used here.
    """
    if threads is not None:
        backend.set_threads(threads)
    with compilation_shown(console):  # what kernels share is compiled when they are imported
        return backend.get(device).name
