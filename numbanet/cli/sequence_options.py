"""Options that the tasks on sequences share: the recurrent network, how it is trained, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from numbanet.cli.options import Decorated, compute_options, json_option

CELLS = ("lstm", "gru", "rnn")

Option = Callable[[Decorated], Decorated]


def whole(name: str, default: int, text: str, **more: Any) -> Callable[[Decorated], Decorated]:
    """An option that is a positive whole number."""
    return click.option(
        name, type=click.IntRange(min=1), metavar="N", default=default, show_default=True, help=text, **more
    )


def share(name: str, default: float, text: str) -> Callable[[Decorated], Decorated]:
    """An option that is a share, more than nothing and less than all."""
    return click.option(
        name,
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        metavar="SHARE",
        default=default,
        show_default=True,
        help=text,
    )


def network_options(hidden: int, dropout: float) -> Callable[[Decorated], Decorated]:
    """--model, --hidden, --layers and --dropout."""

    def decorate(function: Decorated) -> Decorated:
        for option in (
            click.option(
                "--dropout",
                type=click.FloatRange(0, 1, max_open=True),
                metavar="RATE",
                default=dropout,
                show_default=True,
                help="Share of the cells switched off while training.",
            ),
            whole("--layers", 1, "Recurrent layers, one upon the other."),
            whole("--hidden", hidden, "Cells in each recurrent layer."),
            click.option(
                "--model",
                "cell",
                type=click.Choice(CELLS),
                default="lstm",
                show_default=True,
                help="Which recurrent layer.",
            ),
        ):
            function = option(function)
        return function

    return decorate


def training_options(epochs: int, batch_size: int, batch_help: str, lr: float) -> Callable[[Decorated], Decorated]:
    """--epochs to --debug: how the network is trained, where it goes, what is printed and where it is computed."""

    def decorate(function: Decorated) -> Decorated:
        for option in (
            compute_options,
            json_option,
            click.option(
                "--dry-run",
                is_flag=True,
                help="Train on one batch, test, save to a temporary file and load it back.",
            ),
            click.option(
                "--out",
                type=click.Path(),
                metavar="FILE",
                help="Where to save. [default: named after data and model, here]",
            ),
            click.option("--overwrite", is_flag=True, help="Replace a model that is there already."),
            click.option(
                "--seed",
                type=click.IntRange(min=0),
                default=0,
                show_default=True,
                help="The same seed, the same model, bit for bit.",
            ),
            click.option(
                "--clip",
                type=click.FloatRange(min=0),
                metavar="NORM",
                default=1.0,
                show_default=True,
                help="Longest gradient: longer ones are scaled down to it; 0 for no bound.",
            ),
            click.option(
                "--lr",
                type=click.FloatRange(min=0, min_open=True),
                metavar="RATE",
                default=lr,
                show_default=True,
                help="Learning rate of Adam: up in the first steps, then down a cosine.",
            ),
            whole("--batch-size", batch_size, batch_help),
            whole("--epochs", epochs, "Passes over the data."),
        ):
            function = option(function)
        return function

    return decorate
