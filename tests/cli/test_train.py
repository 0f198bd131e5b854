"""`numbanet train` as a process: what it prints, what it saves, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn

from .helpers import QUICK, assert_fails, numbanet

DIVERGING = [*QUICK, "--optimizer", "sgd", "--lr", "1e30"]
PROMISED = {
    "test_accuracy": float,
    "test_loss": float,
    "train_seconds": float,
    "samples_per_second": float,
    "parameters": int,
    "epochs": int,
    "device": str,
    "threads": int,
    "seconds_to_first_step": float,
}


def last_line(text: str) -> dict[str, Any]:
    result = json.loads(text.splitlines()[-1])
    assert isinstance(result, dict)
    return result


def test_lines_table_and_a_model_that_can_be_loaded(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for epoch in (1, 2):
        assert f"\nepoch {epoch}/2   loss " in done.stdout
    for name in ("test accuracy", "test loss", "training", "parameters", "run"):
        assert f"\n  {name} " in done.stdout
    assert "\x1b" not in done.stdout
    model = nn.load(tmp_path / "runs/digits-mlp-001/model.safetensors")
    assert model.input_shape == (28, 28, 1)
    assert model.output_shape == (10,)


def test_it_learns_digits_in_seconds(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert last_line(done.stdout)["test_accuracy"] > 0.95


def test_json_is_the_only_line_on_stdout(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--json", "--seed", "3", "--threads", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    result = last_line(done.stdout)
    for name, kind in PROMISED.items():
        assert isinstance(result[name], kind), name
    assert result["threads"] == 1
    assert result["epochs"] == 1
    assert result["seed"] == 3
    assert result["parameters"] == 784 * 32 + 32 + 32 * 10 + 10
    assert 0 < result["seconds_to_first_step"] < result["total_seconds"]
    assert "epoch 1/1" in done.stderr


def test_the_seed_decides_all_and_the_threads_nothing(warm: Path, tmp_path: Path) -> None:
    weights = []
    for seed, threads in (("1", "1"), ("1", "2"), ("2", "1")):
        file = tmp_path / f"{seed}-{threads}.safetensors"
        arguments = ("--seed", seed, "--threads", threads, "--out", str(file), "--dropout", "0.2")
        done = numbanet("train", "digits", *QUICK, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        weights.append(np.concatenate([w.ravel() for w in nn.load(file).parameters().values()]))
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_dry_run_saves_nothing(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", "--dry-run", "--hidden", "32", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "all works" in done.stderr
    result = last_line(done.stdout)
    assert result["dry_run"] is True
    assert result["train_examples"] == result["batch_size"]
    assert list(tmp_path.iterdir()) == []


def test_another_optimizer_brings_its_own_rate(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--optimizer", "adamw", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = last_line(done.stdout)
    assert (result["optimizer"], result["lr"]) == ("adamw", nn.AdamW().lr)


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy"])
def test_another_loss_learns_classes_too(loss: str, warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", "--model", "mlp", "--epochs", "2", "--loss", loss, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy = last_line(done.stdout)["test_accuracy"]
    assert accuracy > 0.8
    done = numbanet("evaluate", "digits-mlp-001", "--json", cwd=tmp_path)
    assert last_line(done.stdout)["accuracy"] == pytest.approx(accuracy)
    if loss == "mse":
        done = numbanet("predict", "digits-mlp-001", "0", cwd=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("arguments", "model"), [((), "fastnet"), (("--hidden", "32"), "mlp")])
def test_the_model_for_images(arguments: tuple[str, ...], model: str, warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *arguments, "--limit", "200", "--dry-run", "--json", cwd=tmp_path)
    assert last_line(done.stdout)["model"] == model, done.stderr


def test_no_hidden_layer(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--hidden", "none", "--dry-run", "--json", cwd=tmp_path)
    assert last_line(done.stdout)["parameters"] == 7850


def test_a_csv_of_ones_own(warm: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    rows = np.column_stack([labels, labels[:, None] * 100 + random.integers(0, 50, (200, 9))])
    np.savetxt(tmp_path / "own.csv", rows, fmt="%d", delimiter=",")
    done = numbanet("train", "own.csv", "--epochs", "5", "--hidden", "16", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = numbanet("evaluate", "own-mlp-001", cwd=tmp_path)
    assert_fails(done, 1, "--data")
    done = numbanet("evaluate", "runs/own-mlp-001", "--data", "own.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "mpl"], ["unknown model 'mpl'", "Did you mean 'mlp'?"]),
        (["--optimizer", "adma"], ["unknown optimizer 'adma'", "Did you mean 'adam'?"]),
        (["--loss", "crossentropy"], ["unknown loss", "Did you mean 'cross_entropy'?"]),
        (["--epochs", "-3"], ["--epochs", "-3"]),
        (["--epochs", "many"], ["--epochs", "many"]),
        (["--batch-size", "0"], ["--batch-size"]),
        (["--lr", "-1"], ["--lr"]),
        (["--lr", "0"], ["--lr"]),
        (["--dropout", "1"], ["--dropout"]),
        (["--hidden", "64,x"], ["64,x", "512,512"]),
        (["--hidden", "-5"], ["-5"]),
        (["--limit", "0"], ["--limit"]),
        (["--seed", "-1"], ["--seed"]),
        (["--device", "tpu"], ["--device", "tpu"]),
        (["--epoch", "3"], ["--epoch"]),
    ],
    ids=lambda value: "=".join(value) if isinstance(value, list) and str(value[0]).startswith("--") else "",
)
def test_wrong_usage(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    assert_fails(numbanet("train", "digits", *arguments, cwd=tmp_path), 2, *words)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_rate_that_is_no_number(value: str, warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *QUICK, "--lr", value, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert_fails(done, done.returncode, "lr")


def test_more_threads_than_there_are(tmp_path: Path) -> None:
    done = numbanet("train", "digits", "--threads", "3", cwd=tmp_path, NUMBA_NUM_THREADS="2")
    assert_fails(done, 1, "expected 1 to 2, found 3", "NUMBA_NUM_THREADS")


def test_cuda_that_is_not_there_is_never_replaced(tmp_path: Path) -> None:
    assert_fails(numbanet("train", "digits", "--device", "cuda", cwd=tmp_path), 1, "cuda")


def test_training_that_diverges_saves_no_model(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", *DIVERGING, cwd=tmp_path)
    assert_fails(done, 1, "diverged", "learning rate")
    run = tmp_path / "runs/digits-mlp-001"
    assert json.loads((run / "run.json").read_text())["state"] == "failed"
    assert not (run / "model.safetensors").exists()
    done = numbanet("train", "digits", *DIVERGING, "--out", "m.safetensors", cwd=tmp_path)
    assert_fails(done, 1, "diverged")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


class TestDestination:
    """All of this is found out before anything is trained."""

    def test_no_such_folder(self, tmp_path: Path) -> None:
        done = numbanet("train", "digits", "--out", "nowhere/model.safetensors", cwd=tmp_path)
        assert_fails(done, 1, "nowhere", "does not exist")

    def test_a_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = numbanet("train", "digits", "--out", "file/model.safetensors", cwd=tmp_path)
        assert_fails(done, 1, "file, not a folder")

    def test_another_kind_of_file_is_not_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.safetensors").write_text("my thesis")
        done = numbanet("train", "digits", "--out", "thesis.safetensors", cwd=tmp_path)
        assert_fails(done, 1, "thesis.safetensors", "--out")
        assert (tmp_path / "thesis.safetensors").read_text() == "my thesis"

    def test_a_folder_of_that_name(self, tmp_path: Path) -> None:
        (tmp_path / "digits-mlp.safetensors").mkdir()
        done = numbanet("train", "digits", "--out", "digits-mlp.safetensors", cwd=tmp_path)
        assert_fails(done, 1, "digits-mlp.safetensors", "not a file")

    def test_another_suffix(self, tmp_path: Path) -> None:
        done = numbanet("train", "digits", "--out", "/dev/null", cwd=tmp_path)
        assert_fails(done, 1, "ends in .safetensors")

    def test_a_model_is_replaced_where_that_is_wanted(self, model: str, tmp_path: Path) -> None:
        before = Path(model).read_bytes()
        (tmp_path / "m.safetensors").write_bytes(before)
        arguments = ["train", "digits", *QUICK, "--seed", "9", "--out", "m.safetensors"]
        assert_fails(numbanet(*arguments, cwd=tmp_path), 1, "m.safetensors is there already", "--overwrite")
        assert (tmp_path / "m.safetensors").read_bytes() == before
        done = numbanet(*arguments, "--overwrite", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "m.safetensors").read_bytes() != before
        assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    for arguments, extra in (
        (["--debug", "data", "show", "./nowhere"], {}),
        (["data", "show", "--debug", "./nowhere"], {}),
        (["data", "show", "./nowhere"], {"NUMBANET_DEBUG": "1"}),
    ):
        done = numbanet(*arguments, cwd=tmp_path, **extra)
        assert done.returncode == 1
        assert "Traceback" in done.stderr
        assert "Error: nowhere: no such file or folder" in done.stderr
