"""`numbanet data` as a process, on data that needs no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from numbanet.data import write_idx

from .helpers import assert_fails, numbanet

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty random 6x5 images in three classes, as IDX files."""
    random = np.random.default_rng(0)
    made = tmp_path / "own"
    made.mkdir()
    for name, n in zip(FILES, (30, 30, 10, 10), strict=True):
        images = "images" in name
        array = random.integers(0, 256, (n, 6, 5)) if images else np.arange(n) % 3
        write_idx(made / name, array.astype(np.uint8))
    return made


def test_list_names_every_data_set(tmp_path: Path) -> None:
    done = numbanet("data", "list", "--data-dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("mnist", "fashion-mnist", "kmnist", "digits"):
        assert name in done.stdout
    assert "not fetched" in done.stdout
    assert str(tmp_path) in done.stdout


def test_show_draws_a_folder_of_ones_own(folder: Path, tmp_path: Path) -> None:
    done = numbanet("data", "show", str(folder), "--count", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "30 training and 10 test examples, 6x5x1, 3 classes" in done.stdout
    assert "0: 10, 1: 10, 2: 10" in done.stdout


def test_show_beyond_the_end(folder: Path, tmp_path: Path) -> None:
    done = numbanet("data", "show", str(folder), "--start", "10", "--split", "test", cwd=tmp_path)
    assert_fails(done, 1, "--start 10", "10 test examples, 0 to 9")


def test_verify_says_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    done = numbanet("data", "verify", "mnist", "--data-dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "missing" in done.stdout
    assert "numbanet data fetch mnist" in done.stdout


def test_verify_nothing(tmp_path: Path) -> None:
    done = numbanet("data", "verify", "--data-dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0
    assert "no data set has been fetched" in done.stdout


@pytest.mark.parametrize("command", [("data", "show"), ("data", "fetch"), ("data", "verify"), ("train",)])
def test_an_unknown_data_set_gets_a_suggestion(command: tuple[str, ...], tmp_path: Path) -> None:
    done = numbanet(*command, "mnsit", cwd=tmp_path)
    assert_fails(done, 2, "unknown data set 'mnsit'", "Did you mean 'mnist'?")


def test_fetch_into_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    done = numbanet("data", "fetch", "mnist", "--data-dir", str(tmp_path / "occupied"), cwd=tmp_path)
    assert_fails(done, 1, "a file stands where a folder should be", "--data-dir")


def test_a_truncated_idx(folder: Path, tmp_path: Path) -> None:
    file = folder / FILES[0]
    file.write_bytes(file.read_bytes()[:-1])
    assert_fails(numbanet("train", str(folder), cwd=tmp_path), 1, FILES[0], "found")


def test_a_corrupt_idx(folder: Path, tmp_path: Path) -> None:
    (folder / FILES[2]).write_bytes(b"\x00\x00\x42\x03" + bytes(100))
    assert_fails(numbanet("train", str(folder), cwd=tmp_path), 1, FILES[2])


def test_someone_elses_files_in_place_of_mnist(folder: Path, tmp_path: Path) -> None:
    done = numbanet("train", "mnist", "--data-dir", str(folder), cwd=tmp_path)
    assert_fails(done, 1, "expected mnist's labels", str(folder))


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert_fails(numbanet("train", "./nowhere", cwd=tmp_path), 1, "no such file or folder")
