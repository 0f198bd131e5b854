"""`numbanet train`: from a data set's name to a trained, tested and saved model."""

from __future__ import annotations

from typing import Any

import click

from numbanet.cli.options import (
    LOSS,
    MODEL,
    OPTIMIZER,
    augment_option,
    batch_size_option,
    data_dir_option,
    dropout_option,
    hidden_option,
    json_option,
    limit_option,
    runs_option,
    sequence_option,
    settable_compute_options,
)
from numbanet.cli.own_data_options import own_data_options
from numbanet.cli.tasks import DATA_SET_OR_TASK, Train
from numbanet.cli.tuning_options import tuning_options
from numbanet.cli.watching_options import watching_options


@click.command(
    cls=Train,
    epilog="""\b
Examples:
  numbanet train mnist
  numbanet train mnist --model resnet --epochs 10
  numbanet train fashion-mnist --hidden 512,512 --dropout 0.2 --epochs 20
  numbanet train mnist --model cnn --augment default --mixup 0.2 --epochs 30
  numbanet train mnist --model lstm --hidden 128,128
  numbanet train mnist --schedule one_cycle --early-stopping 3 --max-time 5m
  numbanet train digits --limit 2000 --epochs 3     no network needed
  numbanet train ./my-data.npz --out my-model.safetensors    the model alone
  numbanet train houses.csv --task regression --target price
  numbanet train --config my.toml --set optimizer.lr=0.01
  numbanet train mnist --dry-run                    does everything work here?
  numbanet train mnist --json | tail -n 1           the result for a script
  numbanet train text --file book.txt               a model that writes
  numbanet train series --file data.csv             a forecast

Everything goes into a run folder, runs/mnist-fastnet-001, or with --out FILE the model alone into that file.
Ctrl-C saves a checkpoint, from which `numbanet resume` goes on exactly; a second Ctrl-C stops at once.""",
)
@click.argument("data_set", metavar="[DATASET]", type=DATA_SET_OR_TASK, required=False)
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
@click.option("--loss", type=LOSS, help="[default: cross_entropy, or mse for regression]")
@hidden_option
@dropout_option
@sequence_option
@augment_option
@tuning_options
@watching_options
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="The same seed, the same model, bit for bit. [default: 0]",
)
@own_data_options
@limit_option
@data_dir_option
@click.option("--config", type=click.Path(), metavar="FILE.toml", help="Settings: `numbanet config init` writes some.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="One more setting, before those of the file: optimizer.lr=0.01. May be repeated.",
)
@click.option("--print-config", is_flag=True, help="Print the resolved configuration as TOML, and do nothing else.")
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(min=0),
    metavar="S",
    help="How often to save within an epoch; after each epoch in any case. [default: 30]",
)
@runs_option
@click.option("--name", default="", metavar="NAME", help="The run's folder. [default: DATASET-MODEL-number]")
@click.option(
    "--out",
    type=click.Path(),
    metavar="FILE",
    help="Save the model alone, in this .safetensors file: no run folder, and no way to resume.",
)
@click.option("--overwrite", is_flag=True, help="Replace a run of that --name, or a model that is in --out already.")
@click.option("--dry-run", is_flag=True, help="Train on one batch, test, save to a temporary file and load it back.")
@json_option
@settable_compute_options
def command(**options: Any) -> None:
    """Train a model on a data set, test it and save it.

    DATASET is a name (`numbanet data list`) or a path: a folder of IDX files, one with a folder of images for each
    class, an .npz with x_train, y_train, x_test and y_test (or x and y), or a CSV with the label first.
    """
    from numbanet.cli.training import train
    from numbanet.cli.training_options import TrainOptions

    if options["out"] and (options["name"] or options["runs"] or options["checkpoint_seconds"] is not None):
        raise click.UsageError("--out saves the model alone: leave out --name, --runs and --checkpoint-seconds.")
    if options["overwrite"] and not options["out"] and not options["name"]:
        raise click.UsageError("--overwrite is for --name NAME or --out FILE: numbered runs replace nothing.")
    train(TrainOptions.of(options))
