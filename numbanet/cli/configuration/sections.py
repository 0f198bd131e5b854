"""The sections of a configuration and their keys.

A section of the first kind has keys of its own. One of the second kind makes an object: its `name` chooses which, from
a registry, and the other keys are that object's arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numbanet import losses, optimizers, schedules, zoo
from numbanet.cli.configuration.kinds import defaults, parameters
from numbanet.data import augment
from numbanet.data.augment import Augment
from numbanet.training.checkpoint import Checkpoint

NAME = "name"


@dataclass(frozen=True)
class Key:
    """One setting: the type of its value, what it means, an example (the default, where there is one), and from which
    number on it may be.
    """

    kind: Any
    meaning: str
    example: Any
    least: int | None = None


@dataclass(frozen=True)
class Section:
    """Fixed `keys`, and a registry of `choices` where there is one; `leave_out`: arguments that are set elsewhere."""

    meaning: str
    keys: Mapping[str, Key]
    choices: Mapping[str, Callable[..., Any]] | None = None
    leave_out: tuple[str, ...] = ()

    def options(self, name: str | None) -> dict[str, Any]:
        """Argument -> type of what is called so; of all choices together for None."""
        if self.choices is None:
            return {}
        kinds: dict[str, Any] = {}
        for function in [self.choices[name]] if name is not None else self.choices.values():
            for key, kind in parameters(function, self.leave_out).items():
                kinds[key] = kinds.get(key, kind) | kind
        return kinds

    def defaults(self, name: str | None) -> dict[str, Any]:
        """Argument -> default of the choice called so."""
        return {} if self.choices is None or name is None else defaults(self.choices[name], self.leave_out)

    def known(self, name: str | None) -> dict[str, Any]:
        """Key -> type, of all that may stand in the section."""
        return {**{key: setting.kind for key, setting in self.keys.items()}, **self.options(name)}


def _one_of(choices: Iterable[str]) -> str:
    return ", ".join(choices)


AUGMENTATIONS: dict[str, Callable[..., Augment]] = {
    name: functools.partial(Augment, **preset.config()) for name, preset in augment.NAMED.items()
}
SECTIONS: dict[str, Section] = {
    "data": Section(
        "what to train on",
        {
            NAME: Key(str, "a data set's name, or a path to data of your own", "mnist"),
            "folder": Key(str, "where data sets are kept, as --data-dir", "~/data"),
            "limit": Key(int, "use only so many training and test examples", 1000, 1),
        },
    ),
    "model": Section(
        "a network by name, or layer by layer in [[model.layers]]",
        {
            NAME: Key(str, "without one, fastnet for images and mlp for other data", "fastnet"),
            "layers": Key(list[Mapping[str, Any]], "the network's layers, each a table with its type", None),
        },
        zoo.MODELS,
        ("input_shape", "classes", "seed", "device"),
    ),
    "train": Section(
        "how long, and in which steps",
        {
            "epochs": Key(int, "passes over the data", 10, 1),
            "batch_size": Key(int, "examples in one step", 128, 1),
            "seed": Key(int, "the same seed, the same model, bit for bit", 0, 0),
            "shuffle": Key(bool, "whether each epoch has an order of its own", True),
        },
    ),
    "optimizer": Section(
        "and its learning rate, decay and clipping",
        {NAME: Key(str, _one_of(optimizers.OPTIMIZERS), "adam")},
        optimizers.OPTIMIZERS,
        ("schedule",),
    ),
    "schedule": Section(
        "how the learning rate changes from step to step",
        {NAME: Key(str, _one_of(schedules.SCHEDULES), "cosine")},
        schedules.SCHEDULES,
    ),
    "loss": Section(
        "what is to become small", {NAME: Key(str, _one_of(losses.LOSSES), "cross_entropy")}, losses.LOSSES
    ),
    "augment": Section(
        "how training images are distorted at random",
        {NAME: Key(str, f"what to start from: {_one_of(AUGMENTATIONS)}", "none")},
        AUGMENTATIONS,
    ),
    "checkpoint": Section(
        "what is saved on the way",
        {
            "seconds": Key(float, "how often within an epoch", 30.0),
            "monitor": Key(str, "the number that decides which epoch is best", "val_accuracy"),
            "every": Key(int, "also keep a checkpoint of its own every so many epochs", 0, 0),
            "keep": Key(int, "how many of these; 0 for all", 0, 0),
        },
    ),
    "compute": Section(
        "on what",
        {"device": Key(str, "auto, cpu or cuda", "auto"), "threads": Key(int, "processor threads", 2, 1)},
    ),
}
assert set(SECTIONS["checkpoint"].keys) <= set(parameters(Checkpoint))
