"""A user's own data: which kind of file or folder it is, and folders of IDX files."""

from __future__ import annotations

import re
from pathlib import Path

from numbanet.data.dataset import Dataset
from numbanet.data.datasets import Source
from numbanet.data.examples import assemble
from numbanet.data.idx import read_idx
from numbanet.data.image_folder import has_images, load_images
from numbanet.data.npz import load_npz
from numbanet.data.reading import Reading
from numbanet.data.table import load_csv, load_csv_pair
from numbanet.errors import DataError

# The names of MNIST's files in all their spellings: train-images-idx3-ubyte.gz, t10k-labels.idx1-ubyte,
# emnist-letters-test-images-idx3-ubyte ...
IDX_NAME = re.compile(
    r"(?P<prefix>.*[-_])?(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx[0-9]-ubyte(?P<gz>\.gz)?"
)
ROLES = (("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels"))
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
KINDS = (
    "a folder with four IDX files (or train.csv and test.csv, or one folder of images a class), an .npz with x_train, "
    "y_train, x_test and y_test, or a CSV with the label first"
)


def looks_like_path(text: str) -> bool:
    """Whether a data set's name is meant as a path: it exists, or has a separator or a file's suffix."""
    path = Path(text)
    return "/" in text or "\\" in text or text.startswith("~") or path.suffix != "" or path.exists()


def load_path(path: Path, reading: Reading) -> Dataset:
    """The user's own data at `path`; data in one piece are divided as `reading` says.

    Raises `DataError` naming the file, what was expected and what was found.
    """
    path = path.expanduser()
    if path.is_dir():
        return load_folder(path, reading)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder. A data set of your own is {KINDS}.")
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if start[:2] == b"PK":
        return load_npz(path, reading)
    if start[:3] == b"\0\0\x08" or IDX_NAME.fullmatch(path.name):
        raise DataError(f"{path}: one IDX file is not a data set. Name the folder of all four: {path.parent}")
    if start[:2] == b"\x1f\x8b" or b"\0" not in start:
        return load_csv(path, reading)
    raise DataError(f"{path}: expected {KINDS}, found a file that starts with the bytes {start[:8].hex(' ')}.")


def load_folder(folder: Path, reading: Reading) -> Dataset:
    """A folder with MNIST's four IDX files, gzipped or not; two CSVs, `*train.csv` and `*test.csv`; or images."""
    files = idx_files(folder)
    if not files and has_images(folder):
        return load_images(folder, reading)
    if len(files) == 4:
        arrays = [read_idx(file) for file in files.values()]
        x_train, y_train, x_test, y_test = arrays
        where = [str(file) for file in files.values()]
        name = folder.resolve().name
        return assemble(
            name, (x_train, y_train), (x_test, y_test), (where[0], where[1], where[2], where[3]), reading.task
        )
    tables = [sorted(folder.glob(f"*{part}.csv")) for part in ("train", "test")]
    if not files and [len(found) for found in tables] == [1, 1]:
        return load_csv_pair(tables[0][0], tables[1][0], reading)
    missing = [name for name, role in zip(IDX_FILES, ROLES, strict=True) if role not in files]
    raise DataError(
        f"{folder}: expected four IDX files (or train.csv and test.csv, or one folder of images a class), missing "
        f"{', '.join(missing)} (each may end in .gz). Put them there, or name another folder."
    )


def idx_files(folder: Path) -> dict[tuple[str, str], Path]:
    """The IDX files of a folder by role, e.g. `("train", "images")`, in the order of `ROLES`.

    A raw file comes before its gzipped twin, which takes longer to read. Raises `DataError` for a folder
    that holds several sets, as EMNIST's does.
    """
    found: dict[tuple[str, str], Path] = {}
    prefixes: set[str] = set()
    for path in sorted(_entries(folder)):  # "name" sorts before "name.gz"
        match = IDX_NAME.fullmatch(path.name)
        if match:
            part = "train" if match["part"] == "train" else "test"
            found.setdefault((part, match["kind"]), path)
            prefixes.add(match["prefix"] or "")
    if len(prefixes) > 1:
        raise DataError(
            f"{folder}: holds the files of several data sets ({', '.join(sorted(prefixes))}). "
            "Put the four files of one into a folder of their own."
        )
    return {role: found[role] for role in ROLES if role in found}


def idx_folder(source: Source, root: Path) -> Path | None:
    """Where under `root` the four files of a published data set lie: its sub-folder, or `root` itself."""
    for folder in (root / source.name, root):
        if folder.is_dir() and len(idx_files(folder)) == 4:
            return folder
    return None


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}.") from error
