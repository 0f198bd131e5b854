"""One small model, trained by the program itself: it compiles the kernels, and other tests use its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import QUICK, numbanet


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `digits-mlp.safetensors`; the kernels are compiled."""
    folder = tmp_path_factory.mktemp("warm")
    done = numbanet("train", "digits", *QUICK, "--out", "digits-mlp.safetensors", cwd=folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def model(warm: Path) -> str:
    """The path of a model trained on `digits`."""
    return str(warm / "digits-mlp.safetensors")
