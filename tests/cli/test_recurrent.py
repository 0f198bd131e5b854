"""Recurrent networks on images: `numbanet train --model lstm`, and what reads the model afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

import numbanet as nn

from .helpers import assert_fails, numbanet

QUICK = ["--limit", "300", "--epochs", "1", "--hidden", "12"]


@pytest.mark.parametrize("model", ["lstm", "gru", "rnn"])
def test_train_evaluate_predict_and_summary(model: str, warm: Path, tmp_path: Path) -> None:
    file = f"digits-{model}.safetensors"
    done = numbanet("train", "digits", "--model", model, *QUICK, "--out", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert nn.load(tmp_path / file).layers[0].out_shape == (28, 28)
    for command, words in (
        (("evaluate", file, "--data", "digits", "--limit", "300"), "accuracy"),
        (("predict", file, "0", "1"), "0"),
        (("summary", file), "28x28"),
    ):
        done = numbanet(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout


def test_pixel_by_pixel(warm: Path, tmp_path: Path) -> None:
    done = numbanet("train", "digits", "--sequence", "pixel", *QUICK, "--limit", "60", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = nn.load(tmp_path / "runs/digits-lstm-001/model.safetensors")  # which the option asks for
    assert model.layers[0].out_shape == (784, 1)
    done = numbanet("summary", "--model", "gru", "--data", "digits", "--sequence", "pixel", cwd=tmp_path)
    assert done.returncode == 0 and "784x1" in done.stdout


def test_options_of_other_networks(warm: Path, tmp_path: Path) -> None:
    wrong = numbanet("train", "digits", "--model", "cnn", "--sequence", "row", *QUICK[:2], cwd=tmp_path)
    assert_fails(wrong, 1, "model.sequence: cnn has no 'sequence'")
    assert_fails(numbanet("train", "digits", "--sequence", "column", cwd=tmp_path), 2, "column", "row", "pixel")
    none = numbanet("train", "digits", "--model", "lstm", "--hidden", "none", cwd=tmp_path)
    assert_fails(none, 1, "model lstm: hidden: expected at least one recurrent layer")
