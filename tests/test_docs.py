"""The code in the documents and the examples run as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(#[^)]*)?\)")


def run(path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBANET_EXAMPLE": "quick"}
    return subprocess.run([sys.executable, path], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("page", [p for p in PAGES if BLOCK.search(p.read_text("utf-8"))], ids=lambda page: page.stem)
def test_code_on_a_page(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    program = tmp_path / f"{page.stem}.py"
    lines = [""] * text.count("\n")
    for block in BLOCK.finditer(text):  # at their lines, so that a traceback names those of the page
        first = text.count("\n", 0, block.start(1))
        lines[first : first + block[1].count("\n")] = block[1].splitlines()
    program.write_text("\n".join(lines), "utf-8")
    process = run(program, tmp_path)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_example(example: Path, tmp_path: Path) -> None:
    process = run(example, tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stdout


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs").rglob("commands/*.md")), ROOT / "README.md",
                                  ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)  # fmt: skip
def test_links(page: Path) -> None:
    for target, _ in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_of_the_commands() -> None:
    """They are what --help prints; `python tools/command_pages.py` writes them anew."""
    command = [sys.executable, str(ROOT / "tools" / "command_pages.py"), "--check"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stdout + process.stderr
