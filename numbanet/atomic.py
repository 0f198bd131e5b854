"""Files that are whole or not there at all, whatever happens while they are written.

A file is written beside its place under another name, is made to reach the disk, and is then moved: whoever
reads it, also after a power failure or `kill -9`, finds the old one or the new one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

LEFTOVER = re.compile(r"\..+\.[0-9a-f]{8}")  # what a process that was killed may leave behind


def temporary_name(path: Path) -> Path:
    """A free name beside `path`, hidden, that `LEFTOVER` knows."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def write_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`, replacing what is there. Raises `OSError`, and then changes nothing."""
    temporary = write_beside(path, content)
    try:
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):  # gone after the move
            temporary.unlink()


def write_beside(path: Path, content: bytes) -> Path:
    """Write `content` under a temporary name beside `path`, on the disk when this returns. Raises `OSError`."""
    temporary = temporary_name(path)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):  # in a folder that does not exist it never was
            temporary.unlink()
        raise
    return temporary


def sync_folder(folder: Path) -> None:
    """Make the names in a folder reach the disk, where the system has a way to."""
    with suppress(OSError):  # Windows opens no folders; some network file systems do not sync them
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of processes that are no more. Only for a folder that nobody else writes to."""
    for path in folder.iterdir():
        if LEFTOVER.fullmatch(path.name) and path.is_file():
            with suppress(OSError):
                path.unlink()


def problem(error: OSError, path: Path) -> str:
    """What kept `path` from being written, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if error.errno == errno.EFBIG:
        return "it would be larger than a file may be here"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {path.parent} is not writable"
    if error.errno == errno.ENOENT:
        return f"the folder {path.parent} does not exist"
    if error.errno == errno.ENOTDIR:
        return f"{path.parent} is not a folder"
    if error.errno == errno.EISDIR:
        return "it is a folder"
    return error.strerror or str(error)
