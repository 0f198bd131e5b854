"""Run folders: numbers, names, locks, what is refused, and what a killed process leaves."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from numbanet.errors import RunError
from numbanet.training.history import History
from numbanet.training.metrics_log import MetricsLog, read_metrics
from numbanet.training.run import KILLED, RUNNING, Run, Status, all_runs, create_run, find_run
from tests.model.helpers import blobs, small

FILES = {"config.toml": b'[data]\nname = "digits"\n'}


def create(root: Path, **options: object) -> Run:
    return create_run(root, "digits-mlp", FILES, Status(), **options)  # type: ignore[arg-type]


def test_numbers_count_up(tmp_path: Path) -> None:
    names = [create(tmp_path / "runs").name for _ in range(3)]
    assert names == ["digits-mlp-001", "digits-mlp-002", "digits-mlp-003"]
    (tmp_path / "runs" / "digits-mlp-1041").mkdir()
    (tmp_path / "runs" / "digits-mlp-old").mkdir()
    run = create(tmp_path / "runs")
    assert run.name == "digits-mlp-1042"
    assert run.config == {"data": {"name": "digits"}}
    assert run.status.state == RUNNING and run.status.started
    assert run.checkpoints.is_dir() and not run.model.exists()
    assert [found.name for found in all_runs(tmp_path / "runs")] == ["digits-mlp-001", *names[1:], run.name]
    assert all_runs(tmp_path / "nowhere") == []


def test_numbers_are_free_of_races(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: create(tmp_path), range(40)))
    assert {run.name for run in runs} == {f"digits-mlp-{number:03}" for number in range(1, 41)}
    assert len(list(tmp_path.iterdir())) == 40


def test_a_name_of_ones_own(tmp_path: Path) -> None:
    first = create(tmp_path, name="mine")
    first.log("hello")
    with pytest.raises(RunError, match=r"mine is there already. Replace it with --overwrite"):
        create(tmp_path, name="mine")
    with pytest.raises(RunError, match="another process is at work"):
        create(tmp_path, name="mine", overwrite=True)
    first.lock.release()
    assert (tmp_path / "mine" / "log.txt").read_text().endswith("  hello\n")
    second = create(tmp_path, name="mine", overwrite=True)
    assert not (second.path / "log.txt").exists()
    (tmp_path / "thesis").mkdir()
    with pytest.raises(RunError, match="no run is there, and it is left alone"):
        create(tmp_path, name="thesis", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "thesis"]


def test_found_by_path_or_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    for text in (run.name, f"runs/{run.name}", f"runs/{run.name}/", str(run.path)):
        found = find_run(text, Path("runs"))
        assert found is not None and found.name == run.name
    assert find_run("nothing", Path("runs")) is None
    assert find_run("runs", Path("runs")) is None


def test_who_was_killed_is_known_as_such(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from numbanet.training.run import Status, create_run\n"
        f"run = create_run(Path({str(tmp_path)!r}), 'a', {FILES!r}, Status()); print('made', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        run = Run(tmp_path / "a-001")
        assert run.status.state == RUNNING
        with pytest.raises(RunError, match="another process is at work"):
            run.hold(patience=0.05)
        with pytest.raises(RunError, match="left alone"):
            run.remove()
        process.kill()
        process.wait()
    assert run.status.state == KILLED
    run.hold()
    run.lock.release()
    run.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"state": 1}', b"\xff"])
def test_a_damaged_status(tmp_path: Path, content: bytes) -> None:
    run = create(tmp_path)
    (run.path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"run.json: how the run stands cannot be read"):
        _ = run.status
    (run.path / "config.toml").write_bytes(b"x = \xff")
    with pytest.raises(RunError, match=r"config.toml: the run's configuration cannot be read"):
        _ = run.config


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="no folder for runs"):
        create(tmp_path / "file")
    with pytest.raises(RunError, match="no folder for runs"):
        create(tmp_path / "file" / "runs")


def test_metrics_in_two_files(tmp_path: Path) -> None:
    history: History = small().fit(*blobs(40), epochs=3, validation_data=blobs(9), callbacks=[MetricsLog(tmp_path)])
    columns = read_metrics(tmp_path)
    assert columns["epoch"] == [1, 2, 3]
    assert {name: columns[name] for name in history} == dict(history)
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0].split(",") == ["epoch", *history]
    assert [float(line.split(",")[1]) for line in lines[1:]] == history["loss"]
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')  # killed while it wrote
    assert read_metrics(tmp_path)["epoch"] == [1, 2, 3]
    assert read_metrics(tmp_path / "nowhere") == {}


def test_numbers_that_json_has_not(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"epoch": 1, "loss": null}\n{"epoch": 2, "loss": 1.5, "val_loss": 2}\n')
    columns = read_metrics(tmp_path)
    assert math.isnan(columns["loss"][0]) and columns["loss"][1] == 1.5
    assert math.isnan(columns["val_loss"][0])
    assert json.loads(file.read_text().splitlines()[0])["loss"] is None
