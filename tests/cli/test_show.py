"""`numbanet show` and `numbanet predict --explain` as processes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.cli.features import first_features, first_filters, layer_outputs, saliency
from numbanet.data import generate
from numbanet.errors import PlotError

from .helpers import ROOT, assert_fails, numbanet

pytest.importorskip("matplotlib", reason="drawing needs matplotlib, which the extra `plot` brings")

PNG = b"\x89PNG\r\n\x1a\n"
COMMANDS = ("filters", "activations", "confusion", "mistakes")
NAMES = {
    "filters": "digits-mlp-filters.png",
    "activations": "digits-mlp-activations-test-0.png",
    "confusion": "digits-mlp-confusion.png",
    "mistakes": "digits-mlp-mistakes.png",
}


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained network of convolutions, with layers inside layers, for `digits`."""
    file = tmp_path_factory.mktemp("cnn") / "digits-cnn.safetensors"
    layers = (
        nn.Conv2D(6, 3, stride=2, activation="relu"),
        nn.Residual(nn.Conv2D(6, 3, padding="same"), activation="relu"),
        nn.Parallel([nn.Conv2D(3, 1)], [nn.Conv2D(2, 3, padding="same", activation="relu")]),
        nn.Dense(10),
    )
    model = nn.Sequential(*layers, input_shape=(28, 28, 1))
    model.meta["data_set"] = "digits"
    model.save(file)
    return str(file)


def assert_picture(path: Path) -> None:
    """A PNG file of a size to look at, with something on it."""
    from matplotlib.image import imread

    assert path.read_bytes().startswith(PNG)
    pixels = np.asarray(imread(path))
    assert min(pixels.shape[:2]) > 200
    colors = np.ascontiguousarray(np.round(pixels * 255), np.uint8).view(np.uint32)
    assert len(np.unique(colors)) > 50


def result_of(stdout: str) -> dict[str, Any]:
    result = json.loads(stdout.splitlines()[-1])
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize("command", COMMANDS)
def test_it_draws_a_file_named_after_the_model_and_says_so(command: str, model: str, tmp_path: Path) -> None:
    done = numbanet("show", command, model, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"saved {NAMES[command]} (" in done.stdout
    assert [file.name for file in tmp_path.iterdir()] == [NAMES[command]]
    assert_picture(tmp_path / NAMES[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_replaced_unless_told_to(command: str, model: str, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_text("my own picture")
    arguments = ("show", command, model, "--out", "mine.png")
    assert_fails(numbanet(*arguments, cwd=tmp_path), 1, "mine.png is there already", "--overwrite", "--out FILE")
    assert (tmp_path / "mine.png").read_text() == "my own picture"
    done = numbanet(*arguments, "--overwrite", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_picture(tmp_path / "mine.png")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.png"]


def test_filters_json(model: str, tmp_path: Path) -> None:
    done = numbanet("show", "filters", model, "--count", "10", "--json", "--out", "f.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert result_of(done.stdout) == {
        "model": model,
        "file": "f.png",
        "parameter": "1_dense.weight",
        "shape": [28, 28, 1, 32],
        "filters": 10,
    }


def test_activations_json(model: str, tmp_path: Path) -> None:
    done = numbanet("show", "activations", model, "--index", "5", "--split", "train", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = result_of(done.stdout)
    assert result["file"] == "digits-mlp-activations-train-5.png"
    assert result["input"] == "digits train 5"
    assert result["layers"] == {"1_dense": [32], "2_dense": [10]}


def test_confusion_json(model: str, tmp_path: Path) -> None:
    done = numbanet("show", "confusion", model, "--limit", "300", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = result_of(done.stdout)
    x, y = generate().test
    guesses = nn.load(model).predict(x[:300]).argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y[:300], guesses), 1)
    assert result["counts"] == counts.tolist()
    assert result["accuracy"] == pytest.approx(np.mean(guesses == y[:300]))
    assert result["recall"] == pytest.approx((np.diag(counts) / counts.sum(axis=1)).tolist())
    assert result["classes"] == list("0123456789")
    assert (result["split"], result["examples"]) == ("test", 300)


def test_mistakes_json_has_the_surest_first(model: str, tmp_path: Path) -> None:
    done = numbanet("show", "mistakes", model, "--count", "5", "--split", "train", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = result_of(done.stdout)
    x, y = generate().train
    probabilities = nn.load(model).predict_proba(x)
    guesses = probabilities.argmax(axis=1)
    assert result["wrong"] == int(np.sum(guesses != y))
    assert len(result["mistakes"]) == 5
    sure = [mistake["probability"] for mistake in result["mistakes"]]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] == pytest.approx(probabilities.max(axis=1)[guesses != y].max(), rel=1e-4)
    for mistake in result["mistakes"]:
        index = mistake["index"]
        assert mistake["label"] == str(y[index]) != mistake["class"] == str(guesses[index])


def test_a_model_without_mistakes_draws_nothing(tmp_path: Path) -> None:
    x, y = np.zeros((4, 8, 8), np.uint8), np.zeros(4, np.int64)
    np.savez(tmp_path / "own.npz", x_train=x, y_train=np.array([0, 1, 0, 0]), x_test=x, y_test=y)
    model = nn.Sequential(nn.Dense(2), input_shape=(8, 8, 1))
    model.parameters()["0_dense.bias"][0] = 9.0
    model.save(tmp_path / "m.safetensors")
    done = numbanet("show", "mistakes", "m.safetensors", "--data", "own.npz", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no mistakes among 4 test examples" in done.stderr
    result = result_of(done.stdout)
    assert (result["file"], result["wrong"], result["mistakes"]) == (None, 0, [])
    assert not list(tmp_path.glob("*.png"))


class TestWhatDoesNotWork:
    """One clear error, and no file."""

    @pytest.fixture(autouse=True)
    def nothing_is_written(self, tmp_path: Path) -> Any:
        yield
        assert not list(tmp_path.rglob(".*.png*"))

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_file_that_is_no_model(self, command: str, tmp_path: Path) -> None:
        (tmp_path / "no.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0this is no model")
        done = numbanet("show", command, "no.safetensors", cwd=tmp_path)
        assert_fails(done, 1, "no.safetensors: not a numbanet model")
        assert not list(tmp_path.glob("*.png"))

    @pytest.mark.parametrize("command", COMMANDS)
    def test_no_file_at_all(self, command: str, tmp_path: Path) -> None:
        assert_fails(numbanet("show", command, "none.safetensors", cwd=tmp_path), 1, "no such file")

    @pytest.mark.parametrize("command", ["activations", "confusion", "mistakes"])
    def test_a_model_for_another_data_set(self, command: str, tmp_path: Path) -> None:
        nn.Sequential(nn.Flatten(), nn.Dense(10), input_shape=(8, 9, 1)).save(tmp_path / "wide.safetensors")
        done = numbanet("show", command, "wide.safetensors", "--data", "digits", cwd=tmp_path)
        assert_fails(done, 1, "(8, 9, 1)", "(28, 28, 1)", "digits")
        assert_fails(numbanet("show", command, "wide.safetensors", cwd=tmp_path), 1, "--data DATASET")

    def test_an_index_out_of_range(self, model: str, tmp_path: Path) -> None:
        done = numbanet("show", "activations", model, "--index", "2000", cwd=tmp_path)
        assert_fails(done, 1, "--index 2000", "digits has 2,000 test examples: 0 to 1999")

    @pytest.mark.parametrize("command", [("show", "filters"), ("show", "confusion"), ("predict", "0", "--explain")])
    def test_without_matplotlib(self, command: tuple[str, ...], model: str, tmp_path: Path) -> None:
        (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')")
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        first, *rest = command
        arguments = [first, model, *rest] if first == "predict" else [first, *rest, model]
        done = numbanet(*arguments, cwd=tmp_path, PYTHONPATH=path)
        assert_fails(done, 1, 'pip install "numbanet[plot]"')

    def test_no_such_folder(self, model: str, tmp_path: Path) -> None:
        done = numbanet("show", "filters", model, "--out", "nowhere/f.png", cwd=tmp_path)
        assert_fails(done, 1, "nowhere", "does not exist")

    def test_a_file_in_place_of_the_folder(self, model: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert_fails(numbanet("show", "filters", model, "--out", "file/f.png", cwd=tmp_path), 1, "not a folder")

    def test_a_folder_that_cannot_be_written_to(self, model: str, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir(mode=0o555)
        if os.access(tmp_path / "locked", os.W_OK):
            pytest.skip("this user may write everywhere")
        done = numbanet("show", "filters", model, "--out", "locked/f.png", cwd=tmp_path)
        assert_fails(done, 1, "locked cannot be written to", "--out FILE")

    def test_a_folder_of_that_name(self, model: str, tmp_path: Path) -> None:
        (tmp_path / "f.png").mkdir()
        done = numbanet("show", "filters", model, "--out", "f.png", "--overwrite", cwd=tmp_path)
        assert_fails(done, 1, "f.png", "not a file")

    def test_another_suffix(self, model: str, tmp_path: Path) -> None:
        done = numbanet("show", "confusion", model, "--out", "matrix.pdf", cwd=tmp_path)
        assert_fails(done, 1, "matrix.pdf", ".png")

    @pytest.mark.parametrize("arguments", [("--count", "0"), ("--count", "many"), ("--split", "tset")])
    def test_options_that_make_no_sense(self, arguments: tuple[str, str], model: str, tmp_path: Path) -> None:
        assert_fails(numbanet("show", "mistakes", model, *arguments, cwd=tmp_path), 2, arguments[0])


class TestExplain:
    """`numbanet predict --explain`."""

    def test_a_picture_for_each_input(self, model: str, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", generate(train=2, test=1).train[0])
        done = numbanet("predict", model, "3-4", "x.npy", "--explain", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        expected = [f"digits-mlp-explain-{tag}.png" for tag in ("3", "4", "x-0", "x-1")]
        assert sorted(file.name for file in tmp_path.glob("*.png")) == expected
        for name in expected:
            assert f"saved {name} (" in done.stdout
            assert_picture(tmp_path / name)

    def test_json_names_the_file(self, model: str, tmp_path: Path) -> None:
        done = numbanet("predict", model, "0", "--explain", "--out", "why.png", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert result_of(done.stdout)["predictions"][0]["explanation"] == "why.png"
        assert_picture(tmp_path / "why.png")

    def test_one_name_for_two_pictures(self, model: str, tmp_path: Path) -> None:
        done = numbanet("predict", model, "0-1", "--explain", "--out", "why.png", cwd=tmp_path)
        assert_fails(done, 1, "one file for 2 pictures")
        assert_fails(numbanet("predict", model, "0", "0", "--explain", cwd=tmp_path), 1, "one by one")
        assert list(tmp_path.iterdir()) == []

    def test_a_picture_that_is_there(self, model: str, tmp_path: Path) -> None:
        (tmp_path / "digits-mlp-explain-1.png").write_text("mine")
        assert_fails(numbanet("predict", model, "0-1", "--explain", cwd=tmp_path), 1, "--overwrite")
        assert [file.name for file in tmp_path.iterdir()] == ["digits-mlp-explain-1.png"]
        done = numbanet("predict", model, "0-1", "--explain", "--overwrite", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert_picture(tmp_path / "digits-mlp-explain-1.png")

    def test_out_without_explain(self, model: str, tmp_path: Path) -> None:
        assert_fails(numbanet("predict", model, "0", "--out", "why.png", cwd=tmp_path), 2, "--explain")

    def test_inputs_that_are_no_images(self, tmp_path: Path) -> None:
        nn.Sequential(nn.Dense(2), input_shape=(9,)).save(tmp_path / "m.safetensors")
        np.save(tmp_path / "x.npy", np.zeros(9))
        done = numbanet("predict", "m.safetensors", "x.npy", "--explain", cwd=tmp_path)
        assert_fails(done, 1, "--explain draws images", "(9,)")


class TestConvolutions:
    """A network of convolutions, with layers inside layers."""

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_picture(self, command: str, cnn: str, tmp_path: Path) -> None:
        done = numbanet("show", command, cnn, "--out", "p.png", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert_picture(tmp_path / "p.png")
        result = result_of(done.stdout)
        if command == "filters":
            assert (result["parameter"], result["shape"]) == ("0_conv2d.weight", [3, 3, 1, 6])
        if command == "activations":
            assert result["layers"] == {
                "0_conv2d": [13, 13, 6],
                "1_residual.body.0_conv2d": [13, 13, 6],
                "1_residual": [13, 13, 6],
                "2_parallel.branch0.0_conv2d": [13, 13, 3],
                "2_parallel.branch1.0_conv2d": [13, 13, 2],
                "2_parallel": [13, 13, 5],
                "3_dense": [10],
            }

    def test_explain(self, cnn: str, tmp_path: Path) -> None:
        done = numbanet("predict", cnn, "0", "--explain", "--out", "p.png", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert_picture(tmp_path / "p.png")

    def test_filters_by_their_shapes(self) -> None:
        for layer, shape, expected in (
            (nn.Conv2D(4, (5, 3), groups=2), (9, 9, 6), ("0_conv2d.weight", (5, 3, 3, 4))),
            (nn.SeparableConv2D(4, 3), (9, 9, 6), ("0_separable_conv2d.depthwise", (3, 3, 1, 6))),
            (nn.Conv1D(4, 3), (9, 6), ("0_conv1d.weight", (3, 6, 1, 4))),
            (
                nn.Residual(nn.Conv2D(3, 3, padding="same")),
                (9, 9, 3),
                ("0_residual.body.0_conv2d.weight", (3, 3, 3, 3)),
            ),
        ):
            name, kernels = first_filters(nn.Sequential(layer, nn.Dense(2), input_shape=shape), "m")
            assert (name, kernels.shape) == expected


class TestFeatures:
    """What is drawn, computed."""

    def test_filters_of_a_dense_layer_have_the_images_shape(self) -> None:
        model = nn.Sequential(nn.Flatten(), nn.Normalize(), nn.Dense(5), nn.Dense(3), input_shape=(6, 4, 3))
        name, kernels = first_filters(model, "m")
        assert name == "2_dense.weight"
        assert kernels.shape == (6, 4, 3, 5)
        np.testing.assert_array_equal(kernels[1, 2, 0], model.parameters()[name][1 * 12 + 2 * 3])

    @pytest.mark.parametrize(
        ("layers", "shape", "words"),
        [([nn.Flatten()], (8, 8, 1), "no filters"), ([nn.Dense(3)], (64,), r"0_dense\.weight has the shape \(64, 3\)")],
    )
    def test_models_without_such_filters(self, layers: list[Any], shape: tuple[int, ...], words: str) -> None:
        with pytest.raises(PlotError, match=words):
            first_filters(nn.Sequential(*layers, input_shape=shape), "m")

    def test_layers_that_hand_on_what_they_get_are_left_out(self) -> None:
        layers = (nn.Flatten(), nn.Dense(5), nn.Dropout(0.5), nn.Activation("tanh"), nn.Reshape((5, 1)), nn.Flatten())
        model = nn.Sequential(*layers, input_shape=(4, 4, 1))
        x = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
        found = layer_outputs(model, x)
        assert [name for name, _ in found] == ["1_dense", "3_activation"]
        np.testing.assert_allclose(found[1][1], np.tanh(found[0][1]), rtol=1e-5)
        name, values = first_features(model, x)
        assert name == "1_dense"
        np.testing.assert_array_equal(values, found[0][1])

    def test_saliency_is_the_derivative(self) -> None:
        layers = (nn.Normalize(), nn.Dense(7, "tanh"), nn.Dense(3))
        model = nn.Sequential(*layers, input_shape=(4, 5, 1), dtype="float64")
        x = np.random.default_rng(0).random((4, 5, 1))
        found = saliency(model, x, 2)
        assert found.shape == x.shape
        for place in ((0, 0, 0), (3, 4, 0), (2, 1, 0)):
            step = np.zeros_like(x)
            step[place] = 1e-6
            above, below = model.predict((x + step)[None])[0, 2], model.predict((x - step)[None])[0, 2]
            assert found[place] == pytest.approx((above - below) / 2e-6, rel=1e-5)
