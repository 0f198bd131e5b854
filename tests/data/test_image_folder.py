"""Folders of images: one folder a class, in any size and mode that Pillow reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numbanet.data import load
from numbanet.errors import DataError

Image = pytest.importorskip("PIL.Image", reason="reading images needs Pillow, which the extra `images` brings")


def save(path: Path, values: Any, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values))
    (image.convert(mode) if mode else image).save(path)


def folder(path: Path, count: int = 10, shape: tuple[int, ...] = (9, 7), suffix: str = ".png") -> Path:
    """Dark images of moths and bright ones of stars."""
    rng = np.random.default_rng(0)
    for name, low in (("moth", 0), ("star", 150)):
        for index in range(count):
            save(path / name / f"{index}{suffix}", rng.integers(low, low + 100, shape).astype(np.uint8))
    return path


def test_a_folder_a_class(tmp_path: Path) -> None:
    data = load(folder(tmp_path / "sky"))
    assert repr(data) == "Dataset('sky', train=16, test=4, input_shape=(9, 7, 1), dtype=uint8, classes=2)"
    assert data.classes == ("moth", "star")
    assert np.bincount(data.test[1]).tolist() == [2, 2]
    for x, y in (data.train, data.test):
        assert np.array_equal(x.mean(axis=(1, 2, 3)) > 128, y == 1)
    assert load(tmp_path / "sky", test_share=0.5, seed=1).test[0].shape == (10, 9, 7, 1)


def test_parts_that_are_there_already(tmp_path: Path) -> None:
    folder(tmp_path / "sky" / "train", 6)
    folder(tmp_path / "sky" / "val", 2)
    data = load(tmp_path / "sky")
    assert (len(data.train[1]), len(data.test[1]), data.classes) == (12, 4, ("moth", "star"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".bmp", ".webp"])
def test_colors(suffix: str, tmp_path: Path) -> None:
    data = load(folder(tmp_path / "sky", shape=(12, 12, 3), suffix=suffix))
    assert data.input_shape == (12, 12, 3)


def test_one_colored_image_makes_all_colored(tmp_path: Path) -> None:
    save(folder(tmp_path) / "star" / "red.png", np.full((9, 7, 3), (250, 10, 10), np.uint8))
    data = load(tmp_path)
    assert data.input_shape == (9, 7, 3)
    red = [x for x in np.concatenate([data.train[0], data.test[0]]) if np.all(x == (250, 10, 10))]
    assert len(red) == 1


def test_sizes_that_differ_are_brought_to_one_without_distortion(tmp_path: Path) -> None:
    folder(tmp_path, 9, (30, 20))
    save(tmp_path / "star" / "wide.png", np.full((20, 60), 255, np.uint8))
    data = load(tmp_path)
    assert data.input_shape == (30, 20, 1)
    everything = np.concatenate([data.train[0], data.test[0]])
    [wide] = [x for x in everything if x.max() == 255 and x[0].max() == 0]
    assert np.all(wide[13:16] == 255) and wide[-1].max() == 0  # 60 x 20 shrunk to 20 x 7, on black
    assert load(tmp_path, image_size=(8, 12)).input_shape == (8, 12, 1)
    folder(tmp_path, 9, (300, 200))
    assert load(tmp_path).input_shape == (64, 43, 1)  # of many sizes, the usual one is not kept where it is large


def test_transparency_sixteen_bits_and_palettes(tmp_path: Path) -> None:
    clear = np.zeros((9, 7, 4), np.uint8)
    save(folder(tmp_path) / "star" / "clear.png", clear)
    assert load(tmp_path).train[0].shape[-1] == 3
    for name, image in (
        ("deep", Image.fromarray(np.full((9, 7), 65535, np.uint16))),
        ("bits", Image.fromarray(np.full((9, 7), 255, np.uint8)).convert("1")),
    ):
        other = folder(tmp_path / name)
        image.save(other / "star" / "special.png")
        data = load(other)
        assert data.input_shape == (9, 7, 1)
        assert np.sum([np.all(x == 255) for x in np.concatenate([data.train[0], data.test[0]])]) == 1, name


def test_what_is_wrong(tmp_path: Path) -> None:
    broken = folder(tmp_path / "broken") / "moth" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(DataError, match=r"3\.png: expected an image"):
        load(tmp_path / "broken")
    save(tmp_path / "single" / "star" / "1.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(DataError, match="at least two classes, found 'star'"):
        load(tmp_path / "single")
    with pytest.raises(DataError, match="expected numbers to predict, found a folder of images"):
        load(folder(tmp_path / "sky"), task="regression")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="one folder of images a class"):
        load(tmp_path / "empty")


def test_without_pillow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(DataError, match=r'pip install "numbanet\[images\]"'):
        load(path)


def test_files_that_are_no_images_are_left_out(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "moth" / "notes.txt").write_text("moths")
    (path / ".hidden").mkdir()
    assert len(load(path).train[1]) == 16
