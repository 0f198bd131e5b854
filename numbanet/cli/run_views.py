"""What the commands of `numbanet runs` do."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich import box
from rich.table import Table

from numbanet import plots
from numbanet.cli.configuration.sections import NAME
from numbanet.cli.configuration.text import to_toml
from numbanet.cli.console import facts, make_console, say, size_in_words
from numbanet.cli.data_views import folder_size
from numbanet.cli.destination import runs_folder
from numbanet.cli.outputs import warn
from numbanet.cli.picture_files import picture_file, save_picture
from numbanet.cli.run_files import finite, model_of, open_run, view
from numbanet.errors import PlotError, RunError
from numbanet.training.run import all_runs

STYLES = {"running": "cyan", "finished": "green", "stopped early": "green", "failed": "red"}
SETTINGS = ("data", "model", "train", "optimizer", "schedule", "loss", "augment")  # that make runs different


def list_runs(runs: str | None, as_json: bool) -> None:
    """A table, the newest run last; a run that cannot be read is a warning."""
    root = runs_folder(runs)
    views = []
    for run in all_runs(root):
        try:
            views.append(view(run))
        except RunError as error:
            warn(str(error))
    views.sort(key=lambda found: found.status.started)
    if as_json:
        click.echo(json.dumps([found.as_json() for found in views]))
        return
    console = make_console()
    if not views:
        say(console, f"{root}: no runs yet. Make one: numbanet train digits")
        return
    table = _table(["run", "", "data", "model", "epochs", "accuracy", "best", "loss", "time", "started"], right=4, to=9)
    for found in views:
        state = found.status.state
        table.add_row(
            found.run.name,
            f"[{STYLES.get(state, 'yellow')}]{state}[/]",
            str(found.config.get("data", {}).get(NAME, "")).rpartition("/")[2],
            model_of(found.config),
            f"{found.epochs}/{found.status.epochs}",
            _percent(found.last("val_accuracy")),
            _percent(found.best("val_accuracy")),
            _number(found.last("val_loss")),
            f"{found.seconds:.1f} s",
            found.status.started[5:16],
        )
    console.print(table)


def show_run(text: str, runs: str | None, as_json: bool) -> None:
    """Facts, settings, and a row an epoch."""
    found = view(open_run(text, runs))
    if as_json:
        click.echo(json.dumps({**found.as_json(), "config": found.config, "history": _clean(found.metrics)}))
        return
    console = make_console()
    status = found.status
    say(console, str(found.run.path), "bold")
    rows = [
        ("state", f"{status.state}{': ' if status.reason else ''}{status.reason}"),
        ("epochs", f"{found.epochs} of {status.epochs}"),
        ("started", status.started),
        ("changed", status.changed),
        ("sessions", str(status.sessions)),
        ("size", size_in_words(folder_size(found.run.path))),
    ]
    console.print(facts(rows))
    console.print()
    click.echo(to_toml(found.config))
    names = [name for name in found.metrics if name != "epoch"]
    table = _table(["epoch", *names], right=0, to=len(names) + 1)
    for epoch in range(found.epochs):
        table.add_row(str(epoch + 1), *(_number(found.metrics[name][epoch]) for name in names))
    if found.epochs:
        console.print(table)


def compare_runs(texts: Sequence[str], runs: str | None, as_json: bool) -> None:
    """The settings in which runs differ, and their results, a column a run."""
    if len(texts) < 2:
        raise click.UsageError("name at least two runs to compare.")
    views = [view(open_run(text, runs)) for text in texts]
    settings = [dict(_flat(found.config)) for found in views]
    keys = dict.fromkeys(key for own in settings for key in own)
    different = {
        key: [own.get(key) for own in settings] for key in keys if len({repr(own.get(key)) for own in settings}) > 1
    }
    if as_json:
        click.echo(json.dumps({"runs": [found.as_json() for found in views], "settings": different}))
        return
    console = make_console()
    table = _table(["", *(found.run.name for found in views)], right=1, to=len(views) + 1, wrap_none=False)
    for key, values in different.items():
        table.add_row(key, *(_described(value) for value in values))
    table.add_section()
    for name, texts in (
        ("test accuracy", [_percent(found.last("val_accuracy")) for found in views]),
        ("best test accuracy", [_percent(found.best("val_accuracy")) for found in views]),
        ("test loss", [_number(found.last("val_loss")) for found in views]),
        ("training loss", [_number(found.last("loss")) for found in views]),
        ("epochs", [str(found.epochs) for found in views]),
        ("training", [f"{found.seconds:.1f} s" for found in views]),
    ):
        table.add_row(name, *texts)
    console.print(table)


def plot_runs(texts: Sequence[str], out: str | None, overwrite: bool, runs: str | None, as_json: bool) -> None:
    """One picture with the learning curves of all."""
    console = make_console(stderr=as_json)
    file = picture_file("curves" if len(texts) > 1 else texts[0], "" if len(texts) > 1 else "curves", out, overwrite)
    views = [view(open_run(text, runs)) for text in texts]
    empty = [found.run.name for found in views if not found.epochs]
    if empty:
        raise PlotError(f"{', '.join(empty)}: no epoch is done yet, so that there is nothing to draw.")
    title = views[0].run.name if len(views) == 1 else f"{len(views)} runs"
    figure = plots.curves([plots.Curves(found.run.name, found.metrics) for found in views], title)
    save_picture(console, plots.to_png(figure), file)
    if as_json:
        click.echo(json.dumps({"file": str(file), "runs": [found.run.name for found in views]}))


def remove_runs(texts: Sequence[str], yes: bool, runs: str | None) -> None:
    """Remove them, once the user has agreed to each."""
    console = make_console()
    for run in [open_run(text, runs) for text in texts]:
        size = size_in_words(folder_size(run.path))
        if not yes and not click.confirm(f"Remove {run.path} ({size}) for good?"):
            say(console, f"{run.path} is kept.")
            continue
        run.remove()
        say(console, f"{run.path} is removed.")


def _table(names: Sequence[str], right: int, to: int, wrap_none: bool = True) -> Table:
    """A table whose columns from `right` up to `to` are numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(names):
        number = right <= index < to
        table.add_column(name, justify="right" if number else "left", overflow="fold", no_wrap=wrap_none or index == 0)
    return table


def _flat(config: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    for section in SETTINGS:
        for key, value in config.get(section, {}).items():
            yield f"{section}.{key}", value


def _described(value: Any) -> str:
    """A setting in a few words; layers by their types."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ", ".join(str(layer.get("type")) for layer in value)
    return "" if value is None else str(value)


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.2f}%"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _clean(columns: dict[str, list[float]]) -> dict[str, list[float | None]]:
    return {name: [finite(value) for value in column] for name, column in columns.items()}
