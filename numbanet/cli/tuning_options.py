"""Options that say how a network is trained: the schedule, what regularizes it, and what steadies it."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from numbanet.cli import names
from numbanet.cli.mixing_options import mixing_options
from numbanet.cli.options import Decorated

# The settings that these options are.
TUNING = {
    "l1": ("optimizer", "l1"),
    "l2": ("optimizer", "l2"),
    "weight_decay": ("optimizer", "weight_decay"),
    "clip_norm": ("optimizer", "clip_norm"),
    "clip_value": ("optimizer", "clip_value"),
    "accumulate": ("optimizer", "accumulate"),
    "label_smoothing": ("loss", "label_smoothing"),
    "mixup": ("mix", "mixup"),
    "cutmix": ("mix", "cutmix"),
    "metrics": ("train", "metrics"),
}
NOT_NEGATIVE, POSITIVE = click.FloatRange(min=0), click.FloatRange(min=0, min_open=True)


class ScheduleText(click.ParamType):  # type: ignore[type-arg]
    """A schedule by name, with what differs from its defaults: `step,every=2 epochs,factor=0.5`."""

    name = "schedule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A section of a configuration: the name, and all arguments."""
        from numbanet.errors import ModelError
        from numbanet.schedules import parse

        try:
            return {"name": value.split(",")[0].strip(), **parse(value).config()} if isinstance(value, str) else value
        except ModelError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names."""
        return [CompletionItem(name) for name in names.schedules() if name.startswith(incomplete)]


def tuning_options(function: Decorated) -> Decorated:
    """All of them, in the order of the help page."""
    options = (
        click.option(
            "--schedule",
            type=ScheduleText(),
            metavar="WHAT",
            help="How the learning rate changes: cosine, one_cycle, step,every=2 epochs,factor=0.5 and others, with "
            "warmup=0.05 (a part of the run) or warmup=1 epoch. [default: the model's]",
        ),
        click.option("--l1", type=NOT_NEGATIVE, metavar="X", help="Add X sign(w) to the gradient of each weight."),
        click.option("--l2", type=NOT_NEGATIVE, metavar="X", help="Add X w to the gradient of each weight w."),
        click.option("--weight-decay", type=NOT_NEGATIVE, metavar="X", help="Shrink weights by X times the rate."),
        click.option("--label-smoothing", type=click.FloatRange(0, 1), metavar="X", help="Share of other classes."),
        mixing_options,
        click.option("--clip-norm", type=POSITIVE, metavar="X", help="Scale the gradient down to this norm."),
        click.option("--clip-value", type=POSITIVE, metavar="X", help="Bound each element of the gradient."),
        click.option(
            "--accumulate",
            type=click.IntRange(min=1),
            metavar="N",
            help="One step for N batches: their gradients' mean, as of one batch N times as large.",
        ),
        click.option(
            "--metric",
            "metrics",
            multiple=True,
            type=click.Choice(names.METRICS),
            help="Also measure this after each epoch. May be repeated.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function
