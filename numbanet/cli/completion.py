"""`numbanet completion`: the script that teaches a shell to complete numbanet's commands and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from numbanet.cli.options import debug_option

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="""\b
Examples:
  eval "$(numbanet completion bash)"      in ~/.bashrc
  eval "$(numbanet completion zsh)"       in ~/.zshrc
  numbanet completion fish > ~/.config/fish/completions/numbanet.fish"""
)
@click.argument("shell", type=click.Choice(SHELLS))
@debug_option
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    Commands, options, and the names of data sets, models, optimizers and losses complete with Tab.
    """
    maker = get_completion_class(shell)
    assert maker is not None, shell
    program = ctx.find_root()
    click.echo(maker(program.command, {}, "numbanet", "_NUMBANET_COMPLETE").source())
