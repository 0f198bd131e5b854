"""Where data sets are kept, and how files get there: whole or not at all.

Every file is written under a name of its own in the folder where it will live, then moved over the final
name in one step (`os.replace`). A reader, another process that fetches the same data, or a kill in the
middle therefore never meets half a file.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from numbanet.errors import DataError

ENVIRONMENT = "NUMBANET_DATA"
STAGING_PREFIX = ".fetch-"
STALE_SECONDS = 24 * 3600  # a staging folder this old was left by a process that was killed


def data_root(data_dir: str | PathLike[str] | None = None) -> Path:
    """The folder of all data sets: the argument, else `$NUMBANET_DATA`, else the user's cache folder."""
    chosen = data_dir if data_dir is not None else os.environ.get(ENVIRONMENT)
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("numbanet", appauthor=False)) / "data"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a full disk or an unwritable folder into a `DataError` that names the folder and a way out."""
    try:
        yield
    except OSError as error:
        raise DataError(_explain(error, folder)) from error


def _explain(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem = "the disk is full"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        problem = "it is not writable"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        problem = "a file stands where a folder should be"
    else:
        problem = error.strerror or str(error)
    return (
        f"cannot write to the data folder {folder}: {problem}. "
        f"Choose another folder with --data-dir FOLDER or the environment variable {ENVIRONMENT}."
    )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it over `path` at the end, or remove it on any error."""
    with writing(path.parent):
        temporary = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Make `folder`, and in it a private folder for work in progress that is gone afterwards."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        stage = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=folder))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left; a young folder may belong to one that is still at work."""
    now = time.time()
    for stage in folder.glob(f"{STAGING_PREFIX}*"):
        with suppress(FileNotFoundError):
            if now - stage.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(stage, ignore_errors=True)
