"""`load`: a data set by name or path, as arrays in memory."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path

import numpy as np

from numbanet.data.dataset import Dataset, Examples, check_limit
from numbanet.data.datasets import DIGITS, SOURCES, RemoteFile, Source, available
from numbanet.data.files import idx_files, idx_folder, load_path, looks_like_path
from numbanet.data.idx import GZIP_MAGIC, read_idx
from numbanet.data.progress import Reporter, SilentReporter
from numbanet.data.reading import Reading
from numbanet.data.storage import data_root
from numbanet.errors import DataError, unknown_name


def load(
    name_or_path: str | PathLike[str],
    data_dir: str | PathLike[str] | None = None,
    *,
    reporter: Reporter | None = None,
    limit: int | None = None,
    seed: int = 0,
    allow_download: bool = True,
    task: str = "classification",
    target: str | int | None = None,
    test_share: float = 0.2,
    image_size: tuple[int, int] | None = None,
) -> Dataset:
    """Load a data set: `"mnist"`, `"fashion-mnist"`, `"kmnist"`, `"digits"`, or a path to data of one's own.

    A published set is fetched once, checked and kept in `data_dir`, else `$NUMBANET_DATA`, else the user's
    cache folder; a `data_dir` that itself holds the four IDX files works too. Data of one's own: a folder of
    IDX files, one with a folder of images for each class, an `.npz` with x_train, y_train, x_test and y_test (or x
    and y), or a CSV with the label first.

    `limit` keeps the first so many training and test examples. `seed` varies `"digits"` and chooses the test
    examples of data in one piece. `reporter` is told about progress. For data of one's own `task`, `target`,
    `test_share` and `image_size` are as in `Reading`. Raises `DataError`.
    """
    check_limit(limit)
    reading = Reading(task, target, test_share, image_size, seed)
    if not isinstance(name_or_path, str):
        return load_path(Path(name_or_path), reading).first(limit)
    if name_or_path in available():
        reading.check_published(name_or_path)
    if name_or_path == DIGITS:
        from numbanet.data.digits import generate

        return generate(seed).first(limit)
    if name_or_path in SOURCES:
        report = reporter or SilentReporter()
        return _published(SOURCES[name_or_path], data_root(data_dir), report, allow_download).first(limit)
    if looks_like_path(name_or_path):
        return load_path(Path(name_or_path), reading).first(limit)
    raise DataError(
        unknown_name("data set", name_or_path, available())
        + " Or give a path: a folder of IDX files or of images, an .npz, a CSV."
    )


def _published(source: Source, root: Path, reporter: Reporter, allow_download: bool) -> Dataset:
    folder = idx_folder(source, root)
    damage = f"{source.name} is not in {root}"
    if folder is not None:
        try:
            return _read(source, folder)
        except DataError as error:
            if folder != root / source.name:  # the user's own folder: theirs to mend
                raise
            damage = str(error)
            reporter.message(damage)
    if not allow_download:
        raise DataError(
            f"{damage} Downloads are off: allow them, name the folder that has the four files with "
            "--data-dir FOLDER, or train on the built-in data set: numbanet train digits."
        )
    from numbanet.data.download import fetch

    return _read(source, fetch(source.name, root, reporter=reporter))


def _read(source: Source, folder: Path) -> Dataset:
    paths = list(idx_files(folder).values())
    for file, path in zip(source.files, paths, strict=True):
        if len(file.shape) == 1:
            _check_identity(source, file, path)
    train = _examples(source, source.files[0], source.files[1], paths[0], paths[1])
    test = _examples(source, source.files[2], source.files[3], paths[2], paths[3])
    return Dataset(source.name, train, test, source.classes)


def _check_identity(source: Source, file: RemoteFile, path: Path) -> None:
    """Compare a label file's checksum: it is small, and tells one data set's folder from another's."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if content[:2] == GZIP_MAGIC:
        expected, found = file.sha256, hashlib.sha256(content).hexdigest()
    elif file.md5 is not None:
        expected, found = file.md5, hashlib.md5(content, usedforsecurity=False).hexdigest()
    else:
        return
    if found != expected:
        raise DataError(
            f"{path}: expected {source.name}'s labels, found others (checksum {found}, not {expected}). "
            f"If these files are data of your own, name the folder in place of {source.name}: {path.parent}"
        )


def _examples(source: Source, images: RemoteFile, labels: RemoteFile, x_path: Path, y_path: Path) -> Examples:
    arrays = []
    for file, path in ((images, x_path), (labels, y_path)):
        array = read_idx(path)
        if array.shape != file.shape or array.dtype != np.uint8:
            raise DataError(
                f"{path}: expected uint8 {file.shape} of {source.name}, found {array.dtype} {array.shape}. "
                "Delete it and get it again."
            )
        arrays.append(array)
    x, y = arrays
    if y.max() >= len(source.classes):
        raise DataError(f"{y_path}: expected labels below {len(source.classes)}, found {y.max()}. Get it again.")
    return x[..., np.newaxis], y.astype(np.int64)
