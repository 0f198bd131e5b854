"""`numbanet train series`: from a column of numbers to a forecast of its next ones."""

from __future__ import annotations

from typing import Any

import click

from numbanet.cli.sequence_options import network_options, share, training_options, whole


@click.command(
    epilog="""\b
Examples:
  numbanet train series                             a made-up one
  numbanet train series --file power.csv --target load --horizon 24
  numbanet train series --file power.csv --target load --feature wind
  numbanet train series --file power.csv --target load --feature all
  numbanet train series --plot forecast.png         needs the extra: plot

The file has a line of column names and then a row for each step, the oldest first."""
)
@click.option("--file", type=click.Path(), metavar="DATA.csv", help="The series. [default: a made-up one]")
@click.option("--target", metavar="COLUMN", help="What to forecast. [default: the only column of numbers]")
@click.option(
    "--feature",
    "features",
    metavar="COLUMN",
    multiple=True,
    help="A column that the network sees beside it; several times for several, or all.",
)
@whole("--window", 48, "Rows that the network sees.")
@whole("--horizon", 12, "Rows that it forecasts.")
@share("--test", 0.2, "How much of the end of the series to test on, and not to train on.")
@click.option("--loss", type=click.Choice(["mse", "mae"]), default="mse", show_default=True)
@click.option("--plot", type=click.Path(), metavar="FILE.png", help="Draw the forecast against the truth.")
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@network_options(hidden=64, dropout=0.0)
@training_options(epochs=30, batch_size=32, batch_help="Windows in one step.", lr=4e-3)
def command(**options: Any) -> None:
    """Train a recurrent network to forecast a series, and compare it with its last value.

    The end of the series is the test, and nothing of it is known in training: neither its values nor its mean.
    Errors are in the unit of the data.
    """
    from numbanet.cli.series_training import SeriesOptions, train_series

    train_series(SeriesOptions(**options))
