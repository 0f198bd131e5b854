"""Schedules, regularization and callbacks through the program itself."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.cli import names
from numbanet.training.metrics import METRICS

from .helpers import QUICK, assert_fails, numbanet


def train(folder: Path, *arguments: str, data: str = "digits", **extra: str) -> dict[str, Any]:
    done = numbanet("train", data, *QUICK, *arguments, "--json", cwd=folder, **extra)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "stderr": done.stderr}


def config(folder: Path, *arguments: str) -> str:
    done = numbanet("train", "digits", *QUICK, *arguments, "--print-config", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_option_of_the_optimizer_and_the_loss_arrives(warm: Path, tmp_path: Path) -> None:
    result = train(
        tmp_path, "--schedule", "step,every=1 epoch,factor=0.5,warmup=2 steps", "--l1", "1e-5", "--l2", "1e-4",
        "--weight-decay", "0.01", "--clip-norm", "1", "--clip-value", "0.5", "--accumulate", "2",
        "--label-smoothing", "0.1", "--mixup", "0.2", "--metric", "f1", "--metric", "top3", "--dry-run",
    )  # fmt: skip
    options = result["optimizer_options"]
    assert (options["l1"], options["l2"], options["weight_decay"]) == (1e-5, 1e-4, 0.01)
    assert (options["clip_norm"], options["clip_value"], options["accumulate"]) == (1.0, 0.5, 2)
    assert options["schedule"] == nn.Step("1 epoch", 0.5, warmup="2 steps").config() | {"type": "Step"}
    assert result["mix"] == {"mixup": 0.2, "cutmix": 0.0}
    assert set(result["test"]) == {"loss", "accuracy", "f1", "top3"}
    text = config(tmp_path, "--label-smoothing", "0.1", "--mixup", "0.2", "--metric", "f1", "--early-stopping", "3")
    for line in ("label_smoothing = 0.1", "[mix]\nmixup = 0.2", "[early_stopping]\npatience = 3", '"f1"'):
        assert line in text


@pytest.mark.parametrize(
    "name", ["one_cycle", "cosine_restarts,period=0.5", "multi_step,at=0.5:0.75", "polynomial,power=2"]
)
def test_schedules_by_name(name: str, warm: Path, tmp_path: Path) -> None:
    assert train(tmp_path, "--schedule", name, "--dry-run")["dry_run"] is True


def test_early_stopping_ends_a_run_that_is_over_for_good(warm: Path, tmp_path: Path) -> None:
    result = train(tmp_path, "--epochs", "40", "--early-stopping", "2", "--min-delta", "0.5", "--monitor", "val_loss")
    assert result["epochs"] < 40
    losses = result["history"]["val_loss"]
    best = next(e for e in range(len(losses)) if all(later > losses[e] - 0.5 for later in losses[e + 1 :]))
    assert result["epochs"] == best + 3 and result["test_loss"] == pytest.approx(losses[best], rel=1e-6)
    assert "stopped early" in result["stderr"] and "val_loss has not become better" in result["stderr"]
    done = numbanet("resume", "digits-mlp-001", "--epochs", "60", cwd=tmp_path)
    assert done.returncode == 0 and "stopped early" in done.stdout


def test_a_time_limit_is_a_pause(warm: Path, tmp_path: Path) -> None:
    result = train(tmp_path, "--epochs", "100000", "--max-time", "1s")
    assert 0 < result["epochs"] < 100_000
    assert "The time limit of 1 s is over. Go on with: numbanet resume" in result["stderr"]
    shown = numbanet("runs", "show", "digits-mlp-001", cwd=tmp_path)
    assert "paused" in shown.stdout
    done = numbanet("resume", "digits-mlp-001", cwd=tmp_path)
    assert done.returncode == 0 and "goes on after" in done.stdout and "time limit" in done.stdout


def test_a_paused_training_ends_with_the_same_bits(warm: Path, tmp_path: Path) -> None:
    """All that remembers anything: average, plateau, accumulation, mixtures, logs."""
    options = ["--epochs", "60", "--average", "0.9", "--plateau", "1", "--accumulate", "4", "--mixup", "0.3",
               "--early-stopping", "500", "--dropout", "0.2", "--statistics", "--batch-size", "30"]  # fmt: skip
    train(tmp_path, *options, "--name", "whole")
    train(tmp_path, *options, "--name", "parts", "--checkpoint-seconds", "0", "--max-time", "0.1s")
    sessions = 1
    while sessions < 40:
        sessions += 1
        done = numbanet("resume", "parts", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        if "time limit" not in done.stderr:
            break
    assert sessions > 2, "never paused: nothing was tested"
    for part in ("model.safetensors", "statistics.csv"):
        assert (tmp_path / "runs/parts" / part).exists()
    one, other = (nn.load(tmp_path / "runs" / name / "model.safetensors") for name in ("whole", "parts"))
    assert np.array_equal(one.arena.values, other.arena.values)
    assert (tmp_path / "runs/whole/statistics.csv").read_text() == (tmp_path / "runs/parts/statistics.csv").read_text()


def test_a_nan_guard_names_the_place(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--optimizer", "sgd", "--lr", "1e30", "--nan-guard", cwd=tmp_path)
    assert_fails(done, 1, "not finite", "_dense", "clip_norm", "step 2")


def test_logs_statistics_and_tensorboard_beside_a_model_file(warm: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is an extra")
    train(tmp_path, "--epochs", "2", "--out", "m.safetensors", "--log", "log.jsonl", "--statistics", "--tensorboard")
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2] and {"loss", "val_accuracy", "lr"} <= set(rows[0])
    with (tmp_path / "m-statistics.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["epoch"], row["name"]) for row in found[:2]] == [
        ("1", "1_dense.weight"),
        ("1", "3_dense.weight"),
    ] or len(found) == 8
    assert sorted(path.name for path in (tmp_path / "m-tensorboard").iterdir()) == ["train", "validation"]
    again = numbanet(
        "train", "digits", *QUICK, "--out", "m.safetensors", "--overwrite", "--log", "log.jsonl", cwd=tmp_path
    )
    assert_fails(again, 1, "log.jsonl: there already")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--schedule", "cosin"], 2, ["unknown schedule 'cosin'", "cosine"]),
        (["--schedule", "step,every=3 weeks"], 2, ["3 weeks"]),
        (["--max-time", "soon"], 2, ["90s, 5m or 1h30m", "soon"]),
        (["--max-time", "0s"], 2, ["0s"]),
        (["--early-stopping", "0"], 2, ["--early-stopping"]),
        (["--monitor", "val_loss"], 1, ["[early_stopping]", "patience"]),
        (["--early-stopping", "2", "--monitor", "val_los"], 1, ["val_los", "val_loss"]),
        (["--average", "1.0"], 2, ["--average"]),
        (["--accumulate", "0"], 2, ["--accumulate"]),
        (["--metric", "acuracy"], 2, ["acuracy"]),
        (["--metric", "r2"], 1, ["r2", "regression"]),
        (["--mixup", "-1"], 2, ["--mixup"]),
        (["--mixup", "0.001"], 1, ["mixup", "0.01"]),
        (["--log", "log.txt"], 1, [".csv or .jsonl"]),
        (["--set", "watch.max_time=-3"], 1, ["seconds"]),
        (["--set", "average.decay=2.0"], 1, ["decay"]),
        (["--loss", "mse", "--balanced"], 1, ["cross_entropy"]),
        (["--task", "regression"], 1, ["task is for data of one's own"]),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, words: list[str], tmp_path: Path) -> None:
    assert_fails(numbanet("train", "digits", *QUICK, *arguments, cwd=tmp_path), code, *words)


def test_the_names_of_metrics() -> None:
    assert set(METRICS) == set(names.METRICS)
