"""Losses, their gradients and their totals, against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, normal, out, tiny

Array = np.ndarray[Any, Any]
NO_MASK = np.empty(0, np.uint8)
NO_LABEL = np.iinfo(np.int64).min  # what no label is
BEFORE = np.array([3.0, 5.0, 2.0, 7.0])  # `totals` is added to: what was there stays
SHAPES = ((1, 1), (1, 10), (128, 10), (37, 53), (3, 9001), (9001, 3), (20_000, 2), (5, 1))
logits = st.one_of(st.floats(-1e4, 1e4, width=32), st.sampled_from([1e4, -1e4, 0.0, 88.0, 104.0, 16.0, 1e-40]))


def inputs(name: str, target: Array, *rest: Any, mask: Array = NO_MASK, ignore: int = NO_LABEL) -> tuple[Any, ...]:
    """What a loss takes after z."""
    return (target, mask, *rest, *([ignore] if name == "cross_entropy" else []))


def run(name: str, z: Array, target: Array, *rest: Any, gradient: bool = True, **more: Any) -> Any:
    """(got, want) for totals (only what was added), losses and dz."""
    dz = out(z.shape if gradient else (0, 0), z.dtype)
    arguments = inputs(name, target, *rest, **more)
    totals, losses, gradients = both(name, Out(BEFORE), out(len(z), z.dtype), dz, z, *arguments)
    return tuple(t - BEFORE for t in totals), losses, gradients


def check(name: str, z: Array, target: Array, *rest: Any, loss_bound: Array, gradient_bound: Array) -> None:
    for gradient in (True, False):
        (added, wanted), losses, dz = run(name, z, target, *rest, gradient=gradient)
        assert_within(*losses, loss_bound + tiny(z.dtype), name)
        if gradient:
            assert_within(*dz, gradient_bound + 4 * tiny(z.dtype), f"gradient of {name}")
        # The totals are float64: beyond the losses' own errors only the sum's and the subtraction of BEFORE.
        slack = 1e-14 * (len(z) + 10)
        assert_within(added[0], wanted[0], np.sum(loss_bound) + slack * (10 + np.sum(np.abs(losses[1]))), "total")
        assert_within(added[1:], wanted[1:], slack * (10 + np.abs(wanted[1:])), "weights, hits, samples")


def cross_entropy_bounds(z: Array, target: Array, weight: float) -> tuple[Array, Array]:
    """`target` (n, c): what each -log p counts. The exponents z - max carry half an ulp of themselves, which is a
    relative error of the power; sums of c terms carry c eps; nothing depends on the size of max itself. The sum
    of the n weights is float64."""
    e, c = eps(z.dtype), z.shape[1]
    wide = z.astype(np.float64)
    distance = np.minimum(np.max(wide, axis=1, keepdims=True) - wide, 800)
    log_p = np.empty_like(wide)
    reference.log_softmax_forward(log_p, wide)
    loss = np.sum(np.where(target == 0, 0, target * (1 + np.abs(log_p))), axis=1) * (c + 10) * e
    total = np.sum(target, axis=1, keepdims=True)
    share = total * np.exp(log_p)
    of_weights = len(z) * eps(np.float64) * (share + target)
    underflow = tiny(z.dtype) * total  # of the power, before it is multiplied
    return loss, (e * (share * (c + 10 + distance) + 6 * target) + of_weights + underflow) / weight


def check_cross_entropy(z: Array, labels: Array, class_weights: Array, smoothing: float) -> None:
    c = z.shape[1]
    weights = class_weights.astype(np.float64) if class_weights.size else np.ones(c)
    target = (1 - smoothing) * weights * np.eye(c)[labels] + smoothing / c * weights
    weight = float(weights[labels].sum())
    loss, gradient = cross_entropy_bounds(z, target, weight)
    check("cross_entropy", z, labels, class_weights, smoothing, loss_bound=loss, gradient_bound=gradient)


def check_probabilities(z: Array, p: Array, class_weights: Array, smoothing: float) -> None:
    c = z.shape[1]
    weights = class_weights.astype(np.float64) if class_weights.size else np.ones(c)
    loss, gradient = cross_entropy_bounds(z, weights * ((1 - smoothing) * p + smoothing / c), len(z))
    check(
        "cross_entropy_probabilities",
        z,
        p,
        class_weights,
        smoothing,
        loss_bound=loss,
        gradient_bound=gradient,
    )


def check_regression(z: Array, target: Array, delta: float) -> None:
    """f + 6 roundings in a sample's sum; the difference is rounded once, and relative to itself."""
    e, (n, f) = eps(z.dtype), z.shape
    size = np.abs(z.astype(np.float64) - target)
    sums = {
        "mean_squared_error": size**2,
        "mean_absolute_error": size,
        # delta (|d| - delta / 2) cancels, relative to delta |d|.
        "huber": np.where(size <= delta, size**2, delta * size),
    }
    slopes = {
        "mean_squared_error": 2 * size,
        "mean_absolute_error": np.sign(size),
        "huber": np.minimum(size, delta),
    }
    for name, loss in sums.items():
        check(name, z, target, *([delta] if name == "huber" else []), loss_bound=e * (f + 6) * loss.mean(axis=1),
              gradient_bound=3 * e * slopes[name] / (n * f))  # fmt: skip


def check_binary(z: Array, target: Array) -> None:
    """-t log p - (1 - t) log(1 - p): all terms positive, so the loss is relatively exact where t is 0 or 1;
    elsewhere z t is rounded."""
    e, (n, f) = eps(z.dtype), z.shape
    wide = z.astype(np.float64)
    small = np.exp(-np.abs(wide))
    inside = np.abs(wide) * ((target > 0) & (target < 1))
    terms = np.where(target == 1, np.maximum(-wide, 0), np.maximum(wide, 0)) + np.log1p(small) + inside
    share = np.where(wide > 0, 1, small) / (1 + small)
    check("binary_cross_entropy", z, target, loss_bound=e * (f + 8) * terms.mean(axis=1),
          gradient_bound=e * (3 * share + 3 * target) / (n * f))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: tuple[int, int], dtype: Any) -> None:
    n, c = shape
    rng = np.random.default_rng(16)
    z = (4 * rng.standard_normal(shape)).astype(dtype)
    labels = rng.integers(0, c, n)
    none, weights = np.empty(0, dtype), rng.uniform(0.2, 3, c).astype(dtype)
    p = rng.random(shape).astype(dtype)
    p /= p.sum(axis=1, keepdims=True)
    for class_weights in (none, weights):
        for smoothing in (0.0, 0.1, 1.0):
            check_cross_entropy(z, labels, class_weights, smoothing)
            check_probabilities(z, p, class_weights, smoothing)
    check_regression(z, normal(rng, shape, dtype), 1.5)
    check_binary(z, rng.integers(0, 2, shape).astype(dtype))
    check_binary(z, rng.random(shape).astype(dtype))


@settings(adversarial)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), n=st.integers(1, 6), c=st.integers(1, 12),
       smoothing=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))  # fmt: skip
def test_adversarial_cross_entropy(data: Any, dtype: Any, n: int, c: int, smoothing: float) -> None:
    z = data.draw(hnp.arrays(np.float32, (n, c), elements=logits)).astype(dtype)
    labels = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, c - 1)))
    weight = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.015625, 100, width=32))
    weights = data.draw(hnp.arrays(np.float32, data.draw(st.sampled_from([0, c])), elements=weight)).astype(dtype)
    if weights.size:
        weights[labels[0]] = 1  # a batch that weighs nothing has a test of its own
    check_cross_entropy(z, labels, weights, smoothing)
    p = data.draw(hnp.arrays(np.float32, (n, c), elements=st.floats(0, 1, width=32))).astype(dtype)
    check_probabilities(z, p, weights, smoothing)


@settings(adversarial)
@given(data=st.data(), dtype=st.sampled_from(DTYPES), n=st.integers(1, 6), f=st.integers(1, 12))
def test_adversarial_regression_and_binary(data: Any, dtype: Any, n: int, f: int) -> None:
    z = data.draw(hnp.arrays(np.float32, (n, f), elements=logits)).astype(dtype)
    target = data.draw(hnp.arrays(np.float32, (n, f), elements=logits)).astype(dtype)
    target = np.where(data.draw(hnp.arrays(np.bool_, (n, f))), z, target)  # equal ones too
    check_regression(z, target, data.draw(st.sampled_from([0.25, 1.0, 50.0])))
    share = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1, width=32))
    check_binary(z, data.draw(hnp.arrays(np.float32, (n, f), elements=share)).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_logits_cost_no_digits(dtype: Any) -> None:
    """Softmax does not change when all logits move: at 10,000 the loss of two equal ones is still log 2."""
    for top in (0.0, 32.0, 10_000.0):
        z, labels = np.full((3, 2), top, dtype), np.array([0, 1, 0])
        _, (losses, _), (dz, _) = run("cross_entropy", z, labels, np.empty(0, dtype), 0.0)
        np.testing.assert_allclose(losses, np.log(2), rtol=4 * eps(dtype))
        np.testing.assert_allclose(np.abs(dz), 1 / 6, rtol=4 * eps(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_confident_right_answer_has_a_small_loss_not_zero(dtype: Any) -> None:
    """log(1 + e^-12) = 6e-6 is what is left to learn."""
    z = np.array([[12.0], [-12.0]], dtype)
    _, (losses, _), _ = run("binary_cross_entropy", z, np.array([[1.0], [0.0]], dtype))
    np.testing.assert_allclose(losses, np.log1p(np.exp(-12.0)), rtol=8 * eps(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinite_logits_where_the_loss_is_defined(dtype: Any) -> None:
    inf = np.inf
    z = np.array([[0, -inf, 1], [-inf, 2, -inf], [-inf, 0, 0]], dtype)
    none = np.empty(0, dtype)
    _, (losses, want), (dz, gradient) = run("cross_entropy", z, np.array([0, 1, 0]), none, 0.0)
    assert losses[2] == inf and np.isfinite(losses[:2]).all()
    assert_within(losses, want, 8 * eps(dtype))
    assert_within(dz, gradient, 8 * eps(dtype))
    one_hot = np.eye(3, dtype=dtype)[[0, 1, 1]]
    _, (losses, want), (dz, gradient) = run("cross_entropy_probabilities", z, one_hot, none, 0.0)
    assert_within(losses, want, 8 * eps(dtype))
    assert_within(dz, gradient, 8 * eps(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_diverged_network_shows(bad: float, dtype: Any) -> None:
    """NaN (or inf) in one sample: its loss, its gradient and the total are not finite; others are."""
    rng = np.random.default_rng(17)
    z, target = normal(rng, (6, 7), dtype), rng.random((6, 7)).astype(dtype)
    z[2, 3] = bad
    none = np.empty(0, dtype)
    calls = {
        "cross_entropy": (np.array([0, 1, 2, 3, 4, 5]), none, 0.1),
        "cross_entropy_probabilities": (target, none, 0.1),
        "mean_squared_error": (target,),
        "mean_absolute_error": (target,),
        "huber": (target, 1.0),
        "binary_cross_entropy": (target,),
    }
    for name, rest in calls.items():
        (added, _), (losses, _), (dz, _) = run(name, z, *rest)
        others = [0, 1, 3, 4, 5]
        assert not np.isfinite(losses[2]) and not np.isfinite(added[0]), name
        assert np.isfinite(losses[others]).all() and np.isfinite(dz[others]).all(), name
        if np.isnan(bad):
            assert np.isnan(dz[2]).any(), name


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
def test_a_batch_that_weighs_nothing(kernels: Any) -> None:
    """All labels of weight 0: 0 / 0 would be NaN in every gradient, and then in every weight of the network."""
    totals, losses, dz = np.zeros(4), np.empty(3), np.full((3, 2), np.nan)
    kernels.cross_entropy(totals, losses, dz, np.ones((3, 2)), np.zeros(3, np.int64), NO_MASK, np.array([0.0, 1.0]),
                          0.0, NO_LABEL)  # fmt: skip
    np.testing.assert_array_equal(dz, 0)
    np.testing.assert_array_equal(losses, 0)
    np.testing.assert_array_equal(totals[[0, 1, 3]], [0, 0, 3])


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("label", [-1, 3, 2**62, -(2**62)])
def test_a_label_out_of_range(kernels: Any, label: int) -> None:
    """Before anything is written: with the totals, an epoch would be lost."""
    totals, z = np.zeros(4), np.ones((4, 3), np.float32)
    with pytest.raises(ValueError):
        kernels.cross_entropy(totals, np.empty(4, np.float32), np.empty((4, 3), np.float32), z,
                              np.array([0, 1, 2, label]), NO_MASK, np.empty(0, np.float32), 0.0, NO_LABEL)  # fmt: skip
    np.testing.assert_array_equal(totals, 0)


def test_no_samples() -> None:
    """An empty batch adds nothing."""
    none, z = np.empty(0), np.empty((0, 3))
    for name, rest in {
        "cross_entropy": (np.empty(0, np.int64), none, 0.0),
        "cross_entropy_probabilities": (z, none, 0.0),
        "mean_squared_error": (z,),
        "mean_absolute_error": (z,),
        "huber": (z, 1.0),
        "binary_cross_entropy": (z,),
    }.items():
        totals = BEFORE.copy()
        getattr(cpu, name)(totals, none, z, z, *inputs(name, *rest))
        np.testing.assert_array_equal(totals, BEFORE, err_msg=name)


@pytest.mark.parametrize("name", ["cross_entropy", "cross_entropy_probabilities", "mean_squared_error", "huber",
                                  "mean_absolute_error", "binary_cross_entropy"])  # fmt: skip
@pytest.mark.parametrize("mask", [NO_MASK, np.array([1, 0, 1, 1], np.uint8)], ids=["all", "masked"])
def test_the_oracles_gradient_is_the_slope_of_its_mean_loss(name: str, mask: Array) -> None:
    """Central differences in float64, h = 1e-5: errors of h^2 (1e-10) and eps / h (1e-11)."""
    rng = np.random.default_rng(18)
    z, target = rng.standard_normal((4, 5)), rng.random((4, 5))
    weights = rng.uniform(0.2, 2, 5)
    rest: Any = {
        "cross_entropy": (np.array([1, 0, 4, 4]), weights, 0.2),
        "cross_entropy_probabilities": (target, weights, 0.2),
        "huber": (target, 0.8),
    }.get(name, (target,))
    arguments = inputs(name, *rest, mask=mask, ignore=0)

    def mean_loss() -> float:
        totals = np.zeros(4)
        getattr(reference, name)(totals, np.empty(4), np.empty((0, 0)), z, *arguments)
        return float(totals[0] / totals[1])

    dz, h = np.empty_like(z), 1e-5
    getattr(reference, name)(np.zeros(4), np.empty(4), dz, z, *arguments)
    for at in np.ndindex(z.shape):
        before = z[at]
        z[at] = before + h
        above = mean_loss()
        z[at] = before - h
        slope = (above - mean_loss()) / (2 * h)
        z[at] = before
        assert abs(slope - dz[at]) < 1e-8


def test_shapes_must_agree() -> None:
    z, none, totals = np.ones((3, 2)), np.empty(0), np.zeros(4)
    losses, labels = np.ones(3), np.zeros(3, np.int64)
    for wrong in (
        (np.ones(2), z, z, labels, NO_MASK, none, 0.0),
        (losses, np.ones((2, 2)), z, labels, NO_MASK, none, 0.0),
        (losses, z, z, labels[:2], NO_MASK, none, 0.0),
        (losses, z, z, labels, np.ones(2, np.uint8), none, 0.0),
        (losses, z, z, labels, NO_MASK, np.ones(3), 0.0),
    ):
        with pytest.raises(ValueError):
            cpu.cross_entropy(totals, *wrong, -1)
    for name in ("mean_squared_error", "mean_absolute_error", "binary_cross_entropy"):
        for arguments in (
            (np.ones(2), z, z, z),
            (losses, z, z, np.ones((3, 1))),
            (losses, np.ones((3, 1)), z, z),
        ):
            with pytest.raises(ValueError):
                getattr(cpu, name)(totals, *arguments, NO_MASK)
    with pytest.raises(ValueError):
        cpu.huber(totals, losses, z, z, np.ones((3, 1)), NO_MASK, 1.0)
    with pytest.raises(ValueError):
        cpu.cross_entropy_probabilities(totals, losses, z, z, np.ones((3, 1)), NO_MASK, none, 0.0)
