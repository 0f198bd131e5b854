"""`numbanet predict`, `evaluate` and `summary` as processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import numbanet as nn
from numbanet.data import generate

from .helpers import assert_fails, numbanet


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model for inputs of another shape than those of any known data set."""
    file = tmp_path_factory.mktemp("wide") / "wide.safetensors"
    nn.Sequential(nn.Flatten(), nn.Dense(10), input_shape=(8, 9, 1)).save(file)
    return str(file)


def test_indices_of_the_test_set_it_was_trained_on(model: str, tmp_path: Path) -> None:
    done = numbanet("predict", model, "0", "5-6", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for index in (0, 5, 6):
        assert f"digits test {index}: " in done.stdout
    assert "█" in done.stdout
    assert "right" in done.stdout or "wrong: it is" in done.stdout
    assert done.stdout.count("%") == 3 + 3 * 10


def test_json_has_every_probability(model: str, tmp_path: Path) -> None:
    done = numbanet("predict", model, "0-1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    predictions = json.loads(done.stdout.splitlines()[-1])["predictions"]
    x, y = generate().test
    expected = nn.load(model).predict_proba(x[:2])
    for i, prediction in enumerate(predictions):
        found = list(prediction["probabilities"].values())
        assert found == pytest.approx(expected[i].tolist(), rel=1e-4, abs=1e-7)
        assert prediction["index"] == int(np.argmax(expected[i]))
        assert prediction["label"] == y[i]


def test_an_array(model: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", generate(train=3, test=1).train[0])
    done = numbanet("predict", model, "x.npy", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "x.npy[0]: " in done.stdout
    assert "x.npy[2]: " in done.stdout


def test_an_image_dark_on_light(model: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="image files need Pillow, which the extra `plot` brings")
    x = generate(train=1, test=1).train[0][0, :, :, 0]
    image.fromarray(255 - x).resize((56, 56)).save(tmp_path / "digit.png")
    done = numbanet("predict", model, "digit.png", "--top", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "digit.png: " in done.stdout
    assert "inverted" in done.stdout
    assert "resized from 56x56" in done.stdout
    assert done.stdout.count("%") == 1 + 3


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["99999"], "2,000 test examples: 0 to 1999"),
        (["3-1"], "3-1"),
        (["nothing.png"], "no such file"),
        (["small.npy"], "shape (28, 28, 1)"),
        (["text.png"], "expected an image"),
    ],
)
def test_inputs_that_do_not_work(inputs: list[str], words: str, model: str, tmp_path: Path) -> None:
    np.save(tmp_path / "small.npy", np.zeros((5, 5)))
    (tmp_path / "text.png").write_text("text")
    if inputs == ["text.png"]:
        pytest.importorskip("PIL", reason="image files need Pillow, which the extra `plot` brings")
    assert_fails(numbanet("predict", model, *inputs, cwd=tmp_path), 1, words)


@pytest.mark.parametrize("command", [("predict", "0"), ("evaluate",), ("summary",)])
def test_a_file_that_is_no_model(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "no.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0this is no model")
    done = numbanet(command[0], "no.safetensors", *command[1:], cwd=tmp_path)
    assert_fails(done, 1, "no.safetensors: not a numbanet model")


def test_no_file_at_all(tmp_path: Path) -> None:
    assert_fails(numbanet("evaluate", "none.safetensors", cwd=tmp_path), 1, "none.safetensors", "no such file")


def test_a_cut_model(model: str, tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(Path(model).read_bytes()[:-100])
    assert_fails(numbanet("evaluate", "cut.safetensors", cwd=tmp_path), 1, "cut.safetensors")


@pytest.mark.parametrize("command", [("predict", "0"), ("evaluate",)])
def test_a_model_for_another_shape(command: tuple[str, ...], wide_model: str, tmp_path: Path) -> None:
    done = numbanet(command[0], wide_model, *command[1:], "--data", "digits", cwd=tmp_path)
    assert_fails(done, 1, "(8, 9, 1)", "(28, 28, 1)", "digits")


def test_a_model_that_does_not_say_what_it_was_trained_on(wide_model: str, tmp_path: Path) -> None:
    assert_fails(numbanet("evaluate", wide_model, cwd=tmp_path), 1, "--data")


def test_evaluate(model: str, tmp_path: Path) -> None:
    done = numbanet("evaluate", model, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for text in (
        "2,000 test examples of digits",
        "  accuracy ",
        "  loss ",
        "wrong, of each class",
        "taken for",
    ):
        assert text in done.stdout


def test_evaluate_json(model: str, tmp_path: Path) -> None:
    done = numbanet("evaluate", model, "--split", "train", "--limit", "100", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    x, y = generate().train
    expected = nn.load(model).evaluate(x[:100], y[:100])
    assert result["accuracy"] == pytest.approx(expected["accuracy"])
    assert result["loss"] == pytest.approx(expected["loss"])
    assert result["examples"] == 100
    assert result["split"] == "train"


def test_summary_of_a_file_and_of_a_name(model: str, tmp_path: Path) -> None:
    for arguments in ([model], ["--model", "mlp", "--data", "digits", "--hidden", "32"]):
        done = numbanet("summary", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "25,450" in done.stdout
        assert "Dense" in done.stdout


def test_summary_needs_one_of_both(tmp_path: Path) -> None:
    assert_fails(numbanet("summary", cwd=tmp_path), 2, "--model")
    assert_fails(numbanet("summary", "a.safetensors", "--model", "mlp", cwd=tmp_path), 2, "--model")
