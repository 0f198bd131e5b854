"""`numbanet predict`: what a model sees in images."""

from __future__ import annotations

import click

from numbanet.cli.options import (
    DATA_SET,
    compute_options,
    data_dir_option,
    json_option,
    picture_options,
)


@click.command(
    epilog="""\b
Examples:
  numbanet predict mnist-mlp-001 0 1 2        images of the test set
  numbanet predict mnist-mlp-001 0-9 --data kmnist
  numbanet predict mnist-mlp-001 photo.png    needs the extra: plot
  numbanet predict mnist-mlp-001 digits.npy --json
  numbanet predict mnist-mlp-001 7 --explain  and why, as a PNG file

An image file is turned gray, resized to the model's input, and inverted where its background is light."""
)
@click.argument("model", type=click.Path())
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option("--data", "data_set", type=DATA_SET, help="Whose test examples indices mean. [default: the model's]")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="How many classes to show.")
@click.option(
    "--explain",
    is_flag=True,
    help="Draw image, probabilities, first features and the pixels that decide, as a PNG file.",
)
@picture_options
@data_dir_option
@json_option
@compute_options
def command(
    model: str,
    inputs: tuple[str, ...],
    data_set: str | None,
    top: int,
    explain: bool,
    out: str | None,
    overwrite: bool,
    data_dir: str | None,
    as_json: bool,
    threads: int | None,
    device: str,
) -> None:
    """Show images as text, with the probability of each class.

    MODEL is a run or a model file. INPUT is an image file, an .npy array (one example or
    several), or an index or a range of indices (0, 5-9) of test examples.
    """
    if (out is not None or overwrite) and not explain:
        raise click.UsageError("--out and --overwrite are about the picture that --explain draws: add --explain.")
    from numbanet.cli.prediction import predict

    predict(model, inputs, data_set, top, data_dir, explain, out, overwrite, as_json, threads, device)
