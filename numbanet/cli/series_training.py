"""What `numbanet train series` does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from numbanet import plots
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import make_console, rate_in_words, say
from numbanet.cli.destination import check_destination
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import note_series
from numbanet.cli.picture_files import check_picture_file, save_picture
from numbanet.cli.sequence_training import SequenceOptions, Trained, common_json, run, show_facts
from numbanet.cli.training_display import TrainingDisplay
from numbanet.data.forecast import Errors, Forecasting, Numbers, Part, errors, make_task, naive
from numbanet.data.series import example_series, load_series
from numbanet.model import Sequential
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.history import History
from numbanet.zoo.forecast import forecaster


@dataclass(frozen=True)
class SeriesOptions(SequenceOptions):
    """And those of `train series` alone."""

    target: str | None
    features: tuple[str, ...]
    horizon: int
    test: float
    loss: str
    plot: str | None
    overwrite: bool


@dataclass(frozen=True)
class SeriesJob:
    """A series, cut for training."""

    options: SeriesOptions
    task: Forecasting
    device: str

    @property
    def name(self) -> str:
        """The series'."""
        return self.task.series.name

    def build(self) -> Sequential:
        """The network, with what its numbers mean."""
        options, series = self.options, self.task.series
        model = forecaster(
            options.window,
            len(series.columns),
            options.horizon,
            cell=options.cell,
            hidden=options.hidden,
            layers=options.layers,
            dropout=options.dropout,
            seed=options.seed,
            device=self.device,
        )
        note_series(model, self.task)
        return model

    def fit(self, model: Sequential, callbacks: list[Callback]) -> History:
        """On windows in a random order."""
        return model.fit(
            self.task.train.x,
            self.task.train.y,
            epochs=self.options.epochs,
            batch_size=self.options.batch_size,
            optimizer=self.options.optimizer(),
            loss=self.options.loss,
            metrics=["mae", "mse"],
            validation_data=(self.task.test.x, self.task.test.y),
            callbacks=callbacks,
        )

    def brief(self) -> SeriesJob:
        """The first windows of both parts."""
        size = self.options.batch_size
        task = replace(self.task, train=_first(self.task.train, size), test=_first(self.task.test, size))
        return replace(self, options=replace(self.options, epochs=1), task=task)

    def sample(self) -> Any:
        """The first windows."""
        return self.task.train.x[: self.options.batch_size]


def _first(part: Part, count: int) -> Part:
    return Part(part.x[:count], part.y[:count], part.last[:count], part.truth[:count], part.origin[:count])


class SeriesDisplay(TrainingDisplay):
    """Errors in the unit of the data."""

    def __init__(self, console: Console, change: float) -> None:
        super().__init__(console)
        self.change = change

    def measured(self, progress: Progress) -> str:
        """Of the epoch so far."""
        return f"MAE {self.change * progress.metrics.get('mae', 0.0):.4g}"

    def line(self, progress: Progress) -> str:
        """Training and test."""
        parts = [
            f"{name}MAE {self.change * progress.metrics[f'{key}mae']:.4g}, "
            f"RMSE {self.change * progress.metrics[f'{key}mse'] ** 0.5:.4g}"
            for name, key in (("", ""), ("test ", "val_"))
        ]
        return f"{parts[0]}   {parts[1]}   {rate_in_words(progress.samples_per_second)} windows/s"


def train_series(options: SeriesOptions) -> None:
    """Run the command."""
    console = make_console(stderr=options.as_json)
    if options.out and not options.dry_run:
        check_destination(Path(options.out), options.overwrite)  # before a long file is read
    picture = check_picture_file(_path(options.plot), options.overwrite, "--plot") if options.plot else None
    series = load_series(_path(options.file), options.target, options.features) if options.file else example_series()
    task = make_task(series, options.window, options.horizon, options.test)
    job = SeriesJob(options, task, set_up(console, options.threads, options.device))
    rows = len(series.values)
    say(console, f"{series.name}: {series.target}, {task.cut:,} rows to learn from, {rows - task.cut:,} to test on")
    if len(series.columns) > 1:
        say(console, f"beside it: {', '.join(series.columns[1:])}", "dim")
    windows = f"{len(task.train):,} windows of {options.window} rows in batches of {options.batch_size}"
    say(console, f"{windows}, forecasts of {options.horizon}, {options.loss}", "dim")
    trained = run(console, job, SeriesDisplay(console, task.scale.change))
    with compilation_shown(console):
        forecast = task.scale.forecast(task.test.last, trained.model.predict(task.test.x))
    network, last_value = errors(forecast, task.test.truth), errors(naive(task.test), task.test.truth)
    _show(console, job, trained, network, last_value)
    if picture is not None:
        _draw(console, job, forecast, network, last_value, picture)
    if options.as_json:
        click.echo(json.dumps(_as_json(job, trained, network, last_value)))


def _path(file: str) -> Path:
    return Path(file).expanduser()


def _show(console: Console, job: SeriesJob, trained: Trained, network: Errors, last_value: Errors) -> None:
    rows = [
        ("forecast", _in_words(network)),
        ("last value", _in_words(last_value)),
        ("comparison", verdict(network, last_value, job.options.loss)),
        ("training", f"{trained.seconds:.2f} s, {rate_in_words(trained.samples_per_second)} windows/s"),
    ]
    show_facts(console, job.options, trained, rows)


def _in_words(found: Errors) -> str:
    return f"MAE {found.mae:.4g}, RMSE {found.rmse:.4g}, MSE {found.mse:.4g}"


def verdict(network: Errors, last_value: Errors, loss: str) -> str:
    """Whether the network beats the last value, by the error that it was trained for."""
    name, ours, theirs = "MAE", network.mae, last_value.mae
    if loss == "mse":
        name, ours, theirs = "RMSE", network.rmse, last_value.rmse
    if ours >= theirs:
        return f"the last value is no worse: the network's {name} is {ours:.4g}, its own {theirs:.4g}"
    return f"the network beats the last value: its {name} is {100 * (1 - ours / theirs):.1f}% smaller"


def _draw(
    console: Console, job: SeriesJob, forecast: Numbers, network: Errors, last_value: Errors, picture: Path
) -> None:
    test, series = job.task.test, job.task.series
    made = plots.Forecast(series.target, test.origin, forecast, test.truth, test.last)
    note = f"mean absolute error on the test part {network.mae:.4g}, of the last value {last_value.mae:.4g}"
    figure = plots.forecast(made, f"{series.name}: {series.target}, {job.options.cell}", note)
    save_picture(console, plots.to_png(figure), picture)


def _as_json(job: SeriesJob, trained: Trained, network: Errors, last_value: Errors) -> dict[str, Any]:
    options, series = job.options, job.task.series
    return {
        "task": "series",
        "data": series.name,
        "target": series.target,
        "features": list(series.columns[1:]),
        "horizon": options.horizon,
        "loss": options.loss,
        "rows": len(series.values),
        "train_rows": job.task.cut,
        "test_mae": network.mae,
        "test_mse": network.mse,
        "test_rmse": network.rmse,
        "test_mae_ahead": list(network.mae_ahead),
        "last_value_mae": last_value.mae,
        "last_value_mse": last_value.mse,
        "last_value_rmse": last_value.rmse,
        "last_value_mae_ahead": list(last_value.mae_ahead),
        "beats_last_value": (network.mae < last_value.mae) if options.loss == "mae" else network.mse < last_value.mse,
        **common_json(options, trained),
    }
