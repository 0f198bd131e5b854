"""Options that watch a training, and end it: early stopping, time limits, logs."""

from __future__ import annotations

import re
from typing import Any

import click

from numbanet.cli.options import Decorated

# The settings that these options are.
WATCHING = {
    "early_stopping": ("early_stopping", "patience"),
    "monitor": ("early_stopping", "monitor"),
    "min_delta": ("early_stopping", "min_delta"),
    "plateau": ("plateau", "patience"),
    "average": ("average", "decay"),
    "nan_guard": ("watch", "nan_guard"),
    "max_time": ("watch", "max_time"),
    "log": ("watch", "log"),
    "statistics": ("watch", "statistics"),
    "tensorboard": ("watch", "tensorboard"),
}
TIME = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s?)?")


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A time: `90`, `90s`, `5m`, `1h30m`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        match = TIME.fullmatch(value.strip().lower())
        parts = {} if match is None else {unit: float(text) for unit, text in match.groupdict().items() if text}
        seconds = sum(parts[unit] * length for unit, length in (("h", 3600), ("m", 60), ("s", 1)) if unit in parts)
        if seconds <= 0:
            self.fail(f"expected a time such as 90s, 5m or 1h30m, found {value!r}.", param, ctx)
        return seconds


def watching_options(function: Decorated) -> Decorated:
    """All of them, in the order of the help page."""
    options = (
        click.option(
            "--early-stopping",
            type=click.IntRange(min=1),
            metavar="N",
            help="Stop when --monitor has not become better for N epochs, and keep the best weights.",
        ),
        click.option("--monitor", metavar="NAME", help="What early stopping watches. [default: val_loss]"),
        click.option(
            "--min-delta", type=click.FloatRange(min=0), metavar="X", help="What counts as better. [default: 0]"
        ),
        click.option(
            "--plateau",
            type=click.IntRange(min=1),
            metavar="N",
            help="Halve the learning rate when val_loss has not become better for N epochs.",
        ),
        click.option(
            "--average",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            is_flag=False,
            flag_value=0.999,
            metavar="DECAY",
            help="Average the weights over the steps, and test and keep the average. [DECAY: 0.999]",
        ),
        click.option("--max-time", type=Duration(), metavar="TIME", help="Pause this session after 90s, 5m, 1h30m."),
        click.option("--nan-guard", is_flag=True, default=None, help="Stop before the first step that is not finite."),
        click.option("--log", type=click.Path(), metavar="FILE", help="A row an epoch as .csv, or as .jsonl."),
        click.option("--statistics", is_flag=True, default=None, help="Sizes of weights and gradients, as CSV."),
        click.option("--tensorboard", is_flag=True, default=None, help="Curves and histograms for TensorBoard."),
    )
    for option in reversed(options):
        function = option(function)
    return function
