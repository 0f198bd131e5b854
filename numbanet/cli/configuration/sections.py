"""The sections of a configuration and their keys.

A section of the first kind has keys of its own. One of the second kind makes an object: its `name` chooses which, from
a registry, and the other keys are that object's arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from numbanet import losses, optimizers, schedules, zoo
from numbanet.cli.configuration.kinds import parameters
from numbanet.cli.configuration.section import NAME, Key, Section
from numbanet.cli.configuration.watching import WATCHING_SECTIONS
from numbanet.data import augment
from numbanet.data.augment import Augment
from numbanet.training.checkpoint import Checkpoint

__all__ = ["AUGMENTATIONS", "NAME", "SECTIONS"]

AUGMENTATIONS: dict[str, Callable[..., Augment]] = {
    name: functools.partial(Augment, **preset.config()) for name, preset in augment.NAMED.items()
}
SECTIONS: dict[str, Section] = {
    "data": Section(
        "what to train on",
        {
            NAME: Key(str, "a data set's name, or a path to data of your own"),
            "folder": Key(str, "where data sets are kept, as --data-dir"),
            "limit": Key(int, "use only so many training and test examples", 1),
            "task": Key(str, "classification, or regression for numbers to predict"),
            "target": Key(str | int, "which column of a CSV that is: a name, or a number from 1 on, -1 for the last"),
            "test_share": Key(float, "how much of data in one piece is tested on"),
            "image_size": Key(tuple[int, int], "height and width that images of a folder are brought to"),
            "validation": Key(float, "share of the training examples to watch instead of the test's"),
            "balanced": Key(bool, "whether each class counts alike in the loss, however many examples it has"),
        },
    ),
    "model": Section(
        "a network by name, or layer by layer in [[model.layers]]",
        {
            NAME: Key(str, "which network; without one, fastnet for images and mlp for other data"),
            "layers": Key(list[Mapping[str, Any]], "the network's layers, each a table with its type"),
        },
        zoo.MODELS,
        ("input_shape", "classes", "seed", "device"),
    ),
    "train": Section(
        "how long, and in which steps",
        {
            "epochs": Key(int, "passes over the data", 1),
            "batch_size": Key(int, "examples in one step", 1),
            "seed": Key(int, "the same seed, the same model, bit for bit", 0),
            "shuffle": Key(bool, "whether each epoch has an order of its own"),
            "metrics": Key(list[str], "what is measured beside the loss and the usual"),
        },
    ),
    "optimizer": Section(
        "and its learning rate, decay and clipping",
        {NAME: Key(str, "which optimizer")},
        optimizers.OPTIMIZERS,
        ("schedule",),
    ),
    "schedule": Section(
        "how the learning rate changes from step to step", {NAME: Key(str, "which schedule")}, schedules.SCHEDULES
    ),
    "loss": Section("what is to become small", {NAME: Key(str, "which loss")}, losses.LOSSES),
    "augment": Section(
        "how training images are distorted at random", {NAME: Key(str, "what to start from")}, AUGMENTATIONS
    ),
    "mix": Section(
        "training on mixtures of two examples",
        {
            "mixup": Key(float, "blends of both, in shares from Beta(mixup, mixup)"),
            "cutmix": Key(float, "pieces of one image in another, in shares from Beta(cutmix, cutmix)"),
        },
    ),
    **WATCHING_SECTIONS,
    "checkpoint": Section(
        "what is saved on the way",
        {
            "seconds": Key(float, "how often within an epoch"),
            "monitor": Key(str, "the number that decides which epoch is best"),
            "every": Key(int, "also keep a checkpoint of its own every so many epochs", 0),
            "keep": Key(int, "how many of these; 0 for all", 0),
        },
    ),
    "compute": Section(
        "on what",
        {"device": Key(str, "auto, cpu or cuda"), "threads": Key(int, "processor threads", 1)},
    ),
}
assert set(SECTIONS["checkpoint"].keys) <= set(parameters(Checkpoint))
