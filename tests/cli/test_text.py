"""`numbanet train text` and `numbanet generate` as processes."""

from __future__ import annotations

import json
import math
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import numbanet as nn

from .helpers import assert_fails, numbanet, on_terminal, start
from .test_interrupts import shell

VERSE = "the quick brown fox jumps over the lazy dog.\n"
SMALL = ["--hidden", "32", "--embedding", "8", "--window", "16", "--batch-size", "8"]


def last_line(text: str) -> dict[str, Any]:
    result = json.loads(text.splitlines()[-1])
    assert isinstance(result, dict)
    return result


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, `verse.txt`, and the model that was trained on it, `verse-lstm.safetensors`."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "verse.txt").write_text(VERSE * 100, encoding="utf-8")
    done = numbanet(
        "train", "text", "--file", "verse.txt", *SMALL, "--epochs", "12", "--lr", "0.02", cwd=folder, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (folder / "log").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def model(folder: Path) -> str:
    """The path of the model."""
    return str(folder / "verse-lstm.safetensors")


class TestTraining:
    """What is printed, measured and saved."""

    def test_lines_table_and_what_to_do_next(self, folder: Path) -> None:
        written = (folder / "log").read_text(encoding="utf-8")
        assert "verse: 4,050 chars to learn from, 450 to validate on; 29 different ones" in written
        for epoch in (1, 12):
            assert re.search(rf"^epoch +{epoch}/12   loss \d\.\d+, \d\.\d+ bits/char   validation \d", written, re.M)
        for name in ("validation", "training loss", "training", "parameters", "saved"):
            assert f"\n  {name} " in written
        assert "numbanet generate verse-lstm.safetensors" in written
        assert "\x1b" not in written

    def test_it_learns_and_says_so_in_nats_and_bits(self, folder: Path, tmp_path: Path) -> None:
        arguments = ("--file", str(folder / "verse.txt"), *SMALL, "--epochs", "3", "--lr", "0.02", "--json")
        done = numbanet("train", "text", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 1
        result = last_line(done.stdout)
        assert result["validation_bits"] == pytest.approx(result["validation_loss"] / math.log(2))
        assert result["validation_loss"] < 0.5 * math.log(29)
        losses = result["history"]["val_loss"]
        assert losses[-1] == result["validation_loss"] < losses[0]
        assert (result["vocabulary"], result["streams"], result["epochs"]) == (29, 8, 3)
        assert result["tokens_per_second"] > 0
        meta = nn.load(tmp_path / result["file"]).meta
        assert meta["vocabulary"]["symbols"] == "".join(sorted(set(VERSE)))

    def test_the_seed_decides_all_and_the_threads_nothing(self, folder: Path, tmp_path: Path) -> None:
        losses = []
        for seed, threads in (("1", "1"), ("1", "2"), ("2", "1")):
            arguments = (
                "--file",
                str(folder / "verse.txt"),
                *SMALL,
                "--epochs",
                "1",
                "--dropout",
                "0.3",
                "--overwrite",
            )
            done = numbanet("train", "text", *arguments, "--seed", seed, "--threads", threads, "--json", cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            losses.append(last_line(done.stdout)["validation_loss"])
        assert losses[0] == losses[1] != losses[2]

    @pytest.mark.parametrize("cell", ["gru", "rnn"])
    def test_other_networks_of_several_layers(self, cell: str, folder: Path, tmp_path: Path) -> None:
        arguments = (
            "--file",
            str(folder / "verse.txt"),
            *SMALL,
            "--model",
            cell,
            "--layers",
            "2",
            "--dry-run",
            "--json",
        )
        done = numbanet("train", "text", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "all works" in done.stderr
        assert last_line(done.stdout)["model"] == cell
        assert list(tmp_path.iterdir()) == []

    def test_the_text_that_comes_with_python(self, folder: Path, tmp_path: Path) -> None:
        done = numbanet("train", "text", *SMALL, "--dry-run", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "python-topics: " in done.stdout

    def test_bytes(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "data.bin").write_bytes(bytes(range(256)) * 4)
        done = numbanet(
            "train", "text", "--file", "data.bin", "--tokens", "byte", *SMALL, "--epochs", "1", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "bits/byte" in done.stdout
        written = numbanet("generate", "data-lstm.safetensors", "--length", "50", cwd=tmp_path)
        assert written.returncode == 0, written.stderr

    def test_a_bar(self, folder: Path, tmp_path: Path) -> None:
        arguments = ("--file", str(folder / "verse.txt"), *SMALL, "--epochs", "20")
        code, written = on_terminal("train", "text", *arguments, cwd=tmp_path, columns=90)
        assert code == 0, written
        assert re.search(r"epoch +\d+/20 .*loss \d\.\d+  \d\.\d+ bits/char  [\d.]+[kM]?/s  \d:\d\d left", written)

    @pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
    def test_ctrl_c_saves_the_model(self, folder: Path, tmp_path: Path) -> None:
        arguments = ("--file", str(folder / "verse.txt"), *SMALL, "--epochs", "1000000")
        with start("train", "text", *arguments, cwd=tmp_path) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("epoch"):
                    break
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "The model so far is saved: verse-lstm.safetensors" in errors
        assert nn.load(tmp_path / "verse-lstm.safetensors").input_shape == (16,)


class TestRefusals:
    """Found out before anything is trained."""

    @pytest.mark.parametrize(
        ("content", "arguments", "words"),
        [
            (b"", (), ["t.txt", "found an empty file"]),
            (b"x", (), ["t.txt", "found one character"]),
            (b"\xff\xfe\x00", (), ["UTF-8", "--tokens byte"]),
            (b"abc" * 30, ("--window", "100"), ["training part", "window of 100", "found 81", "--window"]),
            (b"abc" * 30, ("--window", "20"), ["validation part", "window of 20", "found 9"]),
            (None, (), ["t.txt", "no such file"]),
        ],
        ids=["empty", "one character", "binary", "long window", "short validation", "missing"],
    )
    def test_what_cannot_be_learned_from(
        self, content: bytes | None, arguments: tuple[str, ...], words: list[str], tmp_path: Path
    ) -> None:
        if content is not None:
            (tmp_path / "t.txt").write_bytes(content)
        assert_fails(numbanet("train", "text", "--file", "t.txt", *arguments, cwd=tmp_path), 1, *words)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--model", "mlp"], ["--model", "lstm"]),
            (["--tokens", "word"], ["--tokens"]),
            (["--validation", "1"], ["--validation"]),
            (["--window", "0"], ["--window"]),
            (["mnist"], ["mnist"]),
        ],
        ids=lambda value: value[0] if str(value[0]).startswith("--") else "",
    )
    def test_wrong_usage(self, arguments: list[str], words: list[str], tmp_path: Path) -> None:
        assert_fails(numbanet("train", "text", *arguments, cwd=tmp_path), 2, *words)

    def test_a_place_that_is_none(self, tmp_path: Path) -> None:
        assert_fails(numbanet("train", "text", "--out", "no/m.safetensors", cwd=tmp_path), 1, "does not exist")


class TestGenerating:
    """Text as it is produced."""

    def test_it_writes_what_it_has_learned(self, model: str, tmp_path: Path) -> None:
        done = numbanet(
            "generate", model, "--prompt", "the quick", "--temperature", "0", "--length", "80", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert done.stdout == (VERSE * 3)[: len("the quick") + 80] + "\n"

    def test_the_seed_decides(self, model: str, tmp_path: Path) -> None:
        texts = []
        for seed in ("1", "1", "2"):
            arguments = ("--seed", seed, "--temperature", "2", "--length", "200")
            texts.append(numbanet("generate", model, *arguments, cwd=tmp_path).stdout)
        assert texts[0] == texts[1] != texts[2]
        assert len(texts[0]) == 201

    def test_json(self, model: str, tmp_path: Path) -> None:
        done = numbanet("generate", model, "--prompt", "fox", "--length", "30", "--top-k", "1", "--json", cwd=tmp_path)
        result = last_line(done.stdout)
        assert (result["prompt"], len(result["text"])) == ("fox", 30)
        assert result["text"].startswith(" jumps over")
        assert result["tokens_per_second"] > 0

    def test_unknown_characters_are_named(self, model: str, tmp_path: Path) -> None:
        assert_fails(numbanet("generate", model, "--prompt", "Zoë", cwd=tmp_path), 1, "'Z', 'ë'", "knows 29 characters")

    def test_a_model_of_something_else(self, warm: Path, tmp_path: Path) -> None:
        digits = str(warm / "digits-mlp.safetensors")
        assert_fails(numbanet("generate", digits, cwd=tmp_path), 1, "expected a model of text", "train text")
        assert_fails(numbanet("generate", "nothing.safetensors", cwd=tmp_path), 1, "there is no such file")

    @pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")
    def test_it_streams_and_ctrl_c_ends_it(self, model: str, tmp_path: Path) -> None:
        with start("generate", model, "--prompt", "the", "--length", "100000000", cwd=tmp_path) as process:
            assert process.stdout is not None
            first = process.stdout.readline()  # long before the last
            assert first.startswith("the")
            process.send_signal(signal.SIGINT)
            text, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert errors.strip() == "Interrupted."
        assert text.endswith("\n")

    @pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")
    def test_a_reader_that_stops_early(self, model: str, tmp_path: Path) -> None:
        done = shell(f"numbanet generate {model} --length 100000000 | head -n 3", tmp_path)
        assert len(done.stdout.splitlines()) == 3
        assert done.stderr == ""
