"""A user's own images: one folder a class, the folder's name being the class's.

flowers/daisy/1.png                  divided into training and test images
flowers/train/daisy/1.png            or already divided: train and test (or val)
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

from numbanet.data.dataset import Dataset, Examples
from numbanet.data.examples import split
from numbanet.data.pictures import GRAY_MODES, as_mode, fitted, opened
from numbanet.data.reading import Reading
from numbanet.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
TRAIN, TEST = ("train", "training"), ("test", "val", "valid", "validation")
LARGEST_SIDE = 64  # pixels that images of different sizes are brought to at most; images of one size keep theirs
MOST_BYTES = 4 << 30

Files = list[tuple[Path, str]]  # images with their classes


def has_images(folder: Path) -> bool:
    """Whether this is a folder of folders with images."""
    return any(_classes(part) for part in (folder, *_folders(folder)))


def load_images(folder: Path, reading: Reading) -> Dataset:
    """Read all images: uint8 [n, height, width, channels], of one channel where all are gray, else of three.

    Images of several sizes are resized, without distortion, to `reading.image_size` or to their usual size. Raises
    `DataError` naming the file.
    """
    if reading.regresses:
        raise DataError(f"{folder}: expected numbers to predict, found a folder of images a class. Use an .npz.")
    parts = {part.name.lower(): part for part in _folders(folder)}
    train = next((parts[name] for name in TRAIN if name in parts and _classes(parts[name])), None)
    test = next((parts[name] for name in TEST if name in parts and _classes(parts[name])), None)
    files = [_files(part) for part in ([folder] if train is None or test is None else [train, test])]
    names = tuple(sorted({name for part in files for _, name in part}))
    if len(names) < 2:
        raise DataError(f"{folder}: expected a folder of images for each of at least two classes, found {names[0]!r}.")
    size, channels = _common_form([path for part in files for path, _ in part], reading)
    everything = [_read(part, size, channels, names) for part in files]
    if len(everything) == 2:
        return Dataset(folder.resolve().name, everything[0], everything[1], names, from_pictures=True)
    if len(everything[0][1]) < 2:
        raise DataError(f"{folder}: expected at least two images, one to train and one to test on, found one.")
    divided = split(*everything[0], reading.seed, reading.test_share)
    return Dataset(folder.resolve().name, *divided, names, from_pictures=True)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _images(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError:
        return []


def _classes(folder: Path) -> list[Path]:
    """The folders in it that hold images."""
    return [path for path in _folders(folder) if _images(path)]


def _files(folder: Path) -> Files:
    return [(path, part.name) for part in _classes(folder) for path in _images(part)]


def _common_form(files: Iterable[Path], reading: Reading) -> tuple[tuple[int, int], int]:
    """(height, width) and the number of channels that all images get."""
    sizes, gray, count = [], True, 0
    for path in files:
        with opened(path, pixels=False) as image:
            sizes.append((image.height, image.width))
            gray = gray and image.mode in GRAY_MODES
            count += 1
    height, width = reading.image_size or sizes[0]
    if reading.image_size is None and len(set(sizes)) > 1:
        height, width = (int(median(size[axis] for size in sizes)) for axis in (0, 1))
        shrink = min(1.0, LARGEST_SIDE / max(height, width))
        height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
    channels = 1 if gray else 3
    if height * width * channels * count > MOST_BYTES:
        raise DataError(
            f"{count:,} images of {height}x{width} are too many to hold in memory. Choose a smaller size with "
            "--image-size, such as 64x64."
        )
    return (height, width), channels


def _read(files: Files, size: tuple[int, int], channels: int, names: tuple[str, ...]) -> Examples:
    images = np.empty((len(files), *size, channels), np.uint8)

    def read(index: int) -> None:
        with opened(files[index][0]) as image:
            images[index] = fitted(as_mode(image, channels), *size).reshape(*size, channels)

    with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter's lock
        list(pool.map(read, range(len(files))))
    numbers = {name: number for number, name in enumerate(names)}
    return images, np.array([numbers[name] for _, name in files], np.int64)
