"""A device: its kernels, and arrays that live on it. Loaded when it is asked for.

    backend = get("cpu")
    backend.kernels.dense_forward(y, x, w, b, code)

Everything above takes the backend that it is handed, and never asks which one it is.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from numbanet.errors import DeviceError, unknown_name

Array: TypeAlias = Any  # an array on the backend's device; NumPy's on the CPU
DEVICES = ("cpu", "cuda")
ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class Backend(Protocol):
    """What a model needs of a device."""

    @property
    def name(self) -> str:
        """`cpu` or `cuda`."""

    @property
    def kernels(self) -> Any:
        """The namespace of its kernels."""

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """A contiguous array with arbitrary contents."""

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """A contiguous array of zeros."""

    def copy(self, target: Array, source: NDArray[Any]) -> None:
        """Write a host array into an array on the device, converting its type."""

    def from_numpy(self, array: NDArray[Any]) -> Array:
        """The array on the device, contiguous and writable: itself where it is all that already."""

    def to_numpy(self, array: Array) -> NDArray[Any]:
        """The array on the host: itself where it is there already."""

    def synchronize(self) -> None:
        """Wait until everything launched has finished."""


@dataclass(frozen=True)
class HostBackend:
    """Arrays in main memory. `kernels`: `numbanet.kernels.cpu`, or in tests `numbanet.kernels.reference`."""

    name: str
    kernels: Any

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """A contiguous array with arbitrary contents, at a multiple of 64 bytes."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        raw = np.empty(size + ALIGNMENT, np.uint8)  # NumPy aligns to 16 bytes only
        start = -raw.ctypes.data % ALIGNMENT
        return raw[start : start + size].view(dtype).reshape(tuple(shape))

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """A contiguous array of zeros."""
        array = self.empty(shape, dtype)
        array[...] = 0
        return array

    def copy(self, target: Array, source: NDArray[Any]) -> None:
        """Write `source` into `target`, converting its type."""
        target[...] = source

    def from_numpy(self, array: NDArray[Any]) -> Array:
        """The array itself, or a copy where it is read-only, not contiguous or not aligned.

        Numba compiles a second version of a kernel for each of these, which takes longer than any copy.
        """
        return np.require(array, requirements=["C", "A", "W"])

    def to_numpy(self, array: Array) -> NDArray[Any]:
        """The array itself."""
        result: NDArray[Any] = array
        return result

    def synchronize(self) -> None:
        """Nothing to wait for."""


@functools.cache
def get(name: str = "auto") -> Backend:
    """The backend of a device: "cpu", "cuda", or "auto" for the best that works here. Raises `DeviceError`.

    A device that was asked for by name is never silently replaced by another.
    """
    if name in ("auto", "cpu"):
        return HostBackend("cpu", import_module("numbanet.kernels.cpu"))
    if name == "cuda":
        raise DeviceError(
            f"device cuda: this version of numbanet has no CUDA kernels yet (here: {device_state()}). "
            "Use --device cpu, or device='cpu'."
        )
    raise DeviceError(unknown_name("device", name, ("auto", *DEVICES)))


def device_state() -> str:
    """Whether CUDA could be used here, and if not, why: for people, in a few words."""
    import ctypes
    import sys

    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return f"no NVIDIA driver: {library} not found"
    status = driver.cuInit(0)
    if status != 0:
        return f"the NVIDIA driver does not start: cuInit returned {status}"
    count = ctypes.c_int()
    status = driver.cuDeviceGetCount(ctypes.byref(count))
    if status != 0:
        return f"the NVIDIA driver does not answer: cuDeviceGetCount returned {status}"
    return f"{count.value} NVIDIA GPU{'' if count.value == 1 else 's'}"


def set_threads(count: int) -> None:
    """Let CPU kernels use `count` threads, from 1 to what the process was started for; else `DeviceError`."""
    import numba

    most = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    if not 1 <= count <= most:
        raise DeviceError(
            f"threads: expected 1 to {most}, found {count}. This process was started for {most}; the "
            "environment variable NUMBA_NUM_THREADS, set before the start, changes that."
        )
    numba.set_num_threads(count)


def threads() -> int:
    """How many threads CPU kernels use."""
    import numba

    return int(numba.get_num_threads())
