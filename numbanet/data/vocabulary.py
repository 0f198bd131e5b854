"""Texts as numbers and back: a vocabulary of characters, or of bytes.

    vocabulary = Vocabulary.of_characters("hello")     # 4 symbols: e h l o
    vocabulary.encode("hole")                          # [1, 3, 2, 0]
    vocabulary.decoder()(3)                            # "o"

A vocabulary is stored with its model (`describe`, `from_description`): without it the model's numbers mean nothing.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import DataError, ModelFileError

CHARACTERS, BYTES = "char", "byte"
KINDS = (CHARACTERS, BYTES)
MOST_NAMED = 10  # characters that an error lists; more would hide its advice

Tokens = NDArray[np.int64]


class Vocabulary:
    """The symbols that a model knows, numbered from 0: `symbols` in order, or for bytes all 256 of them.

    `kind`: "char" or "byte". `symbols`: one string of all characters, each once; "" for bytes.
    """

    def __init__(self, kind: str, symbols: str = "") -> None:
        self.kind, self.symbols = kind, symbols
        points = _code_points(symbols)
        # A table by code point, -1 where there is no symbol: encoding a text is then one look-up for all of it.
        self._numbers = np.full(int(points.max(initial=0)) + 2, -1, np.int64)
        self._numbers[points] = np.arange(len(points))

    @classmethod
    def of_characters(cls, text: str) -> Vocabulary:
        """The characters of `text`, in the order of their code points."""
        return cls(CHARACTERS, _text(np.unique(_code_points(text))))

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """All bytes."""
        return cls(BYTES)

    def __len__(self) -> int:
        """How many symbols there are: the width of a model's outputs."""
        return 256 if self.kind == BYTES else len(self.symbols)

    def encode(self, text: str | bytes) -> Tokens:
        """The numbers of a text's symbols, int64 [n]. Raises `DataError` naming the characters that have none."""
        if self.kind == BYTES:
            # A byte of a command line that was no text arrives as a surrogate, and goes back to that byte.
            content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            return np.frombuffer(content, np.uint8).astype(np.int64)
        assert isinstance(text, str), "a text of characters"
        points = _code_points(text)
        tokens = self._numbers[np.minimum(points, len(self._numbers) - 1)]
        if len(points) and tokens.min() < 0:
            raise DataError(self._unknown(points[tokens < 0]))
        return tokens

    def _unknown(self, points: NDArray[np.uint32]) -> str:
        found = [repr(chr(point)) for point in np.unique(points)]
        named = ", ".join(found[:MOST_NAMED]) + (f" and {len(found) - MOST_NAMED} more" if found[MOST_NAMED:] else "")
        return f"the model knows {len(self)} characters, and not {named}: its text had none. It knows {self.symbols!r}."

    def decoder(self) -> Callable[[int], str]:
        """A function from one number after another to text; bytes become text when a character is whole."""
        if self.kind == CHARACTERS:
            return self.symbols.__getitem__
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return lambda token: decode(bytes((token,)))

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of some numbers."""
        decoder = self.decoder()
        return "".join(decoder(int(token)) for token in tokens)

    def describe(self) -> dict[str, Any]:
        """What a model file keeps: made of what JSON can hold."""
        return {"tokens": self.kind, "symbols": self.symbols}

    @classmethod
    def from_description(cls, description: Any, where: str) -> Vocabulary:
        """From `describe`'s result, read from the file `where`. Raises `ModelFileError`."""
        noted = description if isinstance(description, dict) else {}
        kind, symbols = noted.get("tokens"), noted.get("symbols")
        if kind == BYTES:
            return cls.of_bytes()
        if kind != CHARACTERS or not isinstance(symbols, str) or not symbols or len(set(symbols)) < len(symbols):
            raise ModelFileError(
                f"{where}: its vocabulary is damaged: expected each character once, found {symbols!r}."
            )
        return cls(kind, symbols)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _text(points: NDArray[np.uint32]) -> str:
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
