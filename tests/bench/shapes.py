"""Shapes of workloads that are small enough for a test."""

from __future__ import annotations

from numbanet.bench.workloads import Family

BY_AXES: dict[int, tuple[int, ...]] = {1: (5000,), 2: (64, 24), 3: (4, 14, 8), 4: (3, 5, 4, 6)}
IMAGES = {"conv2d_forward": (4, 9, 6, 8, 3, 1, 2), "max_pool2d_forward": (4, 9, 6, 3, 2), "augment": (4, 12, 1)}


def small_shape(family: Family) -> tuple[int, ...]:
    """One for each family."""
    return IMAGES.get(family.kernels[0]) or BY_AXES[len(family.axes)]
