"""`numbanet data`: see, fetch and check data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from numbanet.cli import names
from numbanet.cli.options import DATA_SET, Name, augment_option, data_dir_option, debug_option

if TYPE_CHECKING:
    from numbanet.data.augment import Augment

PUBLISHED = Name("data set", names.published_data_sets)


@click.group(
    epilog="""\b
Examples:
  numbanet data list
  numbanet data fetch fashion-mnist
  numbanet data show mnist --count 20"""
)
@debug_option
def command() -> None:
    """List, fetch, verify and show data sets."""


@command.command(
    "list",
    epilog="""\b
Examples:
  numbanet data list
  numbanet data list --data-dir ~/datasets""",
)
@data_dir_option
@debug_option
def list_command(data_dir: str | None) -> None:
    """List the known data sets and which of them are here."""
    from numbanet.cli.data_views import list_data_sets

    list_data_sets(data_dir)


@command.command(
    epilog="""\b
Examples:
  numbanet data fetch mnist
  numbanet data fetch mnist kmnist --data-dir ~/datasets"""
)
@click.argument("data_sets", metavar="DATASET...", nargs=-1, required=True, type=PUBLISHED)
@click.option("--force", is_flag=True, help="Fetch again what is already here.")
@data_dir_option
@debug_option
def fetch(data_sets: tuple[str, ...], force: bool, data_dir: str | None) -> None:
    """Download data sets into the cache and check them."""
    from numbanet.cli.data_views import fetch_data_sets

    fetch_data_sets(data_sets, data_dir, force)


@command.command(
    epilog="""\b
Examples:
  numbanet data verify
  numbanet data verify mnist"""
)
@click.argument("data_sets", metavar="[DATASET]...", nargs=-1, type=PUBLISHED)
@data_dir_option
@debug_option
def verify(data_sets: tuple[str, ...], data_dir: str | None) -> None:
    """Compare every byte of cached data sets with their checksums.

    Without a name: all that are here. The exit code is 1 where a file is missing or damaged.
    """
    from numbanet.cli.data_views import verify_data_sets

    if not verify_data_sets(data_sets, data_dir):
        click.get_current_context().exit(1)


@command.command(
    epilog="""\b
Examples:
  numbanet data show digits
  numbanet data show fashion-mnist --split test --count 40
  numbanet data show mnist --augment default        as training would see them
  numbanet data show ./my-images.npz"""
)
@click.argument("data_set", metavar="DATASET", type=DATA_SET)
@click.option("--count", type=click.IntRange(min=1), default=15, show_default=True, help="How many examples.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="The first one's index.")
@click.option("--split", type=click.Choice(["train", "test"]), default="train", show_default=True)
@augment_option
@data_dir_option
@debug_option
def show(data_set: str, count: int, start: int, split: str, augment: Augment | None, data_dir: str | None) -> None:
    """Show what a data set holds: sizes, classes, and a sheet of examples."""
    from numbanet.cli.data_views import show_data_set

    show_data_set(data_set, data_dir, split, start, count, augment)
