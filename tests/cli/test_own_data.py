"""Data of one's own through the program: tables, archives, folders of images; training, testing, predicting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .helpers import assert_fails, numbanet


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    done = numbanet(*arguments, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(result, dict)
    return result


def houses(folder: Path, rows: int = 400) -> None:
    rng = np.random.default_rng(0)
    lines = ["rooms,size,price"]
    for rooms, size in zip(rng.integers(1, 9, rows), rng.uniform(20, 200, rows), strict=True):
        lines.append(f"{rooms},{size:.2f},{50_000 + 10_000 * rooms + 3_000 * size:.0f}")
    (folder / "houses.csv").write_text("\n".join(lines) + "\n")


def test_regression_from_a_table(warm: Path, tmp_path: Path) -> None:
    houses(tmp_path)
    result = run(tmp_path, "train", "houses.csv", "--task", "regression", "--target", "price", "--epochs", "60",
                 "--batch-size", "32", "--hidden", "32", "--metric", "mse")  # fmt: skip
    assert result["test"]["r2"] > 0.98 and result["test"]["mae"] < 30_000 and result["loss"] == "mse"
    assert result["test_accuracy"] is None and "val_r2" in result["history"]
    tested = run(tmp_path, "evaluate", "houses-mlp-001", "--data", "houses.csv")
    assert tested["r2"] == pytest.approx(result["test"]["r2"]) and tested["examples"] == 80
    (tmp_path / "new.csv").write_text("rooms,size\n4,100\n")
    predicted = run(tmp_path, "predict", "houses-mlp-001", "new.csv")["predictions"]
    assert predicted[0]["values"][0] == pytest.approx(390_000, rel=0.1)
    done = numbanet("predict", "houses-mlp-001", "new.csv", "0", "--data", "houses.csv", cwd=tmp_path)
    assert "new.csv: " in done.stdout and ", it is " in done.stdout, done.stderr
    assert "price" not in done.stdout
    for command in (("show", "confusion"), ("show", "mistakes")):
        assert_fails(numbanet(*command, "houses-mlp-001", "--data", "houses.csv", cwd=tmp_path), 1, "numbers")
    assert_fails(numbanet("predict", "houses-mlp-001", "new.csv", "--explain", cwd=tmp_path), 1, "numbers")
    done = numbanet("evaluate", "houses-mlp-001", "--data", "houses.csv", cwd=tmp_path)
    assert "r2" in done.stdout and "mae" in done.stdout


def test_labels_that_are_numbers_to_predict(warm: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x=np.random.default_rng(0).random((60, 3)), y=np.linspace(0, 1, 60))
    assert_fails(numbanet("train", "own.npz", cwd=tmp_path), 1, "--task regression")
    assert run(tmp_path, "train", "own.npz", "--task", "regression", "--epochs", "2")["test_examples"] == 12
    done = numbanet("train", "own.npz", "--task", "regression", "--loss", "cross_entropy", cwd=tmp_path)
    assert_fails(done, 1, "cross_entropy", "mse, mae or huber")


def test_validation_is_held_out_and_the_test_is_for_the_end(warm: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    np.savez(tmp_path / "own.npz", x=rng.normal(size=(300, 4)) + y[:, None], y=y)
    result = run(tmp_path, "train", "own.npz", "--validation", "0.25", "--epochs", "20", "--early-stopping", "3",
                 "--balanced")  # fmt: skip
    assert (result["train_examples"], result["test_examples"]) == (180, 60)
    done = numbanet("runs", "show", "own-mlp-001", cwd=tmp_path)
    assert "class_weights" in done.stdout and "validation = 0.25" in done.stdout
    tested = run(tmp_path, "evaluate", "own-mlp-001", "--data", "own.npz")
    assert tested["accuracy"] == pytest.approx(result["test_accuracy"])
    assert np.trace(tested["confusion"]) == round(tested["accuracy"] * 60)
    assert set(tested["classes"]) == {"0", "1", "2"} and 0 < tested["f1"] <= 1
    assert tested["classes"]["1"]["recall"] == pytest.approx(tested["confusion"][1][1] / sum(tested["confusion"][1]))


def test_a_folder_of_images(warm: Path, tmp_path: Path) -> None:
    Image = pytest.importorskip("PIL.Image", reason="reading images needs Pillow")
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 130)):
        (tmp_path / "sky" / name).mkdir(parents=True)
        for index in range(40):
            pixels = rng.integers(low, low + 120, (12, 10, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "sky" / name / f"{index}.{'png' if index % 2 else 'jpg'}")
    result = run(tmp_path, "train", "sky", "--epochs", "40", "--batch-size", "16", "--image-size", "8")
    assert result["test_accuracy"] == 1.0
    names = [f"sky/{kind}/{index}.png" for kind in ("dark", "light") for index in (1, 3)]
    predicted = run(tmp_path, "predict", "sky-mlp-001", *names, "--top", "1")["predictions"]
    assert [p["class"] for p in predicted] == ["dark", "dark", "light", "light"]
    assert all("inverted" not in p.get("remark", "") for p in predicted)
    assert [p["top"] for p in predicted] == [
        [{"class": p["class"], "probability": p["probabilities"][p["class"]]}] for p in predicted
    ]
    done = numbanet("evaluate", "sky-mlp-001", "--data", "sky", cwd=tmp_path)
    for text in ("true class by row", "precision", "recall", "dark", "light"):
        assert text in done.stdout
    (tmp_path / "sky" / "dark" / "1.png").write_bytes(b"nothing")
    assert_fails(numbanet("train", "sky", cwd=tmp_path), 1, "1.png", "expected an image")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--target", "prize"], 1, ["unknown column 'prize'", "price"]),
        (["--task", "regresion"], 2, ["regresion"]),
        (["--validation", "1"], 2, ["--validation"]),
        (["--test-share", "0"], 2, ["--test-share"]),
        (["--image-size", "big"], 2, ["64x48", "big"]),
        (["--set", "data.task=clustering"], 1, ["unknown task 'clustering'"]),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, words: list[str], tmp_path: Path) -> None:
    houses(tmp_path, 20)
    assert_fails(numbanet("train", "houses.csv", *arguments, cwd=tmp_path), code, *words)
