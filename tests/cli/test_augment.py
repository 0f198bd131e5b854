"""`--augment` as a process: training with it, seeing what it does, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import numbanet as nn
from numbanet.data.augment import NAMED

from .helpers import QUICK, assert_fails, numbanet


def test_training_notes_it_in_the_model(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--augment", "shift=2,rotate=10", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "training images distorted by shift=2,rotate=10" in done.stderr
    noted = nn.Augment(shift=2, rotate=10).config()
    assert json.loads(done.stdout)["augment"] == noted
    assert nn.load(tmp_path / "runs/digits-mlp-001/model.safetensors").meta["augment"] == noted
    done = numbanet("evaluate", "digits-mlp-001", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [[], ["--augment", "none"]])
def test_none_is_the_default(arguments: list[str], warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, *arguments, "--json", "--out", "m.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "distorted" not in done.stderr
    assert json.loads(done.stdout)["augment"] is None
    assert nn.load(tmp_path / "m.safetensors").meta["augment"] is None


def test_default(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--augment", "default", "--json", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["augment"] == NAMED["default"].config()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rotat=10", ["--augment", "unknown augmentation 'rotat'", "Did you mean 'rotate'?"]),
        ("shift=far", ["shift", "expected a number, as in shift=2", "'far'"]),
        ("rotate=200", ["rotate", "0 to 180", "200"]),
        ("shift=0.5", ["shift", "whole number", "0.5"]),
    ],
)
@pytest.mark.parametrize("command", [("train",), ("data", "show")])
def test_wrong_usage(command: tuple[str, ...], text: str, words: list[str], tmp_path: Path) -> None:
    assert_fails(numbanet(*command, "digits", "--augment", text, cwd=tmp_path), 2, *words)


def test_what_does_not_fit_the_images(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--augment", "cutout=28", cwd=tmp_path)
    assert_fails(done, 1, "cutout", "fewer than 28 pixels for images of 28 x 28")
    (tmp_path / "own.csv").write_text("0,1,2,3\n1,4,5,6\n" * 20)
    for command in ("train",), ("data", "show"):
        done = numbanet(*command, "own.csv", "--augment", "default", cwd=tmp_path)
        assert_fails(done, 1, "expected images, (height, width, channels)", "(3,)")


def test_show_draws_them_distorted(warm: Path, tmp_path: Path) -> None:
    def sheet(*arguments: str) -> str:
        done = numbanet("data", "show", "digits", "--count", "4", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout[done.stdout.index("examples of each class") :]

    plain, distorted = sheet(), sheet("--augment", "default")
    assert distorted != plain
    assert distorted == sheet("--augment", "default")
    assert plain == sheet("--augment", "none")
    captions = [line for line in plain.splitlines() if line.startswith("0 ")]
    assert captions == [line for line in distorted.splitlines() if line.startswith("0 ")]
