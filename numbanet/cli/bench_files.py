"""Where figures of a benchmark go: settled before anything is measured."""

from __future__ import annotations

import csv
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from numbanet.cli.console import say
from numbanet.cli.destination import check_folder
from numbanet.errors import BenchError


def check_file(name: str | None, option: str, suffix: str, overwrite: bool) -> Path | None:
    """The file that `option` names, None where it names none. Raises `BenchError` unless it can be written there."""
    if name is None:
        return None
    path = Path(name).expanduser()
    if path.suffix.lower() != suffix:
        raise BenchError(f"{option} {path}: expected a name that ends in {suffix}: {path.name}{suffix}")
    check_folder(path, BenchError, option)
    if path.exists() and not (overwrite and path.is_file()):
        raise BenchError(f"{option} {path}: something is there already. Replace a file with --overwrite.")
    return path


def save_csv(console: Console, rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows with the same keys as a table, whole or not at all, and say so."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        os.replace(temporary, path)
    finally:
        with suppress(OSError):  # gone after the move
            temporary.unlink()
    say(console, f"saved {path}")
