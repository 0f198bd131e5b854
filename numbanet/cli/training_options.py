"""The options of `numbanet train`, and the configuration that they, a file and --set come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from numbanet.cli.configuration.sections import NAME
from numbanet.cli.configuration.values import Configuration
from numbanet.data.augment import Augment

# The options that are settings of a configuration, and where they stand in it.
FLAGS = {
    "data_set": ("data", NAME),
    "limit": ("data", "limit"),
    "data_dir": ("data", "folder"),
    "model": ("model", NAME),
    "hidden": ("model", "hidden"),
    "dropout": ("model", "dropout"),
    "epochs": ("train", "epochs"),
    "batch_size": ("train", "batch_size"),
    "seed": ("train", "seed"),
    "optimizer": ("optimizer", NAME),
    "lr": ("optimizer", "lr"),
    "loss": ("loss", NAME),
    "checkpoint_seconds": ("checkpoint", "seconds"),
    "device": ("compute", "device"),
    "threads": ("compute", "threads"),
}


@dataclass(frozen=True)
class TrainOptions:
    """The command line's options; None where nothing was said."""

    data_set: str | None
    model: str | None
    epochs: int | None
    batch_size: int | None
    lr: float | None
    optimizer: str | None
    loss: str | None
    hidden: tuple[int, ...] | None
    dropout: float | None
    augment: Augment | None
    seed: int | None
    limit: int | None
    data_dir: str | None
    checkpoint_seconds: float | None
    config: str | None
    assignments: tuple[str, ...]
    print_config: bool
    runs: str | None
    name: str
    out: str | None
    overwrite: bool
    dry_run: bool
    as_json: bool
    threads: int | None
    device: str | None


def configured(options: TrainOptions) -> Configuration:
    """File, then --set, then flags. Raises `ConfigError`."""
    configuration = Configuration()
    if options.config is not None:
        configuration.add_file(options.config)
    for assignment in options.assignments:
        configuration.add_assignment(assignment)
    flags: dict[str, dict[str, Any]] = {}
    for option, (section, key) in FLAGS.items():
        value = getattr(options, option)
        if value is not None:
            flags.setdefault(section, {})[key] = list(value) if isinstance(value, tuple) else value
    if options.augment is not None:
        flags["augment"] = {NAME: "none", **options.augment.config()}
    configuration.add(flags, "command line")
    if configuration.get("data", NAME) is None:
        raise click.UsageError("name a DATASET, or one in a file with --config: [data] name = ...")
    return configuration
