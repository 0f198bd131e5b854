"""Picture files: where they go, which is settled before anything is computed, and how they get there."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from numbanet import plots
from numbanet.cli.console import say, size_in_words
from numbanet.cli.destination import check_folder
from numbanet.errors import PlotError

SUFFIX = ".png"


def picture_file(model: str, what: str, out: str | None, overwrite: bool) -> Path:
    """--out, else `mnist-mlp-filters.png` in the current folder for mnist-mlp.safetensors and `filters`.

    Raises `PlotError` unless a picture can be drawn at all, and written there without harm to another file.
    """
    name = re.sub(r"[^\w-]+", "-", f"{Path(model).stem}-{what}").strip("-") + SUFFIX
    return check_picture_file(Path(out).expanduser() if out else Path(name), overwrite)


def check_picture_file(path: Path, overwrite: bool, option: str = "--out") -> Path:
    """`path`, named with this option. Raises `PlotError` as `picture_file` does."""
    plots.require_matplotlib()
    if path.suffix.lower() != SUFFIX:
        raise PlotError(f"{option} {path}: pictures are PNG files, whose names end in {SUFFIX}: {path.name}{SUFFIX}")
    check_folder(path, PlotError, option)
    if path.exists() and not path.is_file():
        raise PlotError(f"{option} {path}: something that is not a file is there. Name another.")
    if path.exists() and not overwrite:
        raise PlotError(f"{path} is there already. Replace it with --overwrite, or name another with {option} FILE.")
    return path


def save_picture(console: Console, content: bytes, path: Path) -> None:
    """Write a PNG file, whole or not at all, and say so. Raises `PlotError`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise PlotError(
            f"{path}: the picture cannot be saved: {error.strerror or error}. Save it elsewhere."
        ) from error
    finally:
        with suppress(OSError):  # gone after the move
            temporary.unlink()
    say(console, f"saved {path} ({size_in_words(len(content))})")
