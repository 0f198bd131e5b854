"""The command line: one file per command, imported when that command is asked for.

Importing this package, and printing any help page, imports click and nothing heavier: modules of this package
import NumPy, Numba and rich inside the functions that need them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from numbanet.cli.options import debug_option
from numbanet.errors import unknown_name

COMMANDS = ("train", "evaluate", "predict", "show", "summary", "data", "kernels", "bench", "doctor", "completion")


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own, each holding one called `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; a name that is none ends with the nearest one that is."""
        if cmd_name in COMMANDS:
            loaded: click.Command = import_module(f"numbanet.cli.{cmd_name}").command
            return loaded
        if not cmd_name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(unknown_name("command", cmd_name, COMMANDS))
        return None


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from numbanet import __version__

        click.echo(f"numbanet {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  numbanet train mnist                        a small network, in seconds
  numbanet predict mnist-mlp.safetensors 0    what it sees in a test image
  numbanet train digits                       needs no network
  numbanet COMMAND --help                     options and examples

Start with `numbanet doctor` if anything looks wrong or slow.""",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
@debug_option
def cli() -> None:
    """Train small neural networks, fast, on kernels that one can read."""


def main() -> NoReturn:
    """Run the command line and exit: 0 for success, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    from numbanet.cli.failures import run

    sys.exit(run(cli, sys.argv[1:]))
