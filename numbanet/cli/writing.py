"""What `numbanet generate` does."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import click

from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import make_console
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import open_model, vocabulary_of
from numbanet.data.vocabulary import BYTES, Vocabulary
from numbanet.generation import Generator


def write(
    path: str,
    prompt: str | None,
    temperature: float,
    top_k: int | None,
    length: int,
    seed: int,
    as_json: bool,
    threads: int | None,
    device: str,
) -> None:
    """Print the prompt and what follows it, each character as soon as there is one."""
    console = make_console(stderr=True)  # stdout is for the text
    model = open_model(path, set_up(console, threads, device))
    vocabulary = vocabulary_of(model, path)
    begin = vocabulary.encode(prompt or _opening(vocabulary))
    generator = Generator(model)
    with compilation_shown(console):
        generator.feed(int(begin[0]))
    tokens = generator.tokens(begin, length, temperature=temperature, top_k=top_k, seed=seed)
    began = time.perf_counter()
    if as_json:
        text = "".join(_texts(vocabulary, tokens))
        speed = length / (time.perf_counter() - began)
        result = {"model": path, "prompt": prompt or "", "text": text, "seed": seed, "tokens_per_second": speed}
        click.echo(json.dumps(result))
        return
    _stream(prompt or "", _texts(vocabulary, tokens))


def _opening(vocabulary: Vocabulary) -> str:
    """What stands before a text that begins with nothing: a line break where there are any."""
    return "\n" if vocabulary.kind == BYTES or "\n" in vocabulary.symbols else vocabulary.symbols[0]


def _texts(vocabulary: Vocabulary, tokens: Iterator[int]) -> Iterator[str]:
    decode = vocabulary.decoder()
    for token in tokens:
        yield decode(token)


def _stream(prompt: str, texts: Iterator[str]) -> None:
    """Write and flush each piece. A reader that has gone ends it, quietly, in `failures.run`."""
    encoding = sys.stdout.encoding
    out = sys.stdout.buffer

    def show(text: str) -> None:
        out.write(text.encode(encoding, "replace"))
        out.flush()

    show(prompt)
    try:
        for text in texts:
            show(text)
    finally:
        show("\n")
