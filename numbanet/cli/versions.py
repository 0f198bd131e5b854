"""Versions of numbanet and of what it stands on, without importing any of it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The installed version, or a word for a checkout that is not installed."""
    return version_of("numbanet") or "(a checkout that is not installed)"


def version_of(package: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
