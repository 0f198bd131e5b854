"""Texts as numbers and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbanet.data.vocabulary import Vocabulary
from numbanet.errors import DataError, ModelFileError

texts = st.text(st.characters(codec="utf-8"), min_size=1)


@given(texts)
def test_characters_there_and_back(text: str) -> None:
    vocabulary = Vocabulary.of_characters(text)
    tokens = vocabulary.encode(text)
    assert tokens.dtype == np.int64
    assert len(tokens) == len(text)
    assert len(vocabulary) == len(set(text))
    assert vocabulary.decode(tokens) == text


@given(texts)
def test_bytes_there_and_back_one_at_a_time(text: str) -> None:
    vocabulary = Vocabulary.of_bytes()
    tokens = vocabulary.encode(text)
    assert len(vocabulary) == 256
    assert bytes(tokens.astype(np.uint8)) == text.encode()
    assert vocabulary.decode(tokens) == text


@given(texts)
def test_what_a_file_keeps(text: str) -> None:
    for vocabulary in (Vocabulary.of_characters(text), Vocabulary.of_bytes()):
        kept = json.loads(json.dumps(vocabulary.describe()))
        again = Vocabulary.from_description(kept, "m.safetensors")
        assert (again.kind, again.symbols) == (vocabulary.kind, vocabulary.symbols)


def test_the_symbols_are_in_order() -> None:
    assert Vocabulary.of_characters("hello").symbols == "ehlo"
    np.testing.assert_array_equal(Vocabulary.of_characters("hello").encode("hole"), [1, 3, 2, 0])


def test_unknown_characters_are_named() -> None:
    vocabulary = Vocabulary.of_characters("abc\n")
    for text, named in (("abz", "'z'"), ("ab😀", "'😀'"), ("d\te", "'\\t', 'd', 'e'"), ("\udcff", "'\\udcff'")):
        with pytest.raises(DataError, match="knows 4 characters") as caught:
            vocabulary.encode(text)
        assert f"not {named}:" in str(caught.value)
        assert "'\\nabc'" in str(caught.value)
    with pytest.raises(DataError, match=r"and 3 more"):
        vocabulary.encode("defghijklmnop")


def test_half_a_character_waits_for_the_rest() -> None:
    decode = Vocabulary.of_bytes().decoder()
    assert [decode(byte) for byte in "é".encode()] == ["", "é"]
    assert decode(0xFF) == "\ufffd"


def test_a_byte_of_the_command_line_that_is_no_text() -> None:
    np.testing.assert_array_equal(Vocabulary.of_bytes().encode("a\udcff"), [97, 255])


@pytest.mark.parametrize(
    "damaged", [None, 3, {}, {"tokens": "char", "symbols": "aa"}, {"tokens": "word", "symbols": "ab"}]
)
def test_a_damaged_description(damaged: object) -> None:
    with pytest.raises(ModelFileError, match=r"m.safetensors: its vocabulary is damaged"):
        Vocabulary.from_description(damaged, "m.safetensors")
