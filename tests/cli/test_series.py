"""`numbanet train series` as a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn

from .helpers import assert_fails, numbanet

SMALL = ["--hidden", "16", "--window", "12", "--horizon", "3", "--epochs", "2"]


def last_line(text: str) -> dict[str, Any]:
    result = json.loads(text.splitlines()[-1])
    assert isinstance(result, dict)
    return result


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """power.csv: a load that swings, the temperature that it follows, and days as words."""
    path = tmp_path_factory.mktemp("series") / "power.csv"
    hours = np.arange(600)
    temperature = 10 * np.sin(hours / 4)
    load = 100 + 3 * np.roll(temperature, 2)
    rows = [f"day {h // 24},{mw:.4f},{t:.4f}" for h, mw, t in zip(hours, load, temperature, strict=True)]
    path.write_text("day,load (MW),t\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_made_up_series_is_forecast_better_than_by_its_last_value(tmp_path: Path) -> None:
    arguments = ("--epochs", "4", "--horizon", "6", "--window", "24", "--plot", "picture.png")
    pytest.importorskip("matplotlib")
    done = numbanet("train", "series", *arguments, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "seasons: demand (MW), 1,920 rows to learn from, 480 to test on" in done.stdout
    for name in ("forecast", "last value", "comparison", "training", "parameters", "saved"):
        assert f"\n  {name} " in done.stdout
    assert "the network beats the last value: its RMSE is " in done.stdout
    assert "epoch 4/4   MAE " in done.stdout
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert "saved picture.png" in done.stdout


def test_columns_units_and_json(table: Path, tmp_path: Path) -> None:
    arguments = ("--file", str(table), "--target", "load (MW)", "--feature", "all", "--loss", "mae", "--model", "gru")
    done = numbanet("train", "series", *arguments, *SMALL, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    result = last_line(done.stdout)
    assert (result["target"], result["features"], result["model"]) == ("load (MW)", ["t"], "gru")
    assert (result["rows"], result["train_rows"]) == (600, 480)
    values = np.loadtxt(table, delimiter=",", skiprows=1, usecols=1)
    truth = np.lib.stride_tricks.sliding_window_view(values[480:], 3)
    changes = np.abs(truth - values[479 : 479 + len(truth), None])
    assert result["last_value_mae"] == pytest.approx(changes.mean())
    assert result["last_value_mae_ahead"] == pytest.approx(changes.mean(axis=0).tolist())
    assert result["test_mae"] == pytest.approx(np.mean(result["test_mae_ahead"]))
    assert result["beats_last_value"] == (result["test_mae"] < result["last_value_mae"])
    model = nn.load(tmp_path / result["file"])
    assert (model.input_shape, model.output_shape) == ((12, 2), (3,))
    assert model.meta["series"]["columns"] == ["load (MW)", "t"]
    assert model.meta["series"]["mean"][0] == pytest.approx(values[:480].mean())


def test_it_says_so_where_the_last_value_is_no_worse(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).normal(size=400).cumsum()  # of a random walk nothing can be foretold
    np.savetxt(tmp_path / "walk.csv", steps, header="x", comments="")
    done = numbanet("train", "series", "--file", "walk.csv", *SMALL, "--epochs", "40", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the last value is no worse: the network's RMSE is " in done.stdout


def test_the_seed_decides_all_and_the_threads_nothing(table: Path, tmp_path: Path) -> None:
    errors = []
    for seed, threads in (("1", "1"), ("1", "2"), ("2", "1")):
        arguments = (
            "--file",
            str(table),
            "--target",
            "t",
            *SMALL,
            "--seed",
            seed,
            "--threads",
            threads,
            "--json",
            "--overwrite",
        )
        errors.append(last_line(numbanet("train", "series", *arguments, cwd=tmp_path).stdout)["test_mse"])
    assert errors[0] == errors[1] != errors[2]


def test_dry_run_saves_nothing(table: Path, tmp_path: Path) -> None:
    done = numbanet("train", "series", "--file", str(table), "--target", "t", *SMALL, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "all works" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (None, (), ["d.csv", "no such file"]),
        ("a,b\n1,2\n" * 1, ("--target", "c"), ["d.csv", "unknown column 'c'", "Known: a, b"]),
        ("load\n" + "1\n2\n" * 40 + "nan\n", (), ["line 82", "column 'load'", "'nan'"]),
        (
            "load,x\n" + "1,2\n" * 3 + "1,high\n",
            ("--target", "load", "--feature", "x"),
            ["line 5", "column 'x'", "'high'"],
        ),
        ("load\n" + "1\n2\n" * 10, ("--window", "48"), ["expected at least 60 rows", "found 20", "--window"]),
        ("load\n1\n2\n", ("--window", "1", "--horizon", "1"), ["too few rows"]),
        ("load\n" + "5\n" * 100, (), ["is 5 in all 80 rows"]),
    ],
    ids=["missing", "unknown", "nan", "word", "window", "few", "constant"],
)
def test_what_cannot_be_forecast(
    content: str | None, arguments: tuple[str, ...], words: list[str], tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "d.csv").write_text(content, encoding="utf-8")
    assert_fails(numbanet("train", "series", "--file", "d.csv", *arguments, cwd=tmp_path), 1, *words)


def test_the_picture_s_place_is_settled_first(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "there.png").write_text("mine")
    assert_fails(numbanet("train", "series", "--plot", "there.png", cwd=tmp_path), 1, "there.png", "--overwrite")
    assert_fails(numbanet("train", "series", "--plot", "picture.jpg", cwd=tmp_path), 1, "--plot picture.jpg", ".png")
