"""`numbanet lr-find` and `numbanet gradcheck` as processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .helpers import assert_fails, numbanet


def test_lr_find_suggests_draws_and_replaces_nothing(warm: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs matplotlib")
    arguments = ("lr-find", "digits", "--model", "mlp", "--hidden", "32", "--steps", "80")
    done = numbanet(*arguments, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert 1e-4 < result["suggestion"] < result["lowest"] < 1
    assert len(result["rates"]) == len(result["losses"]) <= 80
    assert "suggestion" in done.stderr and (tmp_path / result["file"]).read_bytes().startswith(b"\x89PNG")
    assert_fails(numbanet(*arguments, cwd=tmp_path), 1, "is there already", "--overwrite")
    done = numbanet(*arguments, "--no-plot", "--optimizer", "sgd", "--mixup", "0.2", cwd=tmp_path)
    assert done.returncode == 0 and "the recipe's" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--low", "1", "--high", "0.1"], 1, ["from low to high"]),
        (["--steps", "3"], 2, ["--steps"]),
        (["--model", "mpl"], 2, ["unknown model 'mpl'"]),
        (["--no-plot", "--out", "x.png"], 2, ["--no-plot"]),
    ],
)
def test_what_lr_find_refuses(arguments: list[str], code: int, words: list[str], warm: Path, tmp_path: Path) -> None:
    done = numbanet("lr-find", "digits", "--limit", "300", "--hidden", "8", *arguments, cwd=tmp_path)
    assert_fails(done, code, *words)


def test_gradcheck_of_a_name_and_of_a_file(warm: Path, model: str, tmp_path: Path) -> None:
    for arguments in (("--model", "mlp", "--hidden", "16", "--dropout", "0.3"), (model,)):
        done = numbanet("gradcheck", *arguments, "--samples", "5", cwd=tmp_path, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "all right" in done.stdout and "1_dense.weight" in done.stdout
    done = numbanet("gradcheck", model, "--json", "--samples", "3", "--loss", "mse", cwd=tmp_path, timeout=300)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["good"] is True and result["tensors"][0]["name"] == "input" and result["tensors"][0]["checked"] == 3
    assert_fails(numbanet("gradcheck", cwd=tmp_path), 2, "--model")
    assert_fails(numbanet("gradcheck", model, "--hidden", "3", cwd=tmp_path), 2, "--hidden")
