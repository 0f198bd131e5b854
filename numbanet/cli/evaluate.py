"""`numbanet evaluate`: how well a model does on a data set."""

from __future__ import annotations

import click

from numbanet.cli.options import (
    DATA_SET,
    batch_size_option,
    compute_options,
    data_dir_option,
    json_option,
    limit_option,
    split_option,
)


@click.command(
    epilog="""\b
Examples:
  numbanet evaluate mnist-mlp-001
  numbanet evaluate mnist-mlp-001 --data digits
  numbanet evaluate mnist-mlp-001 --split train --json"""
)
@click.argument("model", type=click.Path())
@click.option("--data", "data_set", type=DATA_SET, help="The data set. [default: the one it was trained on]")
@split_option
@batch_size_option
@limit_option
@data_dir_option
@json_option
@compute_options
def command(
    model: str,
    data_set: str | None,
    split: str,
    batch_size: int | None,
    limit: int | None,
    data_dir: str | None,
    as_json: bool,
    threads: int | None,
    device: str,
) -> None:
    """Measure a saved model's accuracy and loss, for each class and on the whole.

    MODEL is a run, by its folder or its name under runs/, or a model file.
    """
    from numbanet.cli.evaluation import evaluate

    evaluate(model, data_set, split, batch_size, limit, data_dir, as_json, threads, device)
