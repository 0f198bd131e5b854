"""`numbanet evaluate`: how well a model does on a data set."""

from __future__ import annotations

from typing import Any

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
from numbanet.cli.own_data_options import reading_options


@click.command(
    epilog="""\b
Examples:
  numbanet evaluate mnist-mlp-001
  numbanet evaluate mnist-mlp-001 --data digits
  numbanet evaluate mnist-mlp-001 --split train --json"""
)
@click.argument("model", type=click.Path())
@click.option("--data", "data_set", type=DATA_SET, help="The data set. [default: the one it was trained on]")
@reading_options
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
    **reading: Any,
) -> None:
    """Measure a saved model on a data set.

    Accuracy and loss on the whole, precision, recall and F1 of each class, and which class is taken for which; for
    numbers the mean errors and R2. How data of your own are read, the model remembers from its training.

    MODEL is a run, by its folder or its name under runs/, or a model file.
    """
    from numbanet.cli.evaluation import evaluate

    given = {name: value for name, value in reading.items() if value is not None}
    evaluate(model, data_set, split, batch_size, limit, data_dir, as_json, threads, device, given)
