"""`numbanet generate`: text from a model of text, as it is produced."""

from __future__ import annotations

import click

from numbanet.cli.options import compute_options, json_option


@click.command(
    epilog="""\b
Examples:
  numbanet generate book-lstm.safetensors --prompt "It was"
  numbanet generate book-lstm.safetensors --temperature 0.7 --top-k 20
  numbanet generate book-lstm.safetensors --temperature 0  the likeliest
  numbanet generate book-lstm.safetensors --seed 1         another text

Ctrl-C ends the text."""
)
@click.argument("model", type=click.Path())
@click.option("--prompt", metavar="TEXT", help="What the text begins with. [default: nothing, as after a line break]")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    metavar="T",
    default=1.0,
    show_default=True,
    help="Below 1 more predictable, above 1 more daring; 0: always the likeliest.",
)
@click.option(
    "--top-k", type=click.IntRange(min=1), metavar="K", help="Choose among the K likeliest alone. [default: all]"
)
@click.option(
    "--length",
    type=click.IntRange(min=1),
    metavar="N",
    default=500,
    show_default=True,
    help="Characters to write, or bytes for a model of bytes.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed, the same text.")
@json_option
@compute_options
def command(
    model: str,
    prompt: str | None,
    temperature: float,
    top_k: int | None,
    length: int,
    seed: int,
    as_json: bool,
    threads: int | None,
    device: str,
) -> None:
    """Let a model of text write, beginning with a prompt.

    MODEL is a file that `numbanet train text` saved.
    """
    from numbanet.cli.writing import write

    write(model, prompt, temperature, top_k, length, seed, as_json, threads, device)
