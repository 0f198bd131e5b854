"""What the commands of `numbanet config` do."""

from __future__ import annotations

from pathlib import Path

import click

from numbanet import zoo
from numbanet.atomic import problem, write_file
from numbanet.cli.configuration.sections import NAME
from numbanet.cli.configuration.text import starter, with_origins
from numbanet.cli.configuration.values import Configuration
from numbanet.cli.console import make_console, say
from numbanet.cli.destination import runs_folder
from numbanet.cli.training import load_plan
from numbanet.cli.training_plan import recipe_values
from numbanet.errors import ConfigError
from numbanet.training.run import CONFIG, find_run


def write_starter(file: str, data_set: str, model: str, overwrite: bool) -> None:
    """Write a file to begin with. Raises `ConfigError`."""
    path = Path(file).expanduser()
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} is there already. Replace it with --overwrite, or name another.")
    values = {"data": {NAME: data_set}, **recipe_values(model, zoo.recipe(model))}
    try:
        write_file(path, starter(values).encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {problem(error, path)}.") from error
    console = make_console()
    say(console, f"{path}: what {model} is trained with, to be changed. Then: numbanet train --config {path}")


def show_configuration(file: str, assignments: tuple[str, ...]) -> None:
    """Print all settings as TOML, each with a comment about where it comes from."""
    configuration = Configuration()
    run = None if Path(file).expanduser().is_file() else find_run(file, runs_folder(None))
    configuration.add_file(file if run is None else str(run.path / CONFIG))
    for assignment in assignments:
        configuration.add_assignment(assignment)
    if configuration.get("data", NAME) is None:
        raise ConfigError(f"{file}: expected a data set, [data] name = ..., found none. Add --set data.name=mnist.")
    plan = load_plan(make_console(stderr=True), configuration)
    click.echo(with_origins(plan.resolved, configuration.origins), nl=False)
