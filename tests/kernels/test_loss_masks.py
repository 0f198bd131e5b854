"""Samples that weigh nothing: those that a mask leaves out, and labels that stand for "no label"."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, eps, normal
from .test_loss import NO_LABEL, NO_MASK, inputs, run

NAMES = ("cross_entropy", "cross_entropy_probabilities", "mean_squared_error", "mean_absolute_error", "huber",
         "binary_cross_entropy")  # fmt: skip


def rest_of(name: str, rng: np.random.Generator, shape: tuple[int, int], dtype: Any) -> tuple[Any, ...]:
    """Targets, and what else the loss takes."""
    none = np.empty(0, dtype)
    if name == "cross_entropy":
        return rng.integers(0, shape[1], shape[0]), rng.uniform(0.5, 2, shape[1]).astype(dtype), 0.1
    target = rng.random(shape).astype(dtype)
    return {"cross_entropy_probabilities": (target, none, 0.1), "huber": (target, 0.7)}.get(name, (target,))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 5), (700, 33)])
@pytest.mark.parametrize("name", NAMES)
def test_a_masked_sample_is_as_good_as_absent(name: str, shape: tuple[int, int], dtype: Any) -> None:
    """Also where it is NaN: then what is left is bit for bit that of a batch without it, with zeros in its place."""
    rng = np.random.default_rng(61)
    z, (target, *rest) = normal(rng, shape, dtype), rest_of(name, rng, shape, dtype)
    mask = (rng.random(shape[0]) < 0.6).astype(np.uint8)
    real = mask != 0
    z[~real] = np.nan
    _, (losses, want), (dz, gradient) = run(name, z, target, *rest, mask=mask)
    np.testing.assert_allclose(losses, want, rtol=40 * eps(dtype), atol=10 * eps(dtype))
    np.testing.assert_allclose(dz, gradient, rtol=40 * eps(dtype), atol=4 * eps(dtype))
    (alone, _), (few_losses, _), (few_dz, _) = run(name, z[real].copy(), target[real].copy(), *rest)
    np.testing.assert_array_equal(losses[real], few_losses)
    np.testing.assert_array_equal(dz[real], few_dz)
    assert not losses[~real].any() and not dz[~real].any()
    (added, _), _, _ = run(name, z, target, *rest, mask=mask, gradient=False)
    np.testing.assert_allclose(added, alone, rtol=1e-6)  # without a gradient the sum of exp has another order


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ignore", [-1, 0, 4, -100])
def test_a_label_that_is_ignored(ignore: int, dtype: Any) -> None:
    """It is what the mask would be, whatever the number; all other labels are checked as ever."""
    rng = np.random.default_rng(62)
    z, labels, none = normal(rng, (9, 5), dtype), rng.integers(0, 5, 9), np.empty(0, dtype)
    labels[[2, 3, 7]] = ignore
    mask = (labels != ignore).astype(np.uint8)
    got, want = (
        run("cross_entropy", z, labels, none, 0.0, ignore=ignore),
        run("cross_entropy", z, np.where(mask, labels, 0), none, 0.0, mask=mask),
    )
    for mine, masked in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine[0], masked[0])
    for kernels in (cpu, reference):
        with pytest.raises(ValueError):
            labels[0] = -2
            kernels.cross_entropy(np.zeros(4), np.empty(9, dtype), np.empty_like(z), z,
                                  *inputs("cross_entropy", labels, none, 0.0, ignore=ignore))  # fmt: skip


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_masked_samples(name: str, kernels: Any) -> None:
    """No loss, no gradient, and nothing counted."""
    rng = np.random.default_rng(63)
    z, rest = rng.standard_normal((3, 4)), rest_of(name, rng, (3, 4), np.float64)
    totals, losses, dz = np.zeros(4), np.full(3, np.nan), np.full((3, 4), np.nan)
    getattr(kernels, name)(totals, losses, dz, z, *inputs(name, *rest, mask=np.zeros(3, np.uint8)))
    assert not totals.any() and not losses.any() and not dz.any()


def test_no_mask_is_one_of_ones() -> None:
    rng = np.random.default_rng(64)
    for name in NAMES:
        z, rest = rng.standard_normal((50, 6)), rest_of(name, rng, (50, 6), np.float64)
        for one, other in zip(
            run(name, z, *rest, mask=NO_MASK, ignore=NO_LABEL), run(name, z, *rest, mask=np.ones(50, np.uint8)),
            strict=True,
        ):  # fmt: skip
            np.testing.assert_array_equal(one[0], other[0], err_msg=name)
