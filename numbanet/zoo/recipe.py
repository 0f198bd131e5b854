"""How to train a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numbanet import optimizers
from numbanet.optimizers import Optimizer
from numbanet.schedules import Schedule


@dataclass(frozen=True)
class Recipe:
    """How to train a model: what the command line uses where it is not told otherwise."""

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    schedule: Schedule | None
    augment: str | None = None

    def fit_arguments(self) -> dict[str, Any]:
        """Keyword arguments for `Sequential.fit`."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": self.make_optimizer(),
            "augment": self.augment,
        }

    def make_optimizer(self) -> Optimizer:
        """The optimizer with its learning rate and schedule."""
        return optimizers.get(self.optimizer, lr=self.lr, schedule=self.schedule)
