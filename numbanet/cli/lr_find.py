"""`numbanet lr-find`: which learning rate suits a model and its data."""

from __future__ import annotations

from typing import Any

import click

from numbanet.cli.mixing_options import mixing_options
from numbanet.cli.options import (
    DATA_SET,
    LOSS,
    MODEL,
    OPTIMIZER,
    augment_option,
    batch_size_option,
    compute_options,
    data_dir_option,
    dropout_option,
    hidden_option,
    json_option,
    limit_option,
    picture_options,
)

RATE = click.FloatRange(min=0, min_open=True)


@click.command(
    "lr-find",
    epilog="""\b
Examples:
  numbanet lr-find mnist
  numbanet lr-find mnist --model cnn --optimizer sgd
  numbanet lr-find digits --model mlp --hidden 512 --out rates.png
  numbanet lr-find digits --no-plot --json | tail -n 1""",
)
@click.argument("data_set", metavar="DATASET", type=DATA_SET)
@click.option("--model", "model_name", type=MODEL, help="Which network. [default: as for train]")
@batch_size_option
@click.option("--optimizer", type=OPTIMIZER, help="[default: the model's]")
@click.option("--loss", type=LOSS, help="[default: cross_entropy, or mse for regression]")
@hidden_option
@dropout_option
@augment_option
@mixing_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="First weights and order.")
@click.option("--low", type=RATE, default=1e-6, show_default=True, help="The first learning rate.")
@click.option("--high", type=RATE, default=10.0, show_default=True, help="The last one.")
@click.option("--steps", type=click.IntRange(min=20), default=200, show_default=True, help="How many rates to try.")
@click.option("--no-plot", is_flag=True, help="Draw no picture, which needs matplotlib.")
@picture_options
@limit_option
@data_dir_option
@json_option
@compute_options
def command(**options: Any) -> None:
    """Try ever higher learning rates on a fresh model, draw the loss, and suggest one.

    The test takes some hundred steps and changes nothing. The suggestion is where the loss falls fastest: a good
    first --lr, and for the schedule one_cycle a good highest rate.
    """
    from numbanet.cli.lr_finding import RangeOptions, find_rate

    find_rate(RangeOptions(**options))
