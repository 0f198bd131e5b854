"""Errors for people: what was wrong, where, what was expected, what to do next.

Everything a user can cause raises a `NumbanetError`; the command line prints its message without a
traceback. Anything else that escapes is a bug in numbanet.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NumbanetError(Exception):
    """Base of every error that a user can cause and mend."""


class DataError(NumbanetError):
    """A data set could not be found, fetched, read or understood."""


class ModelError(NumbanetError):
    """A model is built from parts that do not fit, or does not fit the data handed to it."""


class ModelFileError(NumbanetError):
    """A file is not a numbanet model, or is one that this version cannot read."""


class DeviceError(NumbanetError):
    """The device that was asked for cannot be used here."""


class PlotError(NumbanetError):
    """A picture cannot be drawn, or cannot be saved where it should go."""


class BenchError(NumbanetError):
    """What was to be measured is none of what can be, or gives a wrong result."""


class TrainingError(NumbanetError):
    """Training cannot go on: the loss is no longer finite. `history`: what was measured until then."""

    history: object = None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """One sentence for a misspelt name: the nearest valid one first, then all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}.{hint} Known: {', '.join(names)}."
