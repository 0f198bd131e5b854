"""`numbanet runs`: listed, shown, compared, drawn and removed, as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers import COMMAND, QUICK, assert_fails, environment, numbanet

HEADER = b"\x89PNG"


@pytest.fixture(scope="module")
def home(warm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, `runs/a` and `runs/digits-mlp-001`."""
    folder = tmp_path_factory.mktemp("home")
    for arguments in (["--name", "a", "--epochs", "2"], ["--epochs", "3", "--lr", "0.01"]):
        done = numbanet("train", "digits", *QUICK, *arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def test_the_folder(home: Path) -> None:
    run = home / "runs/a"
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert names == {
        ".lock", "config.toml", "environment.json", "run.json", "metrics.jsonl", "metrics.csv", "log.txt",
        "model.safetensors", "plots/curves.png", "checkpoints/last.safetensors", "checkpoints/previous.safetensors",
        "checkpoints/best.safetensors",
    }  # fmt: skip
    assert (run / "plots/curves.png").read_bytes().startswith(HEADER)
    assert {"numbanet", "numpy", "vector_unit", "threads", "command"} <= json.loads(
        (run / "environment.json").read_text()
    ).keys()


def test_list(home: Path, tmp_path: Path) -> None:
    done = numbanet("runs", "list", cwd=home)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if "finished" in line]
    assert [line[0] for line in lines] == ["a", "digits-mlp-001"]
    assert lines[0][2:5] == ["digits", "mlp", "2/2"]
    found = json.loads(numbanet("runs", "list", "--json", cwd=home).stdout)
    assert [run["epochs"] for run in found] == [2, 3] and found[0]["test_accuracy"] > 0.1
    done = numbanet("runs", "list", cwd=tmp_path, NUMBANET_RUNS=str(home / "runs"))
    assert "digits-mlp-001" in done.stdout
    assert "no runs yet" in numbanet("runs", "list", cwd=tmp_path).stdout


def test_show(home: Path) -> None:
    done = numbanet("runs", "show", "runs/a", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "finished" in done.stdout and "epochs = 2" in done.stdout and "val_accuracy" in done.stdout
    found = json.loads(numbanet("runs", "show", "a", "--json", cwd=home).stdout)
    assert found["config"]["train"]["epochs"] == 2 and len(found["history"]["loss"]) == 2


def test_compare(home: Path) -> None:
    done = numbanet("runs", "compare", "a", "digits-mlp-001", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "optimizer.lr" in done.stdout and "test accuracy" in done.stdout and "train.seed" not in done.stdout
    found = json.loads(numbanet("runs", "compare", "a", "digits-mlp-001", "--json", cwd=home).stdout)
    assert found["settings"] == {"train.epochs": [2, 3], "optimizer.lr": [0.004, 0.01]}
    assert_fails(numbanet("runs", "compare", "a", cwd=home), 2, "at least two")


def test_plot(home: Path) -> None:
    done = numbanet("runs", "plot", "a", "digits-mlp-001", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"file": "curves.png", "runs": ["a", "digits-mlp-001"]}
    assert (home / "curves.png").read_bytes().startswith(HEADER)
    assert_fails(numbanet("runs", "plot", "a", "digits-mlp-001", cwd=home), 1, "curves.png is there already")
    done = numbanet("runs", "plot", "a", "--out", "one.png", cwd=home)
    assert done.returncode == 0, done.stderr


def test_nothing_is_overwritten(home: Path) -> None:
    before = (home / "runs/a/model.safetensors").read_bytes()
    done = numbanet("train", "digits", *QUICK, "--name", "a", cwd=home)
    assert_fails(done, 1, "is there already", "--overwrite")
    assert (home / "runs/a/model.safetensors").read_bytes() == before


def test_remove(warm: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = numbanet("train", "digits", *QUICK, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    def answered(answer: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, "runs", "rm", "digits-mlp-001"], cwd=tmp_path, env=environment(), input=answer,
            capture_output=True, encoding="utf-8", timeout=60,
        )  # fmt: skip

    assert "is kept" in answered("n\n").stdout
    assert (tmp_path / "runs/digits-mlp-001").exists()
    assert answered("").returncode == 130  # no answer is no
    assert "is removed" in answered("y\n").stdout
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["digits-mlp-002"]
    done = numbanet("runs", "rm", "runs/digits-mlp-002", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "runs").iterdir()) == []
    assert_fails(numbanet("runs", "rm", "digits-mlp-002", "--yes", cwd=tmp_path), 1, "no run is there")


def test_runs_started_at_the_same_moment(warm: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "numbanet", "train", "digits", *QUICK]
    processes = [
        subprocess.Popen(arguments, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    found = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert found == ["digits-mlp-001", "digits-mlp-002", "digits-mlp-003"]
