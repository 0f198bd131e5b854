"""Names, folders, limits, and what loading does not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numbanet.data import available, data_root, fetch, load, write_idx
from numbanet.data.datasets import SOURCES, Source
from numbanet.errors import DataError

from .helpers import TEST, TRAIN, Web

ROOT = Path(__file__).parents[2]


def test_available_names_and_classes() -> None:
    assert list(available()) == ["mnist", "fashion-mnist", "kmnist", "digits"]
    assert all(available().values())
    for source in SOURCES.values():
        assert len(source.classes) == len(set(source.classes)) == 10
        assert all(len(file.sha256) == 64 for file in source.files)


@pytest.mark.parametrize(
    ("name", "near"), [("mnsit", "mnist"), ("fashion_mnist", "fashion-mnist"), ("Digits", "digits")]
)
def test_a_misspelt_name(name: str, near: str) -> None:
    with pytest.raises(DataError, match=f"Did you mean '{near}'.*kmnist.*Or give a path"):
        load(name)
    with pytest.raises(DataError, match=f"Did you mean '{near}'"):
        fetch(name)


def test_digits_cannot_be_fetched() -> None:
    with pytest.raises(DataError, match="built in"):
        fetch("digits")


def test_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBANET_DATA", str(tmp_path / "env"))
    assert data_root(tmp_path / "argument") == tmp_path / "argument"
    assert data_root() == tmp_path / "env"
    monkeypatch.setenv("NUMBANET_DATA", "")
    assert data_root().parts[-2:] == ("numbanet", "data")
    monkeypatch.setenv("NUMBANET_DATA", "~/elsewhere")
    assert data_root() == Path.home() / "elsewhere"


def test_downloads_can_be_off(tiny: Source, web: Web, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tiny is not in .*Downloads are off.*--data-dir.*digits"):
        load("tiny", tmp_path, allow_download=False)
    assert web.requests == []


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dotted", [True, False])
def test_a_data_folder_that_is_the_data_set(packed: bool, dotted: bool, tiny: Source, web: Web, tmp_path: Path) -> None:
    folder = fetch("tiny", tmp_path / "cache")
    mine = tmp_path / "mine"
    mine.mkdir()
    for file in tiny.files:
        name = file.name.replace("-idx", ".idx") if dotted else file.name
        if packed:
            (mine / f"{name}.gz").write_bytes(web.files[f"{file.name}.gz"])
        else:
            (mine / name).write_bytes((folder / file.name).read_bytes())
    web.requests.clear()
    data = load("tiny", mine)
    assert len(data.train[1]) == TRAIN and web.requests == []


def test_a_folder_with_another_data_set_is_refused(tiny: Source, tmp_path: Path) -> None:
    folder = fetch("tiny", tmp_path)
    with pytest.raises(DataError, match=r"expected mnist's labels.*name the folder in place of mnist"):
        load("mnist", folder, allow_download=False)
    assert load(folder).name == "tiny"  # as data of one's own it is welcome


def test_a_label_that_has_no_class(tiny: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    one, two, three, four = (replace(file, md5=None) for file in tiny.files)
    monkeypatch.setitem(SOURCES, "tiny", replace(tiny, files=(one, two, three, four)))
    folder = fetch("tiny", tmp_path)
    write_idx(folder / two.name, np.full(TRAIN, 10, np.uint8))
    with pytest.raises(DataError, match="expected labels below 10, found 10"):
        load("tiny", tmp_path, allow_download=False)


def test_limit(tiny: Source, tmp_path: Path) -> None:
    data = load("tiny", tmp_path, limit=3)
    assert len(data.train[0]) == len(data.train[1]) == len(data.test[0]) == 3
    assert len(load("tiny", tmp_path, limit=15).test[1]) == TEST
    assert len(load("tiny", tmp_path, limit=10**9).train[1]) == TRAIN
    for limit in (0, -1):
        with pytest.raises(DataError, match="limit"):
            load("tiny", tmp_path, limit=limit)


def test_loading_from_the_cache_imports_neither_pooch_nor_numba(tiny: Source, tmp_path: Path) -> None:
    folder = fetch("tiny", tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from numbanet.data import load; "
        f"load({str(folder)!r}); "
        "print([name for name in ('pooch', 'requests', 'numba', 'click', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
