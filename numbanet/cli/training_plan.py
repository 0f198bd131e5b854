"""What to train and how: a configuration, completed by the model's recipe for a data set."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from numbanet import schedules, zoo
from numbanet.backend import Backend
from numbanet.cli.configuration.layers import make_layers
from numbanet.cli.configuration.sections import NAME, SECTIONS
from numbanet.cli.configuration.values import Configuration, Values, check_arguments
from numbanet.cli.configuration.watching import WATCHING_SECTIONS, make_callbacks
from numbanet.cli.model_files import loss_for, targets_for
from numbanet.configurable import Configurable
from numbanet.data import Dataset, available
from numbanet.data.augment import Augment
from numbanet.data.dataset import Examples, Images
from numbanet.data.examples import balanced_weights
from numbanet.data.mixing import Mix
from numbanet.errors import ConfigError, ModelError
from numbanet.losses import CrossEntropy, Loss
from numbanet.model import Sequential
from numbanet.optimizers import Optimizer
from numbanet.schedules import Constant, Cosine, Schedule
from numbanet.training.callbacks import Callback
from numbanet.training.history import History
from numbanet.training.metrics import Accuracy, Metric
from numbanet.training.snapshot import Snapshot
from numbanet.zoo import Recipe
from numbanet.zoo.units import in_units_of

LAYERS = "layers"  # what a network is called that was described layer by layer
OWN = Recipe(10, 128, "adam", 1e-3, Cosine())  # and how it is trained where nothing else is said

T = TypeVar("T", bound=Configurable)


class ClassAccuracy(Accuracy):
    """The share of examples whose largest output is that of their class, whatever the loss itself counts."""


@dataclass(frozen=True)
class Plan:
    """What the configuration and the recipe come to. `resolved`: all of it, as a configuration again."""

    dataset: Dataset
    device: str
    model: str
    network: Callable[[str | Backend], Sequential] = field(repr=False)
    epochs: int
    batch_size: int
    seed: int
    shuffle: bool
    optimizer_name: str
    optimizer: Optimizer
    loss: Loss
    augment: Augment
    mix: Mix
    metrics: Sequence[str]
    watching: Values
    checkpoint: Mapping[str, Any]
    resolved: Values

    def build(self, device: Backend | None = None) -> Sequential:
        """A new model with its initial weights; on another device than the plan's where one is given.

        Raises `ModelError` where it does not fit the data.
        """
        model, outputs = self.network(device or self.device), self.dataset.outputs
        if model.output_shape != (outputs,):
            what = "one a class" if self.dataset.classes else "one a number to predict"
            raise ModelError(
                f"model {self.model}: expected {outputs} outputs, {what} of {self.dataset.name}, "
                f"got outputs of shape {model.output_shape}. End it with Flatten and Dense({outputs})."
            )
        return model

    def fit(
        self, model: Sequential, dataset: Dataset, callbacks: Sequence[Callback], resume: Snapshot | None = None
    ) -> History:
        """Train on a data set, testing after each epoch; on what is held out, if anything is."""
        return model.fit(
            *self._targets(dataset.train),
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            loss=self.loss,
            metrics=self.measured(),
            validation_data=self._targets(dataset.validation or dataset.test),
            callbacks=callbacks,
            shuffle=self.shuffle,
            augment=self.augment,
            mix=self.mix,
            resume=resume,
        )

    def measured(self) -> list[Metric | str]:
        """The metrics: the usual ones for the task, and those asked for."""
        usual: list[Metric | str] = ["mae", "r2"]
        if self.dataset.classes:
            usual = ["accuracy" if self.loss.name == "cross_entropy" else ClassAccuracy()]
        names = [metric if isinstance(metric, str) else metric.name for metric in usual]
        return [*usual, *(metric for metric in dict.fromkeys(self.metrics) if metric not in names)]

    def test(self, model: Sequential) -> dict[str, float]:
        """The loss and the metrics of the model on the test examples."""
        return model.evaluate(*self._targets(self.dataset.test), loss=self.loss, metrics=self.measured())

    def callbacks(self, place: Path, again: bool) -> list[Callback]:
        """What watches the training; files go to or beside `place`, and are continued where it goes on `again`."""
        return make_callbacks(self.watching, place, again)

    def _targets(self, examples: Examples) -> tuple[Images, NDArray[Any]]:
        x, y = examples
        return x, targets_for(self.loss, y, self.dataset.num_classes)


def make_plan(configuration: Configuration, dataset: Dataset, device: str) -> Plan:
    """Let the model's recipe decide what the configuration does not. Raises `ConfigError` or `ModelError`."""
    train = configuration.section("train")
    seed = train.get("seed", 0)
    name, network, model = _model(configuration, dataset, seed)
    usual = recipe_values(name, OWN if name == LAYERS else zoo.recipe(name))
    if not dataset.classes:
        usual["loss"] = {NAME: loss_for(dataset, configuration.get("loss", NAME)).name}
    elif configuration.get("data", "balanced"):
        usual["loss"]["class_weights"] = list(balanced_weights(dataset.train[1], dataset.num_classes))
    schedule_name, schedule = _make(configuration, "schedule", Schedule, usual)
    optimizer_name, optimizer = _make(configuration, "optimizer", Optimizer, usual, schedule=schedule)
    loss_name, loss = _make(configuration, "loss", Loss, usual)
    if configuration.get("data", "balanced") and not isinstance(loss, CrossEntropy):
        where = configuration.where("data", "balanced")
        raise ConfigError(f"{where}: classes are weighed in the loss cross_entropy alone, found {loss_name}.")
    augment_name, augment = _make(configuration, "augment", Augment, usual)
    train = {**usual["train"], **train}
    mix = _mix(configuration)
    watching = {section: configuration.section(section) for section in WATCHING_SECTIONS}
    metrics = train.pop("metrics", [])
    best = {"monitor": "val_accuracy" if dataset.classes else "val_loss"}
    optimizer_options = {key: value for key, value in optimizer.config().items() if key != "schedule"}
    resolved: Values = {
        "data": _data(configuration),
        "model": model,
        "train": {**train, "metrics": metrics or None},
        "optimizer": {NAME: optimizer_name, **optimizer_options},
        "schedule": {NAME: schedule_name, **schedule.config()},
        "loss": {NAME: loss_name, **loss.config()},
        "augment": {NAME: augment_name, **augment.config()},
        "mix": mix.config() if mix else {},
        **watching,
        "checkpoint": configuration.section("checkpoint"),
        "compute": {**configuration.section("compute"), "device": device},
    }
    return Plan(
        dataset=dataset,
        device=device,
        model=name,
        network=network,
        optimizer_name=optimizer_name,
        optimizer=optimizer,
        loss=loss,
        augment=augment,
        mix=mix,
        metrics=metrics,
        watching=watching,
        checkpoint={**best, **configuration.section("checkpoint")},
        resolved=resolved,
        **train,
    )


def _mix(configuration: Configuration) -> Mix:
    try:
        return Mix(**configuration.section("mix"))
    except ModelError as error:
        raise ConfigError(f"{_origin(configuration, 'mix')}[mix]: {error}") from error


def recipe_values(model: str, recipe: Recipe) -> Values:
    """How the network is trained where nothing is said, as a configuration."""
    schedule = recipe.schedule or Constant()
    names = {kind: name for name, kind in schedules.SCHEDULES.items()}
    return {
        "model": {NAME: model},
        "train": {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "seed": 0, "shuffle": True},
        "optimizer": {NAME: recipe.optimizer, "lr": recipe.lr},
        "schedule": {NAME: names[type(schedule)], **schedule.config()},
        "loss": {NAME: "cross_entropy"},
        "augment": {NAME: recipe.augment or "none"},
    }


def _model(
    configuration: Configuration, dataset: Dataset, seed: int
) -> tuple[str, Callable[[str | Backend], Sequential], dict[str, Any]]:
    """The network's name, what builds it, and its section."""
    own = configuration.section("model")
    options = {key: value for key, value in own.items() if key != NAME}
    if LAYERS in own:
        unknown = sorted(own.keys() - {LAYERS, "dtype"})
        if unknown:
            where = configuration.where("model", unknown[0])
            raise ConfigError(f"{where}: beside layers there can only be dtype. Leave it out, or name a model.")
        where = configuration.where("model", LAYERS)
        make_layers(own[LAYERS], where)  # what is wrong with them is said before training

        def build(device: str | Backend) -> Sequential:
            layers = make_layers(own[LAYERS], where)
            dtype = own.get("dtype", "float32")
            model = Sequential(*layers, input_shape=dataset.input_shape, seed=seed, device=device, dtype=dtype)
            fits = not dataset.classes and model.output_shape == (dataset.outputs,)
            return in_units_of(model, dataset.train[1]) if fits else model

        return LAYERS, build, own
    name = own.get(NAME) or zoo.default_for(dataset, options)
    check_arguments(configuration, "model", name, options)
    function = inspect.signature(zoo.MODELS[name]).parameters
    defaults = {key: function[key].default for key in SECTIONS["model"].options(name)}
    if "normalize" in defaults:
        defaults["normalize"] = bool(dataset.train[0].dtype != np.uint8)
    chosen = {**defaults, **options}

    def named(device: str | Backend) -> Sequential:
        return zoo.build(name, dataset, seed=seed, device=device, **chosen)

    return name, named, {NAME: name, **chosen}


def _make(configuration: Configuration, section: str, base: type[T], usual: Values, **more: Any) -> tuple[str, T]:
    """What a section chooses, with its name; the `usual` where it says nothing else."""
    options, recipe = configuration.section(section), dict(usual[section])
    name = recipe.pop(NAME)
    chosen = options.pop(NAME, name)
    if chosen == name:
        options = {**{key: value for key, value in recipe.items() if value is not None}, **options}
    check_arguments(configuration, section, chosen, options)
    choices = SECTIONS[section].choices
    assert choices is not None
    try:
        made = choices[chosen](**options, **more)
    except (ModelError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{_origin(configuration, section)}[{section}]: {error}") from error
    assert isinstance(made, base)
    return chosen, made


def _origin(configuration: Configuration, section: str) -> str:
    """The places that a section's values come from, for the beginning of an error."""
    places = {origin: None for key, origin in configuration.origins.items() if key.startswith(f"{section}.")}
    return f"{', '.join(places)}: " if places else ""


def _data(configuration: Configuration) -> dict[str, Any]:
    """The section of the data, with whole paths: a run is resumed from wherever one is."""
    data = configuration.section("data")
    if data[NAME] not in available():
        data[NAME] = str(Path(data[NAME]).expanduser().resolve())
    if data.get("folder"):
        data["folder"] = str(Path(data["folder"]).expanduser().resolve())
    return data
