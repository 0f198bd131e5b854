"""The sections of a configuration and their keys.

A section of the first kind has keys of its own. One of the second kind makes an object: its `name` chooses which, from
a registry, and the other keys are that object's arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numbanet import losses, optimizers, schedules, zoo
from numbanet.cli.configuration.kinds import parameters
from numbanet.cli.configuration.section import NAME, Key, Section
from numbanet.cli.configuration.watching import WATCHING_SECTIONS
from numbanet.data import augment
from numbanet.data.augment import Augment
from numbanet.training.checkpoint import Checkpoint

__all__ = ["AUGMENTATIONS", "NAME", "SECTIONS"]


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
            "task": Key(str, "classification, or regression for numbers to predict", "classification"),
            "target": Key(str | int, "the column of a CSV: a name, or a number from 1 on, -1 for the last", 1),
            "test_share": Key(float, "how much of data in one piece is tested on", 0.2),
            "image_size": Key(tuple[int, int], "height and width that images of a folder are brought to", [32, 32]),
            "validation": Key(float, "share of the training examples to watch instead of the test's", 0.1),
            "balanced": Key(bool, "whether each class counts alike in the loss, however many examples it has", False),
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
            "metrics": Key(list[str], "what is measured beside the loss and the usual", []),
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
    "mix": Section(
        "training on mixtures of two examples",
        {
            "mixup": Key(float, "blends of both, in shares from Beta(mixup, mixup)", 0.2),
            "cutmix": Key(float, "pieces of one image in another, in shares from Beta(cutmix, cutmix)", 1.0),
        },
    ),
    **WATCHING_SECTIONS,
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
