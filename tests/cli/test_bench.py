"""`numbanet kernels` and `numbanet bench`, as a user runs them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from .helpers import assert_fails, numbanet


def test_list_of_kernels(tmp_path: Path) -> None:
    process = numbanet("kernels", "list", "--json", cwd=tmp_path)
    rows = json.loads(process.stdout)
    found = {row["kernel"]: row for row in rows}
    assert found["gemm"]["file"].endswith("gemm.py") and "op(A) @ op(B)" in found["gemm"]["does"]


def test_source_of_a_kernel(tmp_path: Path) -> None:
    process = numbanet("kernels", "show", "bias_forward", cwd=tmp_path)
    assert process.stdout.startswith("@kernel\ndef bias_forward(")
    assert "calls add_bias_and_activate" in process.stderr


@pytest.mark.parametrize("what", ["--asm", "--llvm"])
def test_code_of_a_kernel(what: str, tmp_path: Path) -> None:
    process = numbanet("kernels", "show", "bias_forward", what, "--shape", "64x16", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "inner loop of" in process.stderr
    assert ("define " in process.stdout) == (what == "--llvm")


def test_bench_of_a_kernel(tmp_path: Path) -> None:
    table, picture = tmp_path / "k.csv", tmp_path / "k.png"
    arguments = ("bench", "kernels", "gemm", "--shapes", "16x16x16,8x8x8", "--threads", "1,2", "--json")
    process = numbanet(*arguments, "--csv", str(table), "--plot", str(picture), cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    rows = json.loads(process.stdout.splitlines()[-1])
    assert [(row["shape"], row["threads"]) for row in rows] == [
        ("16x16x16", 1), ("8x8x8", 1), ("16x16x16", 2), ("8x8x8", 2),
    ]  # fmt: skip
    assert all(row["seconds"] > 0 and row["largest_error"] < 1e-5 for row in rows)
    with table.open() as file:
        assert [row["shape"] for row in csv.DictReader(file)] == [row["shape"] for row in rows]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "CUDA was not measured: " in process.stderr
    again = numbanet(*arguments, "--csv", str(table), cwd=tmp_path)
    assert again.returncode == 1 and "--overwrite" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("bench", "kernels", "gem"), 2, "Did you mean 'gemm'?"),
        (("bench", "kernels", "gemm", "--shapes", "3x4"), 1, "expected 3 numbers for gemm, mxkxn"),
        (("bench", "kernels", "gemm", "--shapes", "3xx4"), 2, "expected positive whole numbers, as in 128x784x128"),
        (("bench", "kernels", "gemm", "--threads", "0"), 2, "expected positive whole numbers, as in 1,2"),
        (("bench", "kernels", "gemm", "--threads", "4096"), 1, "threads: expected 1 to"),
        (("bench", "kernels", "gemm", "--csv", "table.txt"), 1, "ends in .csv"),
        (("bench", "kernels", "gemm", "--device", "cuda"), 1, "device cuda"),
        (("kernels", "show", "Adam"), 2, "Did you mean 'adam'?"),
        (("kernels", "show", "gemm", "--asm", "--shape", "3x4"), 1, "expected 3 numbers for gemm"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], code: int, message: str, tmp_path: Path) -> None:
    assert_fails(numbanet(*arguments, cwd=tmp_path), code, message)
