"""`numbanet train`: from a data set's name to a trained, tested and saved model."""

from __future__ import annotations

from typing import Any

import click

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
    sequence_option,
)


@click.command(
    epilog="""\b
Examples:
  numbanet train mnist
  numbanet train mnist --model resnet --epochs 10
  numbanet train fashion-mnist --hidden 512,512 --dropout 0.2 --epochs 20
  numbanet train mnist --model cnn --augment default --epochs 30
  numbanet train mnist --model lstm --hidden 128,128
  numbanet train digits --limit 2000 --epochs 3     no network needed
  numbanet train ./my-data.npz --out my-model.safetensors
  numbanet train mnist --dry-run                    does everything work here?
  numbanet train mnist --json | tail -n 1           the result for a script

Ctrl-C ends training early and saves the model as it is; a second Ctrl-C stops at once."""
)
@click.argument("data_set", metavar="DATASET", type=DATA_SET)
@click.option("--model", type=MODEL, help="Which network. [default: fastnet for images, mlp for other data]")
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Passes over the data. [default: the model's]")
@batch_size_option
@click.option(
    "--lr",
    type=click.FloatRange(min=0, min_open=True),
    metavar="RATE",
    help="Learning rate. [default: the model's]",
)
@click.option("--optimizer", type=OPTIMIZER, help="[default: the model's]")
@click.option("--loss", type=LOSS, default="cross_entropy", show_default=True)
@hidden_option
@dropout_option
@sequence_option
@augment_option
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The same seed, the same model, bit for bit.",
)
@limit_option
@data_dir_option
@click.option(
    "--out",
    type=click.Path(),
    metavar="FILE",
    help="Where to save. [default: DATASET-MODEL.safetensors, here]",
)
@click.option("--dry-run", is_flag=True, help="Train on one batch, test, save to a temporary file and load it back.")
@json_option
@compute_options
def command(**options: Any) -> None:
    """Train a model on a data set, test it and save it.

    DATASET is a name (`numbanet data list`) or a path: a folder of IDX files, an .npz with x_train, y_train,
    x_test and y_test, or a CSV with the label first.
    """
    from numbanet.cli.training import train
    from numbanet.cli.training_plan import TrainOptions

    train(TrainOptions(**options))
