"""`numbanet gradcheck`: whether a model's gradients are right."""

from __future__ import annotations

import click

from numbanet.cli.options import (
    DATA_SET,
    LOSS,
    MODEL,
    compute_options,
    data_dir_option,
    dropout_option,
    hidden_option,
    json_option,
)


@click.command(
    epilog="""\b
Examples:
  numbanet gradcheck --model cnn
  numbanet gradcheck --model resnet --data mnist --samples 100
  numbanet gradcheck digits-mlp.safetensors
  numbanet gradcheck --model mlp --hidden 32 --json | tail -n 1"""
)
@click.argument("file", metavar="[MODEL]", type=click.Path(), required=False)
@click.option("--model", "model_name", type=MODEL, help="An untrained model by name, instead of a file.")
@click.option("--data", "data_set", type=DATA_SET, help="Whose examples. [default: the model's, or digits]")
@click.option("--loss", type=LOSS, help="[default: the model's, or the one that suits the data]")
@click.option("--samples", type=click.IntRange(min=1), default=20, show_default=True, help="Elements of each tensor.")
@click.option("--batch-size", type=click.IntRange(min=1), default=4, show_default=True, help="Examples in the batch.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Weights, and which elements.")
@hidden_option
@dropout_option
@data_dir_option
@json_option
@compute_options
def command(
    file: str | None,
    model_name: str | None,
    data_set: str | None,
    loss: str | None,
    samples: int,
    batch_size: int,
    seed: int,
    hidden: tuple[int, ...] | None,
    dropout: float | None,
    data_dir: str | None,
    as_json: bool,
    threads: int | None,
    device: str,
) -> None:
    """Compare a model's gradients with finite differences, in float64.

    MODEL is a file that `numbanet train` saved; or name an untrained model with --model. For each parameter, and for
    the input, some elements are moved a little up and down, and the loss is computed anew. The exit code is 1 where a
    gradient is wrong.
    """
    if (file is None) == (model_name is None):
        raise click.UsageError("name either a MODEL file or a model with --model NAME.")
    if file is not None and (hidden is not None or dropout is not None):
        raise click.UsageError("--hidden and --dropout are for --model NAME: a file has its own layers.")
    from numbanet.cli.gradient_table import check_gradients

    given = {name: value for name, value in (("hidden", hidden), ("dropout", dropout)) if value is not None}
    named = file if file is not None else str(model_name)
    right = check_gradients(
        named, file is not None, given, data_set, loss, samples, batch_size, seed, data_dir, as_json, threads, device
    )
    if not right:
        click.get_current_context().exit(1)
