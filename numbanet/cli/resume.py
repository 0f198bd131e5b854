"""`numbanet resume`: go on with a run, exactly."""

from __future__ import annotations

import click

from numbanet.cli.options import data_dir_option, json_option, runs_option, settable_compute_options


@click.command(
    epilog="""\b
Examples:
  numbanet resume runs/mnist-fastnet-001
  numbanet resume mnist-fastnet-001             the same: a name under runs/
  numbanet resume mnist-fastnet-001 --epochs 20

An interrupted and resumed run ends with bitwise the weights of one that was never interrupted, whatever
interrupted it: Ctrl-C, a full disk, kill -9, a power failure."""
)
@click.argument("run", metavar="RUN")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Epochs in all, those done included. A schedule goes on as one of that length. [default: the run's]",
)
@runs_option
@data_dir_option
@json_option
@settable_compute_options
def command(
    run: str,
    epochs: int | None,
    runs: str | None,
    data_dir: str | None,
    as_json: bool,
    threads: int | None,
    device: str | None,
) -> None:
    """Go on with a run that was interrupted, or make one that is finished longer.

    RUN is a run folder, or its name under runs/. The data, the network and all settings are the run's own.
    """
    from numbanet.cli.resuming import resume

    resume(run, epochs, runs, data_dir, as_json, threads, device)
