"""Options about data of one's own: what is predicted, what is held out, what weighs how much."""

from __future__ import annotations

import re
from typing import Any

import click

from numbanet.cli.options import Decorated

# The settings that these options are.
OWN_DATA = {
    "task": ("data", "task"),
    "target": ("data", "target"),
    "test_share": ("data", "test_share"),
    "image_size": ("data", "image_size"),
    "validation": ("data", "validation"),
    "balanced": ("data", "balanced"),
}
SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


class Size(click.ParamType):  # type: ignore[type-arg]
    """Pixels: `64x48` (height, then width), or `64` for a square."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """[height, width]."""
        if not isinstance(value, str):
            return list(value)
        match = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", value.strip().lower())
        if match is None:
            self.fail(f"expected height x width in pixels, as in 64x48, found {value!r}.", param, ctx)
        return [int(match[1]), int(match[2] or match[1])]


def reading_options(function: Decorated) -> Decorated:
    """--task, --target, --test-share and --image-size: how data of one's own are read."""
    options = (
        click.option(
            "--task",
            type=click.Choice(["classification", "regression"]),
            help="Whether targets are classes, or numbers to predict. [default: classification]",
        ),
        click.option(
            "--target", metavar="COLUMN", help="The target of a CSV: a name or a number, -1 the last. [default: 1]"
        ),
        click.option("--test-share", type=SHARE, metavar="X", help="Of data in one piece, the test's. [default: 0.2]"),
        click.option("--image-size", type=Size(), metavar="HxW", help="What images of a folder are brought to."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def own_data_options(function: Decorated) -> Decorated:
    """The same, and what training alone makes of the data."""
    validation = click.option(
        "--validation",
        type=SHARE,
        metavar="X",
        help="Hold out this share of the training examples, watch these, and test once, at the end.",
    )
    balanced = click.option("--balanced", is_flag=True, default=None, help="Weigh classes so that each counts alike.")
    return reading_options(validation(balanced(function)))
