"""`numbanet train text`: from a text to a model that writes more of it."""

from __future__ import annotations

from typing import Any

import click

from numbanet.cli.sequence_options import network_options, share, training_options, whole


@click.command(
    epilog="""\b
Examples:
  numbanet train text                               Python's own help texts
  numbanet train text --file book.txt --epochs 20
  numbanet train text --file book.txt --model gru --hidden 512 --layers 2
  numbanet train text --file log.bin --tokens byte
  numbanet train text --dry-run                     does everything work here?
  numbanet generate book-lstm.safetensors --prompt "It was"

Ctrl-C ends training early and saves the model as it is; a second Ctrl-C stops at once."""
)
@click.option(
    "--file", type=click.Path(), metavar="TEXT", help="What to learn from, in UTF-8. [default: Python's help texts]"
)
@click.option(
    "--tokens",
    type=click.Choice(["char", "byte"]),
    default="char",
    show_default=True,
    help="What the model reads and writes one of at a time; bytes for files that are no text.",
)
@share("--validation", 0.1, "How much of the end of the text to measure on, and not to train on.")
@network_options(hidden=256, dropout=0.1)
@whole("--embedding", 64, "Numbers by which each token is represented.")
@whole("--window", 64, "Tokens through which gradients reach back; the state reaches further.")
@training_options(
    epochs=10,
    batch_size=32,
    batch_help="Streams that the text is cut into and that are read side by side; fewer for a short text.",
    lr=6e-3,
)
def command(**options: Any) -> None:
    """Train a recurrent network to predict the next character of a text.

    The text is read in parallel streams from beginning to end; the network keeps its state from window to window.
    Loss is in nats for each character, and the same in bits.
    """
    from numbanet.cli.text_training import TextOptions, train_text

    train_text(TextOptions(**options))
