"""`numbanet summary`: the layers of a model."""

from __future__ import annotations

from typing import Any

import click

from numbanet.cli.options import (
    DATA_SET,
    MODEL,
    data_dir_option,
    debug_option,
    dropout_option,
    hidden_option,
    sequence_option,
)


@click.command(
    epilog="""\b
Examples:
  numbanet summary mnist-mlp.safetensors
  numbanet summary --model mlp --data mnist --hidden 512,512"""
)
@click.argument("file", metavar="[MODEL]", type=click.Path(), required=False)
@click.option("--model", type=MODEL, help="A model by name, instead of a file.")
@click.option("--data", "data_set", type=DATA_SET, default="mnist", show_default=True, help="What --model is for.")
@hidden_option
@dropout_option
@sequence_option
@data_dir_option
@debug_option
def command(
    file: str | None,
    model: str | None,
    data_set: str,
    data_dir: str | None,
    **options: Any,
) -> None:
    """Show a model's layers: output shapes, parameters, multiply-adds, memory.

    MODEL is a file that `numbanet train` saved; or name an untrained model with --model.
    """
    if (file is None) == (model is None):
        raise click.UsageError("name either a MODEL file or a model with --model NAME.")
    from numbanet.cli.layer_table import print_file_summary, print_named_summary

    if file is not None:
        print_file_summary(file)
    elif model is not None:
        print_named_summary(model, data_set, options, data_dir)
