"""The options of `numbanet train`, and the configuration that they, a file and --set come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from numbanet.cli.configuration.sections import NAME
from numbanet.cli.configuration.values import Configuration
from numbanet.cli.own_data_options import OWN_DATA
from numbanet.cli.tuning_options import TUNING
from numbanet.cli.watching_options import WATCHING
from numbanet.data.augment import Augment

# The options that are settings of a configuration, and where they stand in it.
FLAGS = {
    "data_set": ("data", NAME),
    "limit": ("data", "limit"),
    "data_dir": ("data", "folder"),
    "model": ("model", NAME),
    "hidden": ("model", "hidden"),
    "dropout": ("model", "dropout"),
    "sequence": ("model", "sequence"),
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
MORE = {**OWN_DATA, **TUNING, **WATCHING}


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
    sequence: str | None
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
    schedule: dict[str, Any] | None
    more: Mapping[str, Any]  # the options that `MORE` lists

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> TrainOptions:
        """From all options as click hands them over."""
        more = {name: value for name, value in options.items() if name in MORE}
        return cls(**{name: value for name, value in options.items() if name not in MORE}, more=more)


def _given(options: TrainOptions, option: str) -> Any:
    return options.more[option] if option in MORE else getattr(options, option)


def configured(options: TrainOptions) -> Configuration:
    """File, then --set, then flags. Raises `ConfigError`."""
    configuration = Configuration()
    if options.config is not None:
        configuration.add_file(options.config)
    for assignment in options.assignments:
        configuration.add_assignment(assignment)
    flags: dict[str, dict[str, Any]] = {}
    for option, (section, key) in (FLAGS | MORE).items():
        value = _given(options, option)
        if value is not None and not (option == "metrics" and not value):  # an option that may be repeated, and was not
            flags.setdefault(section, {})[key] = list(value) if isinstance(value, tuple) else value
    if options.augment is not None:
        flags["augment"] = {NAME: "none", **options.augment.config()}
    if options.schedule is not None:
        flags["schedule"] = {key: value for key, value in options.schedule.items() if value is not None}
    configuration.add(flags, "command line")
    if configuration.get("data", NAME) is None:
        raise click.UsageError("name a DATASET, or one in a file with --config: [data] name = ...")
    return configuration
