"""Files of one's own: arrays and images into the shape of a model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from numbanet.cli.pictures import load_file
from numbanet.errors import DataError, NumbanetError

SHAPE = (28, 28, 1)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (3, 28, 28), (3, 28, 28, 1)])
def test_npy_of_one_or_several(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
    x = load_file(tmp_path / "x.npy", SHAPE).x
    assert x.shape == (3 if shape[0] == 3 else 1, *SHAPE)
    assert x.dtype == np.uint8


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.ones((28, 28)), np.float32),
        (np.full((28, 28), 255), np.uint8),
        (np.ones((28, 28), bool), np.uint8),
        (np.zeros((28, 28), np.float16), np.float32),
    ],
)
def test_npy_element_types(array: np.ndarray, dtype: type, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    assert load_file(tmp_path / "x.npy", SHAPE).x.dtype == dtype


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((27, 28)), "wants examples of shape (28, 28, 1)"),
        (np.zeros((0, 28, 28)), "expected numbers"),
        (np.full((28, 28), 256), "from 0 to 255"),
        (np.full((28, 28), np.nan), "not finite"),
        (np.full((28, 28), "a"), "expected numbers"),
    ],
)
def test_npy_that_does_not_fit(array: np.ndarray, words: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError) as caught:
        load_file(tmp_path / "x.npy", SHAPE)
    assert words in str(caught.value)


def test_npy_with_pickled_objects_is_not_run(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        load_file(tmp_path / "x.npy", SHAPE)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_file(tmp_path / "x.png", SHAPE)


def test_without_pillow_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.png").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(NumbanetError, match=r"numbanet\[images\]"):
        load_file(tmp_path / "x.png", SHAPE)


class TestImages:
    """What Pillow reads."""

    @pytest.fixture(autouse=True)
    def pillow(self) -> None:
        pytest.importorskip("PIL", reason="image files need Pillow, which the extra `plot` brings")

    def save(self, folder: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
        from PIL import Image

        image = Image.fromarray(pixels.astype(np.uint8))
        (image.convert(mode) if mode else image).save(folder / "x.png")
        return folder / "x.png"

    def test_dark_on_light_is_inverted_and_said(self, tmp_path: Path) -> None:
        pixels = np.full((28, 28), 255)
        pixels[10:18, 10:18] = 0
        loaded = load_file(self.save(tmp_path, pixels), SHAPE)
        assert loaded.x[0, 0, 0, 0] == 0
        assert loaded.x[0, 14, 14, 0] == 255
        assert "inverted" in loaded.remark

    def test_light_on_dark_stays(self, tmp_path: Path) -> None:
        pixels = np.zeros((28, 28))
        pixels[10:18, 10:18] = 200
        loaded = load_file(self.save(tmp_path, pixels), SHAPE)
        np.testing.assert_array_equal(loaded.x[0, :, :, 0], pixels)
        assert loaded.remark == ""

    def test_resized_without_distortion(self, tmp_path: Path) -> None:
        pixels = np.full((280, 140), 255)
        pixels[100:180, 30:110] = 0  # a square
        loaded = load_file(self.save(tmp_path, pixels, "RGB"), SHAPE)
        assert loaded.x.shape == (1, *SHAPE)
        assert "resized from 140x280" in loaded.remark
        rows, columns = np.nonzero(loaded.x[0, :, :, 0] > 127)
        assert np.ptp(rows) == np.ptp(columns)
        assert loaded.x[0, 0, 0, 0] == 0  # what was added at the sides is background

    def test_transparent_is_paper(self, tmp_path: Path) -> None:
        pixels = np.zeros((28, 28, 4))
        pixels[10:18, 10:18, 3] = 255  # black ink on nothing
        loaded = load_file(self.save(tmp_path, pixels), SHAPE)
        assert loaded.x[0, 0, 0, 0] == 0
        assert loaded.x[0, 14, 14, 0] == 255

    def test_color_model(self, tmp_path: Path) -> None:
        pixels = np.zeros((8, 8, 3))
        pixels[..., 0] = 250
        loaded = load_file(self.save(tmp_path, pixels), (8, 8, 3))
        assert loaded.x[0, 4, 4].tolist() == [250, 0, 0]

    def test_not_an_image(self, tmp_path: Path) -> None:
        (tmp_path / "x.png").write_bytes(b"no picture")
        with pytest.raises(DataError, match="expected an image"):
            load_file(tmp_path / "x.png", SHAPE)

    def test_model_that_takes_no_images(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="not an image's"):
            load_file(self.save(tmp_path, np.zeros((4, 4))), (16,))
