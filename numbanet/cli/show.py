"""`numbanet show`: a model's insides and its mistakes, drawn as PNG files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from numbanet.cli.options import (
    DATA_SET,
    Decorated,
    batch_size_option,
    compute_options,
    data_dir_option,
    debug_option,
    json_option,
    limit_option,
    picture_options,
    split_option,
)

MOST = 1000  # pictures on one sheet

model_argument = click.argument("model", type=click.Path())
data_option = click.option("--data", "data_set", type=DATA_SET, help="The data set. [default: the model's]")


def count_option(default: int, what: str) -> Callable[[Decorated], Decorated]:
    """--count: how many of something to draw."""
    return click.option("--count", type=click.IntRange(1, MOST), default=default, show_default=True, help=what)


def examples_options(function: Decorated) -> Decorated:
    """--data, --split, --batch-size, --limit and --data-dir: which examples a model is tried on."""
    return data_option(split_option(batch_size_option(limit_option(data_dir_option(function)))))


@click.group(
    epilog="""\b
Examples:
  numbanet show filters mnist-mlp-001    what its first layer seeks
  numbanet show confusion mnist-mlp-001  what it takes for what
  numbanet show mistakes mnist-mlp-001   where it is sure, and wrong

Needs matplotlib: pip install "numbanet[plot]"."""
)
@debug_option
def command() -> None:
    """Draw a model's filters, activations, confusion and mistakes.

    Each command writes one PNG file and says which; none replaces a file unless told to.
    """


@command.command(
    epilog="""\b
Examples:
  numbanet show filters mnist-mlp-001
  numbanet show filters mnist-mlp-001 --count 16 --out filters.png"""
)
@model_argument
@count_option(64, "How many filters.")
@picture_options
@json_option
@debug_option
def filters(model: str, count: int, out: str | None, overwrite: bool, as_json: bool) -> None:
    """Draw the weights of the first layer.

    A convolution's kernels, or what each unit of a dense layer looks for in the image: red where bright
    pixels raise its output, blue where they lower it.
    """
    from numbanet.cli.showing import show_filters

    show_filters(model, count, out, overwrite, as_json)


@command.command(
    epilog="""\b
Examples:
  numbanet show activations mnist-mlp-001
  numbanet show activations mnist-mlp-001 --index 7 --count 64"""
)
@model_argument
@click.option("--index", type=click.IntRange(min=0), default=0, show_default=True, help="Which example.")
@count_option(32, "How many maps of each layer.")
@data_option
@split_option
@data_dir_option
@picture_options
@json_option
@compute_options
def activations(index: int, count: int, out: str | None, overwrite: bool, as_json: bool, **trial: Any) -> None:
    """Draw what each layer makes of one example.

    Maps for convolutions and their activations, bars for dense layers, each layer on a scale of its own.
    Layers that hand on what they get, such as Flatten, are left out.
    """
    from numbanet.cli.showing import Trial, show_activations

    show_activations(Trial(**trial), index, count, out, overwrite, as_json)


@command.command(
    epilog="""\b
Examples:
  numbanet show confusion mnist-mlp-001
  numbanet show confusion mnist-mlp-001 --split train --out train.png
  numbanet show confusion mnist-mlp-001 --json | tail -n 1"""
)
@model_argument
@examples_options
@picture_options
@json_option
@compute_options
def confusion(out: str | None, overwrite: bool, as_json: bool, **trial: Any) -> None:
    """Draw the confusion matrix, accuracy and recall.

    The colors are those of the mistakes: the diagonal, which would drown them, stays pale.
    """
    from numbanet.cli.showing import Trial, show_confusion

    show_confusion(Trial(**trial), out, overwrite, as_json)


@command.command(
    epilog="""\b
Examples:
  numbanet show mistakes mnist-mlp-001
  numbanet show mistakes mnist-mlp-001 --count 50 --split train"""
)
@model_argument
@count_option(24, "How many mistakes.")
@examples_options
@picture_options
@json_option
@compute_options
def mistakes(count: int, out: str | None, overwrite: bool, as_json: bool, **trial: Any) -> None:
    """Draw the images that the model is surest of and wrong about."""
    from numbanet.cli.showing import Trial, show_mistakes

    show_mistakes(Trial(**trial), count, out, overwrite, as_json)
