"""Texts: from a file, divided in the order in which they are written, cut into streams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbanet.data.streams import cut
from numbanet.data.text import BUILT_IN, built_in_text, load_text
from numbanet.errors import DataError


def write(folder: Path, content: bytes | str) -> Path:
    path = folder / "book.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


class TestLoading:
    """What is a text, and what is not."""

    def test_the_end_is_for_validation(self, tmp_path: Path) -> None:
        text = load_text(write(tmp_path, "abcdefghij"), validation=0.3)
        assert text.name == "book"
        assert text.vocabulary.decode(text.train) == "abcdefg"
        assert text.vocabulary.decode(text.validation) == "hij"
        assert len(text) == 10

    @given(length=st.integers(2, 300), share=st.floats(0.001, 0.999))
    def test_nothing_is_lost_and_no_part_is_empty(
        self, tmp_path_factory: pytest.TempPathFactory, length: int, share: float
    ) -> None:
        content = ("ab" * length)[:length]
        text = load_text(write(tmp_path_factory.mktemp("text"), content), validation=share)
        assert len(text.train) > 0
        assert len(text.validation) > 0
        assert text.vocabulary.decode(np.concatenate([text.train, text.validation])) == content
        assert abs(len(text.validation) - share * length) <= 1

    def test_marks_and_line_ends(self, tmp_path: Path) -> None:
        text = load_text(write(tmp_path, b"\xef\xbb\xbfa\r\nb\rc\n"), validation=0.2)
        assert text.vocabulary.symbols == "\nabc"
        assert len(text) == 6

    def test_bytes_stay_what_they_are(self, tmp_path: Path) -> None:
        content = bytes(range(256)) + b"\r\n"
        text = load_text(write(tmp_path, content), "byte")
        assert len(text.vocabulary) == 256
        np.testing.assert_array_equal(np.concatenate([text.train, text.validation]), list(content))

    def test_the_text_that_comes_with_python(self) -> None:
        text = load_text(None)
        assert text.name == BUILT_IN
        assert len(text) == len(built_in_text()) > 100_000
        assert text.vocabulary.decode(text.train[:100]) == built_in_text()[:100]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "found an empty file"),
            (b"x", "found one character"),
            (b"xxxx", "nothing but 'x'"),
            (b"caf\xe9 au lait", "0xe9 at position 3"),
            (b"\x1f\x8b\x08\x00", "expected text in UTF-8"),
            (b"ab\0cd", "a zero at position 2"),
        ],
    )
    def test_what_is_no_text(self, content: bytes, words: str, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=words) as caught:
            load_text(write(tmp_path, content))
        assert "book.txt" in str(caught.value)
        if "UTF-8" in words or "position" in words:
            assert "--tokens byte" in str(caught.value)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such file"):
            load_text(tmp_path / "nothing.txt")
        with pytest.raises(DataError, match="found a folder"):
            load_text(tmp_path)


class TestStreams:
    """Windows in the order in which they are read."""

    def test_the_example(self) -> None:
        streams = cut(np.arange(13), 3, 2, "text")
        np.testing.assert_array_equal(streams.x, [[0, 1, 2], [6, 7, 8], [3, 4, 5], [9, 10, 11]])
        assert (streams.streams, streams.batches, streams.tokens) == (2, 2, 12)

    @given(length=st.integers(2, 500), window=st.integers(1, 40), most=st.integers(1, 40))
    def test_each_stream_is_a_piece_of_the_text(self, length: int, window: int, most: int) -> None:
        tokens = np.arange(length)
        if length <= window:
            with pytest.raises(DataError, match=f"window of {window}, found {length}"):
                cut(tokens, window, most, "the text")
            return
        streams = cut(tokens, window, most, "the text")
        n = streams.streams
        assert 1 <= n <= most
        np.testing.assert_array_equal(streams.y, streams.x + 1)
        assert streams.y.max() < length
        read = [streams.x[stream::n].ravel() for stream in range(n)]  # a stream's windows, one after another
        np.testing.assert_array_equal(np.concatenate(read), np.arange(streams.tokens))
        left_over = (length - 1) // window - len(streams.x)
        assert 0 <= left_over < min(most, streams.batches + 1)
        assert streams.x.flags.c_contiguous
        assert streams.y.flags.c_contiguous
