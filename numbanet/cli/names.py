"""The names that a user may write, for checking and for completion; each registry is imported when asked."""

from __future__ import annotations

from collections.abc import Collection


def data_sets() -> Collection[str]:
    """Data sets known by name."""
    from numbanet.data.datasets import available

    return available().keys()


def published_data_sets() -> Collection[str]:
    """Data sets that can be fetched."""
    from numbanet.data.datasets import SOURCES

    return SOURCES.keys()


def models() -> Collection[str]:
    """Models that `numbanet train` can build."""
    from numbanet import zoo

    return zoo.MODELS.keys()


def augmentations() -> Collection[str]:
    """Augmentations that have a name."""
    from numbanet.data.augment import NAMED

    return NAMED.keys()


def distortions() -> Collection[str]:
    """What an augmentation may be made of."""
    from numbanet.data.augment import KINDS

    return KINDS


def optimizers() -> Collection[str]:
    """Optimizers."""
    from numbanet.optimizers import OPTIMIZERS

    return OPTIMIZERS.keys()


def losses() -> Collection[str]:
    """Losses."""
    from numbanet.losses import LOSSES

    return LOSSES.keys()


def kernels() -> Collection[str]:
    """Kernels that can be measured and shown."""
    from numbanet.bench import workloads

    return workloads.known()
