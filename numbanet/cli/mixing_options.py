"""Options that mix training examples: --mixup and --cutmix."""

from __future__ import annotations

import click

from numbanet.cli.options import Decorated

STRENGTH = click.FloatRange(min=0, max=1000)


def mixing_options(function: Decorated) -> Decorated:
    """--mixup and --cutmix, which become `mixup` and `cutmix`; None where nothing was said."""
    mixup = click.option(
        "--mixup",
        type=STRENGTH,
        metavar="ALPHA",
        help="Blend examples in pairs, in shares from Beta(ALPHA, ALPHA): 0.2 is a good beginning.",
    )
    cutmix = click.option(
        "--cutmix",
        type=STRENGTH,
        metavar="ALPHA",
        help="Put a piece of one image into another, of a share from Beta(ALPHA, ALPHA): 1 is usual.",
    )
    return mixup(cutmix(function))
