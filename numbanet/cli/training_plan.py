"""What to train and how: the command line's options, completed by the model's recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from numbanet import losses, optimizers, zoo
from numbanet.backend import Backend
from numbanet.cli.model_files import targets_for
from numbanet.data import Dataset, augment
from numbanet.data.augment import Augment
from numbanet.data.dataset import Examples, Images
from numbanet.losses import Loss
from numbanet.model import Sequential
from numbanet.optimizers import Optimizer
from numbanet.training.callbacks import Callback
from numbanet.training.history import History
from numbanet.training.metrics import Accuracy


@dataclass(frozen=True)
class TrainOptions:
    """The command line's options; None where the model's recipe decides."""

    data_set: str
    model: str | None
    epochs: int | None
    batch_size: int | None
    lr: float | None
    optimizer: str | None
    loss: str
    hidden: tuple[int, ...] | None
    dropout: float | None
    sequence: str | None
    augment: Augment | None
    seed: int
    limit: int | None
    data_dir: str | None
    out: str | None
    dry_run: bool
    as_json: bool
    threads: int | None
    device: str


class ClassAccuracy(Accuracy):
    """The share of examples whose largest output is that of their class, whatever the loss itself counts."""


@dataclass(frozen=True)
class Plan:
    """What the options and the recipe come to."""

    options: TrainOptions
    model: str
    dataset: Dataset
    device: str
    epochs: int
    batch_size: int
    optimizer_name: str
    optimizer: Optimizer
    loss: Loss
    augment: Augment

    def build(self, device: Backend | None = None) -> Sequential:
        """A new model with its initial weights; on another device than the plan's where one is given."""
        given = _chosen(self.options)
        return zoo.build(self.model, self.dataset, seed=self.options.seed, device=device or self.device, **given)

    def fit(self, model: Sequential, dataset: Dataset, callbacks: list[Callback]) -> History:
        """Train on a data set, testing after each epoch."""
        return model.fit(
            *self._targets(dataset.train),
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            loss=self.loss,
            metrics=["accuracy" if self.loss.name == "cross_entropy" else ClassAccuracy()],
            validation_data=self._targets(dataset.test),
            callbacks=callbacks,
            augment=self.augment,
        )

    def _targets(self, examples: Examples) -> tuple[Images, NDArray[Any]]:
        x, y = examples
        return x, targets_for(self.loss, y, self.dataset.num_classes)


def make_plan(options: TrainOptions, dataset: Dataset, device: str) -> Plan:
    """Let the model's recipe decide what the options do not. Raises `ModelError` for absurd numbers."""
    model = options.model or zoo.default_for(dataset, _chosen(options))
    recipe = zoo.recipe(model)
    name = options.optimizer or recipe.optimizer
    lr = options.lr if options.lr is not None else recipe.lr if name == recipe.optimizer else None
    given = {"lr": lr} if lr is not None else {}
    return Plan(
        options=options,
        model=model,
        dataset=dataset,
        device=device,
        epochs=options.epochs or recipe.epochs,
        batch_size=options.batch_size or recipe.batch_size,
        optimizer_name=name,
        optimizer=optimizers.get(name, schedule=recipe.schedule, **given),
        loss=losses.get(options.loss),
        augment=augment.get(recipe.augment if options.augment is None else options.augment),
    )


def _chosen(options: TrainOptions) -> dict[str, Any]:
    """The options that are the network's own, where they were given."""
    chosen = {"hidden": options.hidden, "dropout": options.dropout, "sequence": options.sequence}
    return {name: value for name, value in chosen.items() if value is not None}
