"""`numbanet runs`: what was trained, beside each other."""

from __future__ import annotations

import click

from numbanet.cli.options import debug_option, json_option, runs_option


@click.group(
    epilog="""\b
Examples:
  numbanet runs list
  numbanet runs show mnist-fastnet-001
  numbanet runs compare mnist-fastnet-001 mnist-mlp-001
  numbanet runs plot mnist-fastnet-001 mnist-mlp-001
  numbanet runs rm mnist-mlp-001"""
)
@debug_option
def command() -> None:
    """List, show, compare, draw and remove runs.

    A RUN is a run folder, or its name under runs/.
    """


@command.command(
    "list",
    epilog="""\b
Examples:
  numbanet runs list
  numbanet runs list --runs ~/experiments --json""",
)
@runs_option
@json_option
@debug_option
def list_command(runs: str | None, as_json: bool) -> None:
    """List all runs: how they stand, and the best they came to."""
    from numbanet.cli.run_views import list_runs

    list_runs(runs, as_json)


@command.command(
    epilog="""\b
Examples:
  numbanet runs show mnist-fastnet-001"""
)
@click.argument("run")
@runs_option
@json_option
@debug_option
def show(run: str, runs: str | None, as_json: bool) -> None:
    """Show one run: its settings, and what it measured."""
    from numbanet.cli.run_views import show_run

    show_run(run, runs, as_json)


@command.command(
    epilog="""\b
Examples:
  numbanet runs compare mnist-fastnet-001 mnist-fastnet-002"""
)
@click.argument("names", metavar="RUN RUN...", nargs=-1, required=True)
@runs_option
@json_option
@debug_option
def compare(names: tuple[str, ...], runs: str | None, as_json: bool) -> None:
    """Compare runs: the settings in which they differ, and the results."""
    from numbanet.cli.run_views import compare_runs

    compare_runs(names, runs, as_json)


@command.command(
    epilog="""\b
Examples:
  numbanet runs plot mnist-fastnet-001
  numbanet runs plot mnist-fastnet-001 mnist-mlp-001 --out both.png

Needs matplotlib: pip install "numbanet[plot]"."""
)
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(), metavar="FILE.png", help="Where to save the picture. [default: curves.png, here]"
)
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@runs_option
@json_option
@debug_option
def plot(names: tuple[str, ...], out: str | None, overwrite: bool, runs: str | None, as_json: bool) -> None:
    """Draw the learning curves of runs in one picture."""
    from numbanet.cli.run_views import plot_runs

    plot_runs(names, out, overwrite, runs, as_json)


@command.command(
    "rm",
    epilog="""\b
Examples:
  numbanet runs rm mnist-mlp-001
  numbanet runs rm mnist-mlp-001 mnist-mlp-002 --yes""",
)
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@runs_option
@debug_option
def remove(names: tuple[str, ...], yes: bool, runs: str | None) -> None:
    """Remove runs, with all that they saved. Asks before."""
    from numbanet.cli.run_views import remove_runs

    remove_runs(names, yes, runs)
