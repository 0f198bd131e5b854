"""Named models, their recipes, and the public names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet import zoo
from numbanet.data.dataset import Dataset
from numbanet.errors import ModelError
from numbanet.layers import Normalize

ROOT = Path(__file__).parents[2]


def dataset(dtype: str, shape: tuple[int, ...] = (5, 6, 1)) -> Dataset:
    examples = np.zeros((4, *shape), dtype), np.zeros(4, np.int64)
    return Dataset("tiny", examples, examples, ("a", "b", "c"))


def test_mlp() -> None:
    model = zoo.build("mlp", dataset("uint8"), hidden=(12, 7), dropout=0.2, seed=3)
    assert [layer.name for layer in model.layers] == [
        "0_flatten",
        "1_dense",
        "2_dropout",
        "3_dense",
        "4_dropout",
        "5_dense",
    ]
    assert (model.input_shape, model.output_shape, model.seed) == ((5, 6, 1), (3,), 3)
    assert len(zoo.mlp((4,), 2, hidden=()).layers) == 2


def test_inputs_that_are_not_bytes_are_normalized() -> None:
    assert isinstance(zoo.build("mlp", dataset("float32")).layers[1], Normalize)
    assert not any(isinstance(layer, Normalize) for layer in zoo.build("mlp", dataset("uint8")).layers)
    plain = zoo.build("mlp", dataset("float32"), normalize=False)
    assert not any(isinstance(layer, Normalize) for layer in plain.layers)


@pytest.mark.parametrize("name", zoo.MODELS)
def test_every_model_has_a_recipe_and_trains(name: str) -> None:
    recipe = zoo.recipe(name)
    images = dataset("uint8", (19, 18, 2))
    history = zoo.build(name, images).fit(images, **recipe.fit_arguments() | {"epochs": 1})
    assert history.epochs == 1


@pytest.mark.parametrize("name", ["lenet", "cnn", "resnet", "fastnet"])
def test_networks_for_images(name: str) -> None:
    assert zoo.build(name, dataset("uint8", (20, 20))).output_shape == (3,)  # images without channels
    with pytest.raises(ModelError, match=rf"model {name}: expected images .* got inputs of\s+shape \(9,\)"):
        zoo.build(name, dataset("uint8", (9,)))
    if name != "resnet":
        with pytest.raises(ModelError, match=f"model {name}: expected images of at least .* got 4 x 5"):
            zoo.build(name, dataset("uint8", (4, 5, 1)))


def test_resnet_of_any_depth() -> None:
    model = zoo.resnet((16, 16, 3), 10, width=8, blocks=(3, 3, 3))
    convolutions = [name for name in model.parameters() if "conv2d.weight" in name]
    assert len(convolutions) == 1 + 2 * 9 + 2  # the paper's ResNet-20, with two projections


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_networks_that_read_images_step_by_step(name: str) -> None:
    def layers(shape: tuple[int, ...], **options: Any) -> list[tuple[str, tuple[int, ...]]]:
        model = zoo.build(name, dataset("float32", shape), **options)
        return [(type(layer).__name__, layer.out_shape) for layer in model.layers]

    kind = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}[name]
    assert layers((5, 6, 2)) == [
        ("Normalize", (5, 6, 2)), ("Reshape", (5, 12)), (kind, (128,)), ("Dense", (3,))
    ]  # fmt: skip
    assert layers((5, 6), hidden=(7, 4), dropout=0.1, normalize=False) == [
        (kind, (5, 7)), ("Dropout", (5, 7)), (kind, (4,)), ("Dropout", (4,)), ("Dense", (3,))
    ]  # fmt: skip
    pixels = layers((5, 6, 2), sequence="pixel", normalize=False)
    assert pixels[0] == ("Reshape", (30, 2))
    for options, message in (
        ({"sequence": "column"}, "unknown sequence 'column'"),
        ({"hidden": ()}, "expected at least one recurrent layer"),
        ({"hidden": (0,)}, "hidden: expected a whole number from 1 on"),
    ):
        with pytest.raises(ModelError, match=message):
            zoo.build(name, dataset("uint8"), **options)
    with pytest.raises(ModelError, match=rf"model {name}: expected images"):
        zoo.build(name, dataset("uint8", (9,)))


def test_the_default_for_a_data_set() -> None:
    images = dataset("uint8", (28, 28, 1))
    assert zoo.default_for(images) == "fastnet"
    assert zoo.default_for(images, ["hidden"]) == "mlp"
    assert zoo.default_for(images, ["hidden", "sequence"]) == "lstm"
    assert zoo.default_for(images, ["nonsense"]) == "mlp"
    assert zoo.default_for(dataset("uint8")) == "mlp"
    assert zoo.default_for(dataset("float32", (30,))) == "mlp"


def test_bad_arguments() -> None:
    with pytest.raises(ModelError, match=r"unknown model 'mpl'. Did you mean 'mlp'"):
        zoo.build("mpl", dataset("uint8"))
    with pytest.raises(ModelError, match=r"unknown model 'x'"):
        zoo.recipe("x")
    with pytest.raises(ModelError, match=r"model mlp: unknown option 'hiden'. Did you mean 'hidden'"):
        zoo.build("mlp", dataset("uint8"), hiden=(3,))
    with pytest.raises(ModelError, match=r"mlp: hidden: expected a whole number from 1 on, found 0"):
        zoo.build("mlp", dataset("uint8"), hidden=(0,))
    with pytest.raises(ModelError, match="Dropout: rate"):
        zoo.build("mlp", dataset("uint8"), dropout=1.5)


def test_public_names() -> None:
    assert set(nn.__all__) <= set(dir(nn))
    for name in nn.__all__:
        assert getattr(nn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Conv9D'"):
        _ = nn.Conv9D


def test_importing_the_package_imports_next_to_nothing() -> None:
    program = (
        "import sys, numbanet as nn; assert not {'numpy', 'numba'} & set(sys.modules);"
        "nn.Sequential, nn.Adam, nn.zoo, nn.data, nn.load, nn.TrainStep;"
        "assert 'numpy' in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
