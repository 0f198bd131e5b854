"""Help, version, completion: what must be quick and complete."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from numbanet.cli import COMMANDS
from numbanet.cli.tasks import TASKS

from .helpers import assert_fails, environment, numbanet

HEAVY = ("numpy", "numba", "llvmlite", "rich", "PIL", "safetensors", "matplotlib")
PAGES = [
    [],
    *([name] for name in COMMANDS),
    *(["train", name] for name in TASKS),
    *(["data", name] for name in ("list", "fetch", "verify", "show")),
    *(["config", name] for name in ("init", "show")),
    *(["runs", name] for name in ("list", "show", "compare", "plot", "rm")),
    *(["show", name] for name in ("filters", "activations", "confusion", "mistakes")),
]


def test_help_pages_import_nothing_heavy_have_examples_and_fit_the_screen(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from numbanet.cli import cli\n"
        f"for page in {PAGES!r}:\n"
        "    cli.main([*page, '--help'], prog_name='numbanet', standalone_mode=False, terminal_width=80)\n"
        "    print('=' * 40)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    *pages, imported = done.stdout.split("=" * 40 + "\n")
    assert imported == "[]\n"
    for page, text in zip(PAGES, pages, strict=True):
        assert text.startswith(" ".join(["Usage: numbanet", *page]))
        assert "Examples:\n  " in text
        assert max(len(line) for line in text.splitlines()) <= 80


def test_help_is_quick(tmp_path: Path) -> None:
    fastest = 9.0
    for _ in range(5):
        began = time.perf_counter()
        numbanet("--help", cwd=tmp_path)
        fastest = min(fastest, time.perf_counter() - began)
    assert fastest < 0.25


def test_version(tmp_path: Path) -> None:
    done = numbanet("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("numbanet ")


def test_a_misspelt_command_gets_a_suggestion(tmp_path: Path) -> None:
    assert_fails(numbanet("trian", "mnist", cwd=tmp_path), 2, "Did you mean 'train'?")
    assert_fails(numbanet("train", "serie", cwd=tmp_path), 2, "Did you mean 'series'?")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, tmp_path: Path) -> None:
    done = numbanet("completion", shell, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"_NUMBANET_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("numbanet tr", "train"),
        ("numbanet train mn", "mnist"),
        ("numbanet train te", "text"),
        ("numbanet train text --to", "--tokens"),
        ("numbanet train series --model g", "gru"),
        ("numbanet train fash", "fashion-mnist"),
        ("numbanet train mnist --model ml", "mlp"),
        ("numbanet train mnist --optimizer ad", "adam"),
        ("numbanet train mnist --loss cross", "cross_entropy"),
        ("numbanet train mnist --augment de", "default"),
        ("numbanet train mnist --augment flip,sh", "flip,shift"),
        ("numbanet data fetch km", "kmnist"),
        ("numbanet show mis", "mistakes"),
        ("numbanet show confusion mnist-mlp.safetensors --data fash", "fashion-mnist"),
    ],
)
def test_names_complete(words: str, expected: str, tmp_path: Path) -> None:
    done = numbanet(
        cwd=tmp_path,
        _NUMBANET_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split()) - 1),
    )
    assert f"plain,{expected}" in done.stdout.splitlines()
