"""The machine as the options want it: how many threads, which device."""

from __future__ import annotations

from numbanet import backend


def set_up(threads: int | None, device: str) -> str:
    """Apply --threads before any kernel runs; the name of the device that --device comes to.

    Raises `DeviceError` for more threads than there are, and for a device that cannot be used here.
    """
    if threads is not None:
        backend.set_threads(threads)
    return backend.get(device).name
