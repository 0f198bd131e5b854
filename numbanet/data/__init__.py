"""Data sets: by name (fetched once, checked, cached), built in, or a user's own files.

    data = load("mnist")
    data.train          # (x uint8 [60000, 28, 28, 1], y int64 [60000])

`load` is all that training needs. `fetch` and `verify` tend the cache; `read_idx` and `write_idx` read and
write the format in which MNIST is published. Nothing here prints; progress goes to a `Reporter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbanet.data.dataset import Dataset
from numbanet.data.datasets import available
from numbanet.data.idx import read_idx, write_idx
from numbanet.data.load import load
from numbanet.data.progress import Reporter, SilentReporter
from numbanet.data.storage import data_root

if TYPE_CHECKING:
    from numbanet.data.digits import generate
    from numbanet.data.download import FileCheck, fetch, verify

__all__ = [
    "Dataset",
    "FileCheck",
    "Reporter",
    "SilentReporter",
    "available",
    "data_root",
    "fetch",
    "generate",
    "load",
    "read_idx",
    "verify",
    "write_idx",
]

_LAZY = {
    "FileCheck": "numbanet.data.download",
    "fetch": "numbanet.data.download",
    "verify": "numbanet.data.download",
    "generate": "numbanet.data.digits",
}


def __getattr__(name: str) -> Any:
    """Import what only downloading or drawing needs when it is asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
