"""On a terminal: progress in place, colors unless they are not wanted, never wider than the screen."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from .helpers import QUICK, on_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOR = re.compile(r"\x1b\[[0-9;]*m")
ENOUGH = ["--epochs", "30", "--limit", "5000"]  # for the bar to be drawn more than once


def test_a_bar_with_loss_accuracy_speed_and_time_left(warm: Path, tmp_path: Path) -> None:
    columns = 80
    code, written = on_terminal("train", "digits", *QUICK, *ENOUGH, cwd=tmp_path, columns=columns)
    assert code == 0, written
    frames = [line for line in re.split(r"[\r\n]", CONTROL.sub("", written)) if line.rstrip().endswith(" left")]
    assert frames
    for frame in frames:
        assert re.search(r"epoch +\d+/30 .*loss \d+\.\d+ +accuracy \d+\.\d+% +[\d.]+[kM]?/s +\d+:\d\d left", frame)
    for line in re.split(r"[\r\n]+", CONTROL.sub("", written)):
        assert len(line.rstrip()) <= columns, line
    assert "\x1b[?25h" in written.rpartition("\x1b[?25l")[2]  # the cursor is back


def test_no_color(warm: Path, tmp_path: Path) -> None:
    code, written = on_terminal("predict", str(warm / "digits-mlp.safetensors"), "0", cwd=tmp_path, NO_COLOR="1")
    assert code == 0, written
    assert not re.search(r"\x1b\[[0-9;]*[34]8;", written)
    assert not re.search(r"\x1b\[(?:[0-9]+;)*3[1-7]m", written)


def test_color(warm: Path, tmp_path: Path) -> None:
    code, written = on_terminal(
        "predict", str(warm / "digits-mlp.safetensors"), "0", cwd=tmp_path, COLORTERM="truecolor"
    )
    assert code == 0, written
    assert "▀" in written
    assert "\x1b[38;2;" in written


def test_an_encoding_without_blocks(warm: Path, tmp_path: Path) -> None:
    code, written = on_terminal(
        "predict",
        str(warm / "digits-mlp.safetensors"),
        "0",
        cwd=tmp_path,
        PYTHONIOENCODING="ascii",
        PYTHONUTF8="0",
    )
    assert code == 0, written
    assert written.isascii()
    assert "@" in written
    assert "#" in written


def test_a_dumb_terminal_gets_lines(warm: Path, tmp_path: Path) -> None:
    code, written = on_terminal("train", "digits", *QUICK, cwd=tmp_path, TERM="dumb")
    assert code == 0, written
    assert "\x1b" not in written
    assert "epoch 1/1" in written
