"""What layers that hold layers say of parts that do not fit, and of damaged files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import numbanet as nn
from numbanet.errors import ModelError, ModelFileError
from numbanet.layers import Conv2D, Dense, Flatten, Parallel, Reshape, Residual
from numbanet.serialize import CHECKSUM, KEY

from .helpers import small

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no body": (lambda: Residual(), "Residual: expected at least one layer for its body, got none"),
    "a list as the body": (lambda: Residual([Dense(3)]), r"Residual: layer 0: expected a layer.*one by one"),  # type: ignore[arg-type]
    "a class": (lambda: Residual(Dense(3), Flatten), r"Residual: layer 1: expected a layer.*Flatten\(\)"),  # type: ignore[arg-type]
    "a shortcut by another name": (lambda: Residual(Dense(3), shortcut="projektion"), "unknown shortcut 'projektion'. Did you mean 'projection'"),
    "a number as shortcut": (lambda: Residual(Dense(3), shortcut=7), "Residual: shortcut: layer 0: expected a layer, got 7"),  # type: ignore[arg-type]
    "an activation": (lambda: Residual(Dense(3), activation="rleu"), "unknown activation 'rleu'. Did you mean 'relu'"),
    "the identity where shapes differ": (
        lambda: small(Dense(4), Residual(Dense(3))),
        r'1_residual: expected a body that keeps the shape \(4,\).*got an output of shape \(3,\).*shortcut="projection"',
    ),
    "a shortcut of another shape": (
        lambda: small(Residual(Dense(3), shortcut=[Dense(5)])),
        r"0_residual: expected a shortcut to the body's output shape, \(3,\), got one to \(5,\)",
    ),
    "a projection from a vector to an image": (
        lambda: small(Residual(Dense(6), Reshape((2, 3, 1)), shortcut="projection")),
        r"0_residual: expected an output that a stride can make of \(6,\).*got one of shape \(2, 3, 1\)",
    ),
    "a projection to a size that no stride gives": (
        lambda: small(Residual(Conv2D(4, 3), shortcut="projection"), input_shape=(8, 8, 2)),
        r'0_residual: .*stride can make of \(8, 8, 2\).*got one of shape \(6, 6, 4\).*padding="same"',
    ),
    "no branches": (lambda: Parallel(), "Parallel: expected at least one branch, got none"),
    "a merge": (lambda: Parallel(Dense(3), merge="sum"), "unknown merge 'sum'.*Known: add, concat"),
    "a branch": (lambda: Parallel(Dense(3), [Dense(2), 5]), "Parallel: branch 1: layer 1: expected a layer, got 5"),  # type: ignore[list-item]
    "branches too deep": (lambda: Parallel([[Dense(3)]]), "Parallel: branch 0: layer 0: expected a layer.*one by one"),  # type: ignore[list-item]
    "outputs of other shapes": (
        lambda: small(Parallel(Dense(4), [Dense(4), Reshape((2, 2))])),
        r"0_parallel: expected branches with outputs that agree in all but the last axis.*got \(4,\), \(2, 2\)",
    ),
    "sums of other shapes": (
        lambda: small(Parallel(Dense(4), Dense(3), merge="add")),
        r"0_parallel: expected branches with outputs of one shape, to add them, got \(4,\), \(3,\)",
    ),
    "the name of a layer deep inside": (
        lambda: small(Residual(Parallel(Dense(4), [Dense(4), Reshape((3, 2))]))),
        r"^0_residual.body.0_parallel.branch1.1_reshape: expected inputs that can become",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit(name: str) -> None:
    build, message = BAD[name]
    with pytest.raises(ModelError, match=message):
        build()


def test_a_layer_inside_belongs_to_one_place() -> None:
    layer = Dense(6)
    with pytest.raises(ModelError, match=r"Dense\(6\) is 0_residual.body.0_dense of a model already"):
        small(Residual(layer, shortcut=layer))
    with pytest.raises(ModelError, match="make a new layer for each place"):
        small(layer)


CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "unknown type": (lambda d: d["layers"][0].update(type="Dens"), "unknown layer type 'Dens'. Did you mean 'Dense'"),
    "unknown argument": (lambda d: d["layers"][0].update(colour="red"), "layer Dense: its arguments.*colour"),
    "no layers": (lambda d: d.pop("layers"), "Residual: expected at least one layer"),
    "a number of layers": (lambda d: d.update(layers=7), "layer Residual: its arguments.*do not fit"),
    "text for layers": (lambda d: d.update(layers="Dense"), "Residual: layer 0: expected a layer, got 'D'"),
    "a number for a shortcut": (lambda d: d.update(shortcut=7), "Residual: shortcut: layer 0: expected a layer, got 7"),
    "unknown type in a list": (lambda d: d.update(shortcut=[{"type": "Dens"}]), "unknown layer type 'Dens'"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_damaged_descriptions_of_layers_inside(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    file = tmp_path / "changed.safetensors"
    small(Residual(Dense(6))).save(file)
    with safe_open(file, framework="numpy") as opened:
        description = json.loads(opened.metadata()[KEY])
        del description[CHECKSUM]
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    change(description["layers"][0])
    save_file(tensors, file, metadata={KEY: json.dumps(description)})
    with pytest.raises(ModelFileError, match=message):
        nn.load(file)


@pytest.mark.parametrize("depth", [400, 100_000])
def test_a_description_without_end(depth: int, tmp_path: Path) -> None:
    file = tmp_path / "deep.safetensors"
    layer = '{"type": "Residual", "layers": [' * depth + "]}" * depth
    text = f'{{"format": 1, "layers": [{layer}], "input_shape": [6], "seed": 0, "dtype": "float32"}}'
    save_file({"w": np.zeros(3)}, file, metadata={KEY: text})
    with pytest.raises(ModelFileError, match="damaged"):
        nn.load(file)
