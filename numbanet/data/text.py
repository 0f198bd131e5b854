"""A text to learn from: a file or the one that comes with Python, as numbers, divided into training and validation.

The validation part is the end of the text. Parts drawn from all over it would stand next to what was trained on,
and a model that knows the sentence before and the one after is not tested on anything new.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from numbanet.data.vocabulary import BYTES, Tokens, Vocabulary
from numbanet.errors import DataError

BUILT_IN = "python-topics"
LEAST_SYMBOLS = 2  # of one there is nothing to predict


@dataclass(frozen=True, eq=False)
class Text:
    """A text as the numbers of its symbols, int64 [n]: `train` first, `validation` after it.

    The vocabulary is the whole text's, so that every symbol of the validation has a number.
    """

    name: str
    vocabulary: Vocabulary
    train: Tokens
    validation: Tokens

    def __len__(self) -> int:
        """Symbols in both parts."""
        return len(self.train) + len(self.validation)


def load_text(path: Path | None, tokens: str = "char", validation: float = 0.1) -> Text:
    """The text in a file, or where there is none Python's own help texts, `pydoc_data.topics`.

    `tokens`: "char" or "byte". `validation`: the share, above 0 and below 1, that is kept from training. Line ends
    of all kinds become one. Raises `DataError` for what is no text, or is too short for two parts.
    """
    where = str(path) if path else BUILT_IN
    content = read_bytes(path) if path else built_in_text().encode()
    if not content:
        raise DataError(f"{where}: expected a text, found an empty file.")
    if tokens == BYTES:
        vocabulary = Vocabulary.of_bytes()
        numbers, distinct = vocabulary.encode(content), len(set(content))
    else:
        text = as_text(content, where)
        vocabulary = Vocabulary.of_characters(text)
        numbers, distinct = vocabulary.encode(text), len(vocabulary)
    if distinct < LEAST_SYMBOLS:
        found = "one character" if len(numbers) == 1 else f"nothing but {vocabulary.decode(numbers[:1])!r}"
        raise DataError(f"{where}: expected a text of at least two different characters, found {found}.")
    cut = min(max(1, round(len(numbers) * (1 - validation))), len(numbers) - 1)
    return Text(path.name.split(".")[0] if path else BUILT_IN, vocabulary, numbers[:cut], numbers[cut:])


def read_bytes(path: Path) -> bytes:
    """What is in a file. Raises `DataError`."""
    if path.is_dir():
        raise DataError(f"{path}: expected a text file, found a folder.")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. Name a text in UTF-8, or leave out --file.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def as_text(content: bytes, where: str) -> str:
    """UTF-8 as text, without a byte-order mark, each line ending in one "\\n"."""
    advice = "Convert it to UTF-8, or train on its bytes as they are: --tokens byte."
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"the byte 0x{content[error.start]:02x} at position {error.start:,}"
        raise DataError(f"{where}: expected text in UTF-8, found {found}. {advice}") from error
    if "\0" in text:
        raise DataError(
            f"{where}: expected text, found binary data: a zero at position {text.index(chr(0)):,}. {advice}"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def built_in_text() -> str:
    """The topics of Python's `help()`, some 460,000 characters, a little different in each version of Python."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise DataError(
            "this Python comes without its help texts (pydoc_data). Name a text: --file BOOK.txt."
        ) from error
    return "\n\n".join(str(topic) for topic in topics.values())
