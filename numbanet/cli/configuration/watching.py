"""The sections about what watches a training, and the callbacks that they come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numbanet.cli.configuration.section import Key, Section
from numbanet.errors import ConfigError, ModelError
from numbanet.training.callbacks import (
    Callback,
    CsvLog,
    EarlyStopping,
    JsonLog,
    NanGuard,
    ReduceOnPlateau,
    StatisticsLog,
    TensorBoard,
    TimeLimit,
    WeightAverage,
)

MONITOR = Key(str, "the number to watch, such as val_loss or val_accuracy", "val_loss")
MODE = Key(str, "min, max, or auto to go by the name", "auto")
MIN_DELTA = Key(float, "what counts as better", 0.0)

WATCHING_SECTIONS = {
    "early_stopping": Section(
        "when to stop because nothing gets better",
        {
            "patience": Key(int, "for so many epochs; without it training goes on to its end", 5, 1),
            "monitor": MONITOR,
            "min_delta": MIN_DELTA,
            "mode": MODE,
            "restore_best": Key(bool, "whether the model gets the best epoch's weights back", True),
        },
    ),
    "plateau": Section(
        "when to lower the learning rate because nothing gets better",
        {
            "patience": Key(int, "for so many epochs; without it the rate follows its schedule alone", 3, 1),
            "factor": Key(float, "what the rate is multiplied with", 0.5),
            "monitor": MONITOR,
            "min_delta": MIN_DELTA,
            "mode": MODE,
            "least": Key(float, "below which part of itself the rate never falls", 0.0),
        },
    ),
    "average": Section(
        "an average of the weights over the steps",
        {"decay": Key(float, "how slowly old weights are forgotten, such as 0.999; without it there is none", 0.999)},
    ),
    "watch": Section(
        "what else is watched, and written down",
        {
            "nan_guard": Key(bool, "stop before the first step whose loss or gradient is not finite", False),
            "max_time": Key(float, "seconds after which a session is paused", 300.0),
            "log": Key(str, "a file for a row an epoch: .csv or .jsonl", "log.csv"),
            "statistics": Key(bool, "write sizes of weights and gradients to statistics.csv", False),
            "tensorboard": Key(bool, "write curves and histograms for TensorBoard", False),
        },
    ),
}


def make_callbacks(settings: Mapping[str, Mapping[str, Any]], place: Path, again: bool) -> list[Callback]:
    """The callbacks, in the order in which they must be told. Raises `ConfigError`.

    `place`: where files go, a run's folder, or what begins their names. `again`: whether the training was begun before,
    and its files are to be continued.
    """
    watch = settings.get("watch", {})
    found: list[Callback | None] = [
        _make("average", WeightAverage, settings, "decay"),  # first: the others keep and compare what it shows
        _make("early_stopping", EarlyStopping, settings, "patience"),
        _make("plateau", ReduceOnPlateau, settings, "patience"),
        NanGuard() if watch.get("nan_guard") else None,
        TensorBoard(_file(place, "tensorboard"), histograms=True) if watch.get("tensorboard") else None,
        StatisticsLog(_file(place, "statistics.csv"), append=again) if watch.get("statistics") else None,
        _log(watch["log"], again) if watch.get("log") else None,
    ]
    try:
        found.append(TimeLimit(watch["max_time"]) if "max_time" in watch else None)
    except ModelError as error:
        raise ConfigError(f"[watch]: {error}") from error
    return [callback for callback in found if callback is not None]


def _make(section: str, kind: Any, settings: Mapping[str, Mapping[str, Any]], needed: str) -> Callback | None:
    options = settings.get(section, {})
    if not options:
        return None
    if needed not in options:
        raise ConfigError(f"[{section}]: expected {needed}, which turns it on, beside {', '.join(options)}.")
    try:
        made: Callback = kind(**options)
    except ModelError as error:
        raise ConfigError(f"[{section}]: {error}") from error
    return made


def _file(place: Path, name: str) -> Path:
    """In a folder, `name`; beside a file, that file's name before it."""
    return place / name if place.is_dir() else place.with_name(f"{place.stem}-{name}")


def _log(text: str, again: bool) -> Callback:
    path = Path(text).expanduser()
    if path.suffix not in (".csv", ".jsonl"):
        raise ConfigError(f"watch.log: expected a file ending in .csv or .jsonl, found {text}.")
    return (CsvLog if path.suffix == ".csv" else JsonLog)(path, append=again)
