"""Configuration files: what they may say, what counts more, and every way of getting them wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.cli.configuration.layers import make_layers
from numbanet.cli.configuration.sections import SECTIONS
from numbanet.cli.configuration.text import to_toml, with_origins
from numbanet.cli.configuration.values import Configuration
from numbanet.cli.training_plan import make_plan
from numbanet.data.dataset import Dataset
from numbanet.errors import ConfigError, NumbanetError
from numbanet.layers import LAYERS, Parallel, Residual

from .helpers import assert_fails, numbanet

OWN = """
[data]
name = "digits"
limit = 300

[train]
epochs = 2

[optimizer]
lr = 0.01

[[model.layers]]
type = "Conv2D"
filters = 4
stride = 3
activation = "relu"

[[model.layers]]
type = "Residual"
  [[model.layers.layers]]
  type = "Conv2D"
  filters = 4
  padding = "same"

[[model.layers]]
type = "Parallel"
  [[model.layers.branches]]
    [[model.layers.branches.layers]]
    type = "Conv2D"
    filters = 3
    kernel = 1
    [[model.layers.branches.layers]]
    type = "BatchNorm"
  [[model.layers.branches]]
  type = "MaxPool2D"
  stride = 1
  padding = "same"

[[model.layers]]
type = "Flatten"

[[model.layers]]
type = "Dense"
units = 10
"""


def images() -> Dataset:
    x, y = np.zeros((20, 28, 28, 1), np.uint8), np.arange(20) % 10
    return Dataset("digits", (x, y), (x, y), tuple("0123456789"))


def configuration(*parts: dict[str, Any]) -> Configuration:
    found = Configuration()
    found.add({"data": {"name": "digits"}}, "first")
    for number, part in enumerate(parts):
        found.add(part, f"part {number}")
    return found


def resolved(*parts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return make_plan(configuration(*parts), images(), "cpu").resolved


def test_what_counts_more(warm: Path, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(
        '[data]\nname = "digits"\nlimit = 300\n[model]\nname = "mlp"\nhidden = [64]\n'
        "[train]\nepochs = 7\nbatch_size = 50\nseed = 5\n"
    )
    arguments = ["--config", "my.toml", "--set", "train.batch_size=25", "--set", "train.seed=6", "--seed", "8"]
    done = numbanet("train", *arguments, "--print-config", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = tomllib.loads(done.stdout)
    assert found["train"] == {"epochs": 7, "batch_size": 25, "seed": 8, "shuffle": True}
    assert found["model"]["hidden"] == [64] and found["optimizer"]["lr"] == 0.004
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


def test_a_network_layer_by_layer_and_the_run_again(warm: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    done = numbanet("train", "--config", "own.toml", "--set", "model.layers.0.filters=4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs/digits-layers-001"
    done = numbanet("train", "--config", str(run / "config.toml"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = tmp_path / "runs/digits-layers-002"
    for name in ("model.safetensors", "config.toml"):
        assert (again / name).read_bytes() == (run / name).read_bytes()
    shown = numbanet("config", "show", "digits-layers-001", cwd=tmp_path)
    assert tomllib.loads(shown.stdout) == tomllib.loads((run / "config.toml").read_text())


def test_a_file_to_begin_with(warm: Path, tmp_path: Path) -> None:
    done = numbanet("config", "init", "--data", "digits", "--model", "mlp", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "numbanet.toml").read_text()
    tomllib.loads(text)
    commented = [line.removeprefix("# ") for line in text.splitlines() if " = " in line or line.startswith("[")]
    assert "hidden = [192]" in commented and "weight_decay = 0.0" in commented
    assert_fails(numbanet("config", "init", cwd=tmp_path), 1, "is there already", "--overwrite")
    show = ["config", "show", "numbanet.toml", "--set", "train.epochs=3", "--set", "data.limit=50"]
    done = numbanet(*show, cwd=tmp_path)
    assert "epochs = 3  # --set train.epochs=3" in done.stdout
    assert 'name = "mlp"  # numbanet.toml' in done.stdout
    assert "dropout = 0.0  # default" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[optimzer]\nlr = 1", ["unknown section [optimzer]", "Did you mean [optimizer]?"]),
        ("[train]\nlr = 0.1", ["[train] has no key 'lr'", "Did you mean optimizer.lr?"]),
        ("[train]\nepoch = 3", ["[train] has no key 'epoch'", "Did you mean train.epochs?"]),
        ("epochs = 3", ["unknown section [epochs]", "Did you mean train.epochs?"]),
        ("[train]\nepochs = 'many'", ["train.epochs: expected a whole number, found 'many'"]),
        ("[train]\nepochs = 0", ["train.epochs: expected a whole number from 1 on, found 0"]),
        ("[train]\nshuffle = 1", ["train.shuffle: expected true or false, found 1"]),
        ("train = 3", ["train: expected a table, [train], found 3"]),
        ("[optimizer]\nname = 'adma'", ["unknown optimizer 'adma'. Did you mean 'adam'"]),
        ("[optimizer]\nname = 'sgd'\nbeta1 = 0.5", ["optimizer.beta1: sgd has no 'beta1'", "momentum"]),
        ("[optimizer]\nlr = -1", ["bad.toml: [optimizer]: Adam: lr: expected a number from 0 on, found -1"]),
        ("[model]\nname = 'mlp'\nwidth = 3", ["model.width: mlp has no 'width'"]),
        ("[model]\nhidden = [1, 'x']", ["model.hidden: expected a list of whole numbers"]),
        ("[model]\nlayers = []", ["model.layers: expected at least one layer, found none"]),
        ("[[model.layers]]\nunits = 3", ["model.layers[0]: expected a table with the layer's type"]),
        ("[[model.layers]]\ntype = 'Dens'", ["model.layers[0]: unknown layer 'Dens'. Did you mean 'Dense'"]),
        ("[[model.layers]]\ntype = 'Dense'", ["model.layers[0] (Dense): expected units, found nothing"]),
        ("[[model.layers]]\ntype = 'Dense'\nunit = 3", ["(Dense): unknown argument 'unit'. Did you mean 'units'"]),
        ("[[model.layers]]\ntype = 'Dense'\nunits = 'x'", ["(Dense).units: expected a whole number, found 'x'"]),
        ("[[model.layers]]\ntype = 'Flatten'\n[[model.layers]]\ntype = 'Dense'\nunits = 3", ["expected 10 outputs"]),
        ("[model]\nname = 'mlp'\n[[model.layers]]\ntype = 'Flatten'", ["has a name and layers"]),
        ("[train\nepochs = 3", ["bad.toml: not a TOML file", "line"]),
        ("\xff", ["unknown section", "not a TOML file"]),
    ],
)
def test_what_is_refused(text: str, words: list[str], warm: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(text, encoding="utf-8")
    done = numbanet("train", "digits", "--limit", "100", "--config", "bad.toml", cwd=tmp_path)
    if text == "\xff":
        words = words[1:]
    assert_fails(done, 1, *words)
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("optimizer", ["expected section.key=value"]),
        ("optimizer.lr", ["expected section.key=value"]),
        ("optimizer.lr=fast", ["--set optimizer.lr=fast: optimizer.lr: expected a number, found 'fast'"]),
        ("model.layers.0.filters=3", ["there is no '0' in model.layers"]),
        ("data.name=3", ["data.name: expected a text, found 3"]),
    ],
)
def test_assignments_that_are_refused(assignment: str, words: list[str], tmp_path: Path) -> None:
    assert_fails(numbanet("train", "digits", "--set", assignment, cwd=tmp_path), 1, *words)


def test_usage(tmp_path: Path) -> None:
    assert_fails(numbanet("train", cwd=tmp_path), 2, "name a DATASET")
    assert_fails(numbanet("train", "--config", "none.toml", cwd=tmp_path), 1, "none.toml: cannot be read")
    assert_fails(numbanet("train", "digits", "--out", "m.safetensors", "--name", "x", cwd=tmp_path), 2, "--out")
    assert_fails(numbanet("train", "digits", "--overwrite", cwd=tmp_path), 2, "--overwrite")
    assert_fails(numbanet("train", "digits", "--name", "../x", cwd=tmp_path), 1, "expected a folder's name")


def test_another_name_begins_a_section_anew() -> None:
    first = {"optimizer": {"name": "sgd", "momentum": 0.5, "lr": 0.3}}
    assert resolved(first)["optimizer"]["momentum"] == 0.5
    assert resolved(first, {"optimizer": {"lr": 0.1}})["optimizer"]["momentum"] == 0.5
    assert resolved(first, {"optimizer": {"name": "adamw"}})["optimizer"]["lr"] == 0.001
    layers = {"model": {"layers": [{"type": "Flatten"}, {"type": "Dense", "units": 10}]}}
    assert resolved(layers)["model"] == layers["model"]
    assert resolved(layers, {"model": {"name": "mlp"}})["model"]["hidden"] == (192,)
    assert resolved({"model": {"name": "mlp"}}, layers)["model"] == layers["model"]


def test_what_is_resolved_resolves_to_itself() -> None:
    for model in ("mlp", "fastnet", "cnn"):
        once = resolved({"model": {"name": model}})
        again = resolved(tomllib.loads(to_toml(once)))
        assert to_toml(again) == to_toml(once)
        assert tomllib.loads(with_origins(once, {})) == tomllib.loads(to_toml(once))


def test_layers_inside_layers() -> None:
    conv = {"type": "Conv2D", "filters": 2, "padding": "same"}
    residual, parallel = make_layers(
        [
            {"type": "Residual", "layers": [conv, conv], "shortcut": "projection"},
            {"type": "Parallel", "branches": [[conv], {"layers": [conv, conv]}, conv, []], "merge": "add"},
        ],
        "here",
    )
    assert isinstance(residual, Residual) and len(residual.layers) == 2
    assert isinstance(parallel, Parallel) and [len(chain.layers) for chain in parallel.chains] == [1, 2, 1, 0]
    with pytest.raises(ConfigError, match=r"here\[0\] \(Residual\).layers\[1\] \(Conv2D\).filters: expected a whole"):
        make_layers([{"type": "Residual", "layers": [conv, {**conv, "filters": "x"}]}], "here")


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-3, 40),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["adam", "mlp", "cosine", "none"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
KEYS = sorted({key for section in SECTIONS.values() for key in section.known(None)})
NAMES = st.one_of(st.sampled_from(KEYS), st.text(max_size=5))
TABLES = st.dictionaries(
    st.one_of(st.sampled_from(sorted(SECTIONS)), st.text(max_size=5)),
    st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=4)),
    max_size=4,
)
ARGUMENTS = st.sampled_from(
    [
        "units",
        "filters",
        "kernel",
        "stride",
        "padding",
        "activation",
        "rate",
        "layers",
        "branches",
        "shortcut",
        "size",
        "merge",
        "shape",
        "groups",
        "epsilon",
        "bias",
        "weight_initializer",
    ]
)
LAYER_TABLES = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(sorted(LAYERS))}),
    lambda inner: st.builds(
        lambda kind, more: {"type": kind, **more},
        st.sampled_from(sorted(LAYERS)),
        st.dictionaries(ARGUMENTS, SCALARS | inner | st.lists(inner, max_size=2) | VALUES, max_size=3),
    ),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(TABLES)
def test_fuzz_whole_configurations(values: dict[str, Any]) -> None:
    try:
        make_plan(configuration(values), images(), "cpu")
    except NumbanetError as error:
        assert str(error)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(SECTIONS)), NAMES, VALUES)
def test_fuzz_single_settings(section: str, key: str, value: Any) -> None:
    try:
        make_plan(configuration({section: {key: value}}), images(), "cpu")
    except NumbanetError as error:
        assert str(error)


@settings(max_examples=400, deadline=None)
@given(st.lists(LAYER_TABLES | VALUES, max_size=3))
def test_fuzz_layers(tables: list[Any]) -> None:
    try:
        make_layers(tables, "here")
    except NumbanetError as error:
        assert str(error).startswith("here")


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=30)
    | st.builds(lambda s, k, v: f"{s}.{k}={v}", st.sampled_from(sorted(SECTIONS)), NAMES, st.text(max_size=8))
)
def test_fuzz_assignments(text: str) -> None:
    try:
        Configuration().add_assignment(text)
    except NumbanetError as error:
        assert str(error)


@settings(max_examples=6, deadline=None)
@given(TABLES)
def test_fuzz_the_program(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "fuzz.toml").write_bytes(tomli_w.dumps(values).encode("utf-8", "surrogatepass"))
    done = numbanet("train", "digits", "--limit", "20", "--config", "fuzz.toml", "--print-config", cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr and "has a bug" not in done.stderr
