"""Ctrl-C and broken pipes: training keeps what it has learned."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import numbanet as nn

from .helpers import COMMAND, QUICK, environment, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")
ENDLESS = ["train", "digits", *QUICK, "--epochs", "1000000"]


def test_ctrl_c_saves_the_model_and_says_where(warm: Path, tmp_path: Path) -> None:
    with start(*ENDLESS, "--out", "digits-mlp.safetensors", cwd=tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "The model so far is saved: digits-mlp.safetensors" in errors
    model = nn.load(tmp_path / "digits-mlp.safetensors")
    assert model.predict(nn.data.generate(train=5, test=1).train[0]).shape == (5, 10)


def test_ctrl_c_before_training(tmp_path: Path) -> None:
    with start("train", "digits", cwd=tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "cold")) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("compiling"):
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "Interrupted."
    assert list((tmp_path / "runs").iterdir()) == []


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = " ".join(COMMAND)
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command.replace('numbanet', program)}"],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@pytest.mark.parametrize("command", ["numbanet --help", "numbanet data show digits --count 200", "numbanet doctor"])
def test_a_reader_that_stops_early(command: str, warm: Path, tmp_path: Path) -> None:
    done = shell(f"{command} | head -n 1", tmp_path)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_training_into_head_keeps_the_model(warm: Path, tmp_path: Path) -> None:
    done = shell(f"numbanet {' '.join(ENDLESS)} | head -n 30", tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith("epoch")
    done = shell("numbanet summary digits-mlp-001", tmp_path)
    assert done.returncode == 0, done.stderr
