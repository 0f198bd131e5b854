"""Saving and loading: what comes back, and every file that is no model."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import numbanet as nn
from numbanet.errors import ModelError, ModelFileError
from numbanet.initializers import Orthogonal
from numbanet.layers import (
    GRU,
    LAYERS,
    LSTM,
    Activation,
    AvgPool1D,
    AvgPool2D,
    BatchNorm,
    Bidirectional,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GroupNorm,
    LastStep,
    Layer,
    LayerNorm,
    Masking,
    MaxPool1D,
    MaxPool2D,
    Normalize,
    Parallel,
    Reshape,
    Residual,
    RMSNorm,
    SelfAttention,
    SeparableConv2D,
    SimpleRNN,
    TimeDistributed,
    UpSampling2D,
    ZeroPad2D,
)
from numbanet.layers.chain import walk
from numbanet.losses import CrossEntropy
from numbanet.model import Sequential
from numbanet.serialize import CHECKSUM, FORMAT, KEY, load

from .helpers import blobs, small


def every_layer(**options: Any) -> Sequential:
    layers: list[Layer] = [
        Reshape((2, 3)),
        Normalize(),
        Masking(-9.0),
        Conv1D(4, 2, padding="causal"),
        TimeDistributed(Dense(4, "tanh"), Dropout(0.1)),
        Reshape((2, 2, 2)),
        Conv2D(4, (2, 1), padding=(0, 1, 0, 0), groups=2, weight_initializer=Orthogonal()),
        BatchNorm(0.2, activation="relu"),
        DepthwiseConv2D(2, padding="same"),
        GroupNorm(2),
        Dropout(0.1, per_channel=True),
        Conv2DTranspose(3, 2, stride=2, output_padding=(1, 0)),
        SeparableConv2D(2, 2, stride=2),
        UpSampling2D((2, 3)),
        ZeroPad2D((1, 0, 2, 1)),
        MaxPool2D((2, 1), stride=1, padding="same"),
        AvgPool2D(2, padding=1, count_padding=True),
        Parallel(GlobalMaxPool2D(), GlobalAvgPool2D()),
        Reshape((4, 1)),
        MaxPool1D(2, padding=(0, 1)),
        AvgPool1D(2, 1),
        SimpleRNN(4, "relu", return_sequences=True),
        SelfAttention(2, kv_heads=1, causal=True, dropout=0.1),
        LSTM(3, True, return_sequences=True, reverse=True),
        GRU(4, False, return_sequences=True, recurrent_dropout=0.1),
        Bidirectional(LSTM(2, return_sequences=True), merge="sum"),
        Parallel(GlobalAvgPool1D(), GlobalMaxPool1D(), LastStep(), merge="mean"),
        Flatten(),
        Dense(7, "gelu", weight_initializer=Orthogonal(0.5), bias_initializer="ones"),
        LayerNorm(1e-3),
        Activation("leaky_relu", alpha=0.2),
        Dropout(0.25),
        RMSNorm(),
        Residual(Dense(5), Dense(7), activation="relu"),
        Parallel(Dense(4), [Dense(5, "tanh"), Residual(Dense(3), shortcut="projection")], []),
        Dense(3, bias=False),
    ]
    return Sequential(*layers, input_shape=(6,), **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    x, y = blobs(40)
    model = every_layer(seed=11, dtype=dtype)
    # An Embedding takes other inputs: tests/model/test_sequences.py saves one.
    assert {type(layer) for layer in walk(model.layers)} == set(LAYERS.values()) - {Embedding}
    model.fit(x, y, epochs=2, loss=CrossEntropy(0.1, (1, 2, 3)))
    model.meta = {"classes": ["a", "b", "ü"], "data_set": None}
    file = tmp_path / "model.safetensors"
    model.save(file)
    back = nn.load(str(file))
    assert repr(back) == repr(model)
    assert repr(back.loss) == repr(model.loss) == "CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0, 3.0))"
    assert back.meta == model.meta
    for name, array in {**model.parameters(), **model.state()}.items():
        assert np.array_equal({**back.parameters(), **back.state()}[name], array), name
    assert np.array_equal(back.predict(x), model.predict(x))
    assert back.evaluate(x, y) == model.evaluate(x, y)
    back.save(file)
    assert repr(nn.load(file)) == repr(model)
    assert os.listdir(tmp_path) == ["model.safetensors"]
    one, other = model.fit(x, y), back.fit(x, y)  # dropout goes on with the same numbers
    assert one["loss"] == other["loss"]


def test_other_tools_can_read_the_file(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    small().save(file)
    with safe_open(file, framework="numpy") as opened:
        assert set(opened.keys()) == {"0_dense.weight", "0_dense.bias", "1_dense.weight", "1_dense.bias"}
        description = json.loads(opened.metadata()[KEY])
    assert description["format"] == FORMAT
    assert description["version"] == nn.__version__
    assert description["layers"][1]["type"] == "Dense"


def test_the_same_model_is_the_same_file(tmp_path: Path) -> None:
    contents = set()
    for name in ("a", "b", "c", "d"):
        model = small()
        model.meta = {"classes": ["a", "b", "c"], "data_set": None, "augment": None}
        model.save(tmp_path / name)
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    small().save(file)
    content = bytearray(file.read_bytes())
    content[-9] ^= 4
    file.write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged: its content does not match its checksum"):
        load(file)


def rewritten(tmp_path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Path:
    """A saved model whose description and tensors were changed."""
    file = tmp_path / "changed.safetensors"
    small().save(file)
    with safe_open(file, framework="numpy") as opened:
        description = json.loads(opened.metadata()[KEY])
        del description[CHECKSUM]
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    change(description, tensors)
    save_file(tensors, file, metadata={KEY: json.dumps(description)})
    return file


def rename_layer(description: dict[str, Any], tensors: dict[str, Any]) -> None:
    description["layers"][0]["type"] = "Dens"


CHANGES: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], Any], str]] = {
    "newer": (
        lambda d, t: d.update(format=FORMAT + 1, version="9.0"),
        rf"written by numbanet 9.0 in format {FORMAT + 1}.*reads up to format {FORMAT}. Install a newer",
    ),
    "no format": (lambda d, t: d.pop("format"), "no format number"),
    "no layers": (lambda d, t: d.pop("layers"), "lacks 'layers'"),
    "layers are no list": (lambda d, t: d.update(layers="Dense"), "expected a list of layers"),
    "unknown layer": (rename_layer, "unknown layer type 'Dens'. Did you mean 'Dense'"),
    "unknown argument": (lambda d, t: d["layers"][0].update(colour="red"), "layer Dense: its arguments.*colour"),
    "no type": (lambda d, t: d["layers"][0].pop("type"), "description of a layer with its type"),
    "bad activation": (lambda d, t: d["layers"][0].update(activation="rleu"), "unknown activation 'rleu'"),
    "bad units": (lambda d, t: d["layers"][0].update(units="many"), "units: expected a whole number"),
    "bad dtype": (lambda d, t: d.update(dtype="int8"), "unknown dtype 'int8'"),
    "bad seed": (lambda d, t: d.update(seed="x"), "seed: expected"),
    "too large": (lambda d, t: d["layers"][0].update(units=10**14), "damaged: "),
    "bad shape": (lambda d, t: d.update(input_shape=[-1]), "input_shape: expected"),
    "shape is no list": (lambda d, t: d.update(input_shape=None), "damaged"),
    "bad loss": (lambda d, t: d.update(loss={"type": "Eval"}), "unknown loss type 'Eval'"),
    "bad step": (lambda d, t: d.update(step=-1), "step: expected a whole number from 0 on"),
    "bad meta": (lambda d, t: d.update(meta=[1]), "expected meta to be a dict"),
    "missing tensor": (lambda d, t: t.pop("0_dense.bias"), r"\(missing: 0_dense.bias\)"),
    "extra tensor": (lambda d, t: t.update(q=np.zeros(2, np.float32)), r"\(extra: q\)"),
    "wrong shape": (
        lambda d, t: t.update({"0_dense.bias": np.zeros(9, np.float32)}),
        r"0_dense.bias: expected float32 \(8,\), got float32 \(9,\)",
    ),
    "wrong type": (
        lambda d, t: t.update({"0_dense.bias": np.zeros(8)}),
        r"0_dense.bias: expected float32 \(8,\), got float64 \(8,\)",
    ),
    "another size": (lambda d, t: d["layers"][0].update(units=9), r"expected float32 \(6, 9\), got"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_descriptions_that_do_not_fit(tmp_path: Path, name: str) -> None:
    change, message = CHANGES[name]
    file = rewritten(tmp_path, change)
    with pytest.raises(ModelFileError, match=message) as caught:
        load(file)
    assert str(caught.value).startswith(str(file))


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no such file"):
        load(tmp_path / "none")
    with pytest.raises(ModelFileError, match="it is a folder"):
        load(tmp_path)
    file = tmp_path / "file"
    for content in (b"", b"hello", os.urandom(1000), b"\x80\x04\x95pickle" * 20):
        file.write_bytes(content)
        with pytest.raises(ModelFileError, match="not a numbanet model, or damaged"):
            load(file)
    small().save(file)
    whole = file.read_bytes()
    for length in (4, 100, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="not a numbanet model, or damaged"):
            load(file)
    save_file({"w": np.zeros(3)}, file)
    with pytest.raises(ModelFileError, match="a safetensors file, but no numbanet model"):
        load(file)
    for text in ("{", "[]", "7"):
        save_file({"w": np.zeros(3)}, file, metadata={KEY: text})
        with pytest.raises(ModelFileError, match="description of the model is damaged"):
            load(file)


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    with pytest.raises(ModelFileError, match=r"the folder .*nowhere does not exist"):
        model.save(tmp_path / "nowhere" / "m.safetensors")
    with pytest.raises(ModelFileError, match="it is a folder"):
        model.save(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ModelFileError, match="is not a folder"):
        model.save(tmp_path / "file" / "m.safetensors")

    kept = tmp_path / "kept.safetensors"
    model.save(kept)
    before = kept.read_bytes()
    for number, words in ((errno.ENOSPC, "the disk is full"), (errno.EACCES, "not writable"), (errno.EIO, "error")):

        def fail(*_: Any, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(ModelFileError, match=f"cannot be saved: .*{words}"):
            model.save(kept)
    assert kept.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["file", "kept.safetensors"]


def test_meta_must_be_plain(tmp_path: Path) -> None:
    model = small()
    model.meta["array"] = np.zeros(3)
    with pytest.raises(ModelError, match="meta must consist of what JSON can hold"):
        model.save(tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == []
