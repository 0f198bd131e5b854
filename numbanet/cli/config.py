"""`numbanet config`: configuration files, to begin with and to look at."""

from __future__ import annotations

import click

from numbanet.cli.options import DATA_SET, MODEL, debug_option


@click.group(
    epilog="""\b
Examples:
  numbanet config init
  numbanet config show numbanet.toml
  numbanet config show mnist-fastnet-001"""
)
@debug_option
def command() -> None:
    """Write a configuration file, or show what one comes to.

    What is set later counts more: the model's recipe, the file, --set section.key=value, flags.
    """


@command.command(
    epilog="""\b
Examples:
  numbanet config init
  numbanet config init cnn.toml --data fashion-mnist --model cnn"""
)
@click.argument("file", type=click.Path(), default="numbanet.toml")
@click.option("--data", "data_set", type=DATA_SET, default="mnist", show_default=True, help="What it is for.")
@click.option("--model", type=MODEL, default="fastnet", show_default=True, help="Whose recipe it begins with.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there already.")
@debug_option
def init(file: str, data_set: str, model: str, overwrite: bool) -> None:
    """Write a file with a model's recipe and all that can be set. [default: numbanet.toml]"""
    from numbanet.cli.config_files import write_starter

    write_starter(file, data_set, model, overwrite)


@command.command(
    epilog="""\b
Examples:
  numbanet config show numbanet.toml
  numbanet config show numbanet.toml --set train.epochs=3
  numbanet config show mnist-fastnet-001"""
)
@click.argument("file", metavar="FILE|RUN")
@click.option(
    "--set", "assignments", multiple=True, metavar="SECTION.KEY=VALUE", help="One more setting. May be repeated."
)
@debug_option
def show(file: str, assignments: tuple[str, ...]) -> None:
    """Show all settings that a file comes to, and where each comes from."""
    from numbanet.cli.config_files import show_configuration

    show_configuration(file, assignments)
