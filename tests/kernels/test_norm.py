"""Batch, group, layer and RMS normalization against the oracle, and where their accuracy is at stake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, geometry
from numbanet.kernels.codes import FUSED, LINEAR, RELU, SIGMOID, TANH
from numbanet.kernels.cpu.batch_norm import SAMPLE

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, normal, out

Array = np.ndarray[Any, Any]
EPSILON, MOMENTUM = 1e-5, 0.1
# (rows, channels): two rows; one channel; primes; less than a wide row and just beyond several; enough for two
# threads; channels that make no whole vectors, and more of them than a wide row takes at a time.
SHAPES = (
    (2, 1), (2, 16), (3, 5), (17, 7), (64, 16), (65, 16), (1000, 1), (5000, 10), (2017, 16), (1030, 32), (700, 33),
    (300, 100), (130, 513),
)  # fmt: skip
IMAGES = ((1, 1, 1, 1), (3, 1, 4, 2), (2, 5, 6, 3), (1, 7, 6, 6), (9, 49, 32, 4), (70, 9, 40, 8), (3, 30, 513, 1))


def scratch(size: int, dtype: Any) -> Out:
    """Full of NaN: what a kernel reads of it, it must have written first."""
    return out(size, dtype)


def inverse_root(variance: Array) -> Array:
    return 1 / np.sqrt(variance.astype(np.float64) + EPSILON)


def own_roundings(dtype: Any, n: int) -> int:
    """How often the oracle itself rounds a sum of n terms, in units of eps(dtype)."""
    return n if dtype == np.float64 else 0


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance, as the kernel hands them on: in the type of x."""
    channels, dtype = x.shape[1], x.dtype
    start = np.linspace(-1, 1, channels, dtype=dtype)
    arguments = (out(channels, dtype), out(channels, dtype), Out(start), Out(start**2), x, MOMENTUM)
    pairs = both("batch_norm_moments", *arguments, scratch(geometry.batch_norm_scratch(channels), dtype))
    (mean, want_mean), (variance, want_variance), *running, _ = pairs
    e, own = eps(dtype), own_roundings(dtype, len(x))
    of_mean = e * ((1 + own) * np.abs(want_mean) + 8 * np.sqrt(want_variance))
    of_variance = (30 + own) * e * want_variance + (own * e * want_mean) ** 2
    assert_within(mean, want_mean, of_mean, "mean")
    assert_within(variance, want_variance, of_variance, "variance")
    assert_within(*running[0], 2 * e + 2 * of_mean, "running mean")
    assert_within(*running[1], 2 * e + 2 * of_variance + 4 * e * want_variance, "running variance")
    return mean, variance


def check_batch_norm(x: Array, gamma: Array, beta: Array, dy: Array, activation: int) -> None:
    """All four kernels. The moments are those of x, so that x normalized is of size 1; whatever is worked out of
    them is rounded some four times, and sums of n terms n times more."""
    (n, channels), dtype, e = x.shape, x.dtype, eps(x.dtype)
    mean, variance = moments(x)
    room = geometry.batch_norm_scratch(channels)
    affine = (mean, variance, gamma, beta)
    centred, inverse = np.abs(x.astype(np.float64) - mean), inverse_root(variance)
    wide_gamma = np.abs(gamma.astype(np.float64))

    y_pair, _ = both("batch_norm_forward", out(x.shape, dtype), x, *affine, EPSILON, activation, scratch(room, dtype))
    y, want = y_pair
    bound = 4 * e * (centred * inverse * wide_gamma + np.abs(beta))
    assert_within(y, want, bound + (0 if activation in (LINEAR, RELU) else 2 * e * np.abs(want)), "y")

    sums = out(channels, dtype), out(channels, dtype)
    arguments = (dy, x, y, *affine)
    dgamma_pair, dbeta_pair, _ = both(
        "batch_norm_backward_params", *sums, *arguments, EPSILON, activation, scratch(room, dtype)
    )
    dz = np.abs(dy.astype(np.float64))
    assert_within(*dgamma_pair, (n + 8) * e * np.sum(dz * centred * inverse, axis=0), "dgamma")
    assert_within(*dbeta_pair, (n + 8) * e * np.sum(dz, axis=0), "dbeta")

    dgamma, dbeta = (pair[1].astype(dtype) for pair in (dgamma_pair, dbeta_pair))
    for train in (True, False):
        dx_pair, _ = both(
            "batch_norm_backward_input", out(x.shape, dtype), *arguments, dgamma, dbeta, EPSILON, activation, train,
            scratch(room, dtype),
        )  # fmt: skip
        shares = (np.abs(dbeta) + centred * inverse * np.abs(dgamma)) / n if train else 0
        bound = (8 + own_roundings(dtype, n)) * e * wide_gamma * inverse * (dz + shares)
        assert_within(*dx_pair, bound, "dx")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm(shape: tuple[int, int], dtype: Any) -> None:
    rng = np.random.default_rng(70)
    x, dy = normal(rng, shape, dtype) * dtype(3) + dtype(2), normal(rng, shape, dtype)
    gamma, beta = normal(rng, shape[1], dtype), normal(rng, shape[1], dtype)
    for activation in sorted(FUSED):
        check_batch_norm(x, gamma, beta, dy, activation)


@settings(adversarial)
@given(n=st.integers(2, 300), channels=st.integers(1, 70), activation=st.sampled_from(sorted(FUSED)),
       dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32), spread=st.sampled_from([1e-2, 1.0, 1e3]))  # fmt: skip
def test_batch_norm_of_any_shape(n: int, channels: int, activation: int, dtype: Any, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    x = normal(rng, (n, channels), dtype) * dtype(spread)
    gamma, beta, dy = (normal(rng, shape, dtype) for shape in (channels, channels, (n, channels)))
    check_batch_norm(x, gamma, beta, dy, activation)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ratio", [1e2, 1e4])
def test_a_large_mean_and_a_small_variance(ratio: float, dtype: Any) -> None:
    """The textbook's E[x^2] - E[x]^2 would have no digit left of the variance in float32."""
    rng = np.random.default_rng(71)
    x = (ratio * rng.choice([-1, 1], 10) + normal(rng, (4000, 10), np.float64)).astype(dtype)
    mean, variance = moments(x)
    beta = np.ones(10, dtype)
    y, _ = both(
        "batch_norm_forward", out(x.shape, dtype), x, mean, variance, beta, beta, EPSILON, LINEAR,
        scratch(geometry.batch_norm_scratch(10), dtype),
    )  # fmt: skip
    # Against the true moments: the mean was rounded once, and all of y is off by that.
    wide = x.astype(np.float64)
    true = (wide - wide.mean(axis=0)) / np.sqrt(wide.var(axis=0) + EPSILON) + 1
    own = own_roundings(dtype, len(x))
    assert_within(y[0], true, eps(dtype) * ((1 + own) * ratio + (30 + own) * np.abs(true)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sample_far_from_the_mean(dtype: Any) -> None:
    """The rows that the pivot is taken from are the only ones of their kind: the moments are taken once more."""
    rng = np.random.default_rng(72)
    x = normal(rng, (8000, 5), dtype)
    x[:: 8000 // SAMPLE, 1] = 1e4
    x[:: 8000 // SAMPLE, 3] += 1e5
    moments(x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 37, 5000])
@pytest.mark.parametrize("value", [0.0, 0.1, -1000.1, 1e6])
def test_constant_channels_become_exactly_beta(value: float, n: int, dtype: Any) -> None:
    x = np.full((n, 6), value, dtype)
    x[:, 2] = np.arange(n)
    constant = [0, 1, 3, 4, 5]
    mean, variance = moments(x)
    np.testing.assert_array_equal(mean[constant], x[0, constant])
    np.testing.assert_array_equal(variance[constant], 0)
    gamma, beta = np.full(6, 3, dtype), np.linspace(-1, 1, 6, dtype=dtype)
    y = np.empty_like(x)
    room = np.empty(geometry.batch_norm_scratch(6), dtype)
    cpu.batch_norm_forward(y, x, mean, variance, gamma, beta, EPSILON, LINEAR, room)
    np.testing.assert_array_equal(y[:, constant], np.broadcast_to(beta[constant], (n, 5)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(700, 5), (3000, 16)])
def test_relu_passes_a_gradient_exactly_where_its_output_is_positive(shape: tuple[int, int], dtype: Any) -> None:
    """Backward works the sign out anew, and must find forward's, however close to zero: a sum such as
    (x - mean) scale + shift has another sign where it is rounded another way."""
    rng = np.random.default_rng(73)
    channels, beta = shape[1], normal(rng, shape[1], dtype)
    gamma, mean, variance = (np.abs(normal(rng, channels, dtype)) + dtype(0.1) for _ in range(3))
    zero = mean - beta / gamma * np.sqrt(variance + dtype(EPSILON))  # where y is about 0
    x = (zero * (1 + rng.integers(-3, 4, shape) * np.finfo(dtype).eps)).astype(dtype)
    y, dx, room = np.empty_like(x), np.empty_like(x), np.empty(geometry.batch_norm_scratch(channels), dtype)
    affine = (mean, variance, gamma, beta)
    cpu.batch_norm_forward(y, x, *affine, EPSILON, RELU, room)
    assert 0.1 < np.mean(y > 0) < 0.9
    dy = np.ones_like(x)
    cpu.batch_norm_backward_input(dx, dy, x, y, *affine, gamma, beta, EPSILON, RELU, False, room)
    np.testing.assert_array_equal(dx != 0, y > 0)
    dgamma, dbeta = np.empty_like(beta), np.empty_like(beta)
    cpu.batch_norm_backward_params(dgamma, dbeta, dy, x, y, *affine, EPSILON, RELU, room)
    np.testing.assert_array_equal(dbeta, (y > 0).sum(axis=0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", [LINEAR, RELU, SIGMOID, TANH])
@pytest.mark.parametrize("at", [0, 777])
def test_nan_and_infinity_spoil_their_channel_alone(activation: int, bad: float, at: int, dtype: Any) -> None:
    x = normal(np.random.default_rng(74), (1500, 12), dtype)
    x[at, 7] = bad
    others = [j for j in range(12) if j != 7]
    mean, variance, running, gamma = (np.ones(12, dtype) for _ in range(4))
    room, y = np.empty(geometry.batch_norm_scratch(12), dtype), np.empty_like(x)
    cpu.batch_norm_moments(mean, variance, running, running.copy(), x, MOMENTUM, room)
    cpu.batch_norm_forward(y, x, mean, variance, gamma, gamma, EPSILON, activation, room)
    assert not np.isfinite(mean[7]) and np.isnan(variance[7]) and np.isnan(y[:, 7]).all()
    assert np.isfinite(mean[others]).all() and np.isfinite(variance[others]).all() and np.isfinite(y[:, others]).all()
    dx, dgamma, dbeta = np.empty_like(x), np.empty_like(mean), np.empty_like(mean)
    affine = (mean, variance, gamma, gamma)
    cpu.batch_norm_backward_params(dgamma, dbeta, x, x, y, *affine, EPSILON, activation, room)
    cpu.batch_norm_backward_input(dx, x, x, y, *affine, dgamma, dbeta, EPSILON, activation, True, room)
    assert np.isnan(dgamma[7]) and np.isnan(dx[:, 7]).all()
    assert np.isfinite(dgamma[others]).all() and np.isfinite(dx[:, others]).all()


def test_one_row_has_no_variance() -> None:
    one = np.ones(3)
    room = np.empty(geometry.batch_norm_scratch(3))
    with pytest.raises(ValueError, match="two rows or more"):
        cpu.batch_norm_moments(one, one.copy(), one.copy(), one.copy(), np.ones((1, 3)), MOMENTUM, room)


def check_group_norm(x: Array, groups: int, gamma: Array, beta: Array, dy: Array) -> None:
    """Mean and variance of m numbers: their sums are rounded up to m times, relative to the numbers' spread, which
    is some standard deviations, and the mean once more relative to itself."""
    n, pixels, channels = x.shape
    dtype, e, size, m = x.dtype, eps(x.dtype), channels // groups, pixels * channels // groups
    room = geometry.group_norm_scratch(channels)
    outputs = out(x.shape, dtype), out((n, groups), dtype), out((n, groups), dtype)
    y, mean, inverse_std, _ = both("group_norm_forward", *outputs, x, gamma, beta, EPSILON, scratch(room, dtype))
    means, inverse = (np.repeat(pair[1], size, axis=1)[:, None] for pair in (mean, inverse_std))
    xhat = (x.astype(np.float64) - means) * inverse
    wide_gamma = np.abs(gamma.astype(np.float64))
    rounding = np.abs(means) * inverse + (m + 8) * (4 + np.abs(xhat))
    assert_within(y[0], y[1], e * (rounding * wide_gamma + np.abs(beta)), "y")
    assert_within(*mean, e * (np.abs(mean[1]) + (m + 8) * 4 / inverse_std[1]), "mean")
    assert_within(*inverse_std, (m + 8) * e * inverse_std[1], "inverse_std")

    gradients = out(x.shape, dtype), out(channels, dtype), out(channels, dtype)
    dx, dgamma, dbeta, _ = both(
        "group_norm_backward", *gradients, dy, x, mean[0], inverse_std[0], gamma, scratch(room, dtype)
    )
    size_of_dy, xhat = np.abs(dy.astype(np.float64)), np.abs(xhat)
    assert_within(*dgamma, (n * pixels + 8) * e * np.sum(size_of_dy * (xhat + 4 * e), axis=(0, 1)), "dgamma")
    assert_within(*dbeta, (n * pixels + 8) * e * np.sum(size_of_dy, axis=(0, 1)), "dbeta")
    g = (size_of_dy * wide_gamma).reshape(n, pixels, groups, size)
    xhat = xhat.reshape(g.shape)
    by_mean, by_variance = (np.mean(a, axis=(1, 3), keepdims=True) for a in (g, g * xhat))
    bound = (m + 8) * e * inverse_std[1][:, None, :, None] * (g + by_mean + xhat * by_variance)
    assert_within(*dx, bound.reshape(x.shape), "dx")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("image", IMAGES)
def test_group_norm(image: tuple[int, int, int, int], dtype: Any) -> None:
    *shape, groups = image
    rng = np.random.default_rng(75)
    x, dy = normal(rng, shape, dtype) * dtype(2) + dtype(5), normal(rng, shape, dtype)
    check_group_norm(x, groups, normal(rng, shape[2], dtype), normal(rng, shape[2], dtype), dy)


@settings(adversarial)
@given(n=st.integers(0, 5), pixels=st.integers(1, 40), size=st.integers(1, 9), groups=st.integers(1, 9),
       dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32))  # fmt: skip
def test_group_norm_of_any_shape(n: int, pixels: int, size: int, groups: int, dtype: Any, seed: int) -> None:
    rng, channels = np.random.default_rng(seed), size * groups
    x, dy = normal(rng, (n, pixels, channels), dtype), normal(rng, (n, pixels, channels), dtype)
    check_group_norm(x, groups, normal(rng, channels, dtype), normal(rng, channels, dtype), dy)


def check_layer_norm(x: Array, gamma: Array, beta: Array, dy: Array) -> None:
    """Layer and RMS normalization; as for groups, with the rows' columns in place of pixels."""
    (n, channels), dtype, e = x.shape, x.dtype, eps(x.dtype)
    room = geometry.layer_norm_scratch(channels)
    y, mean, inverse_std = both(
        "layer_norm_forward", out(x.shape, dtype), out(n, dtype), out(n, dtype), x, gamma, beta, EPSILON
    )
    means, inverse = mean[1][:, None], inverse_std[1][:, None]
    xhat = (x.astype(np.float64) - means) * inverse
    wide_gamma, size = np.abs(gamma.astype(np.float64)), np.abs(dy.astype(np.float64))
    rounding = np.abs(means) * inverse + (channels + 8) * (4 + np.abs(xhat))
    assert_within(*y, e * (rounding * wide_gamma + np.abs(beta)), "layer_norm: y")
    gradients = out(x.shape, dtype), out(channels, dtype), out(channels, dtype)
    dx, dgamma, dbeta, _ = both(
        "layer_norm_backward", *gradients, dy, x, mean[0], inverse_std[0], gamma, scratch(room, dtype)
    )
    check_rows(dx, dgamma, size, xhat, wide_gamma, inverse)
    assert_within(*dbeta, (n + 8) * e * np.sum(size, axis=0), "layer_norm: dbeta")

    y, inverse_rms = both("rms_norm_forward", out(x.shape, dtype), out(n, dtype), x, gamma, EPSILON)
    assert_within(*inverse_rms, (channels + 4) * e * inverse_rms[1], "inverse_rms")
    assert_within(*y, (channels + 8) * e * np.abs(y[1]), "rms_norm: y")
    inverse = inverse_rms[1][:, None]
    dx, dgamma, _ = both(
        "rms_norm_backward", out(x.shape, dtype), out(channels, dtype), dy, x, inverse_rms[0], gamma,
        scratch(room, dtype),
    )  # fmt: skip
    check_rows(dx, dgamma, size, x.astype(np.float64) * inverse, wide_gamma, inverse)


def check_rows(dx: Any, dgamma: Any, dy: Array, xhat: Array, gamma: Array, inverse: Array) -> None:
    """dx of two sums over the row, dgamma of one over the rows."""
    (n, channels), e, xhat, g = xhat.shape, eps(dx[0].dtype), np.abs(xhat), dy * gamma
    by_mean, by_variance = (np.mean(a, axis=1, keepdims=True) for a in (g, g * xhat))
    assert_within(*dx, (channels + 8) * e * inverse * (g + by_mean + xhat * by_variance), "dx")
    assert_within(*dgamma, (n + 8) * e * np.sum(dy * (xhat + 4 * e), axis=0), "dgamma")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), *SHAPES, (7, 3000)])
def test_layer_norm(shape: tuple[int, int], dtype: Any) -> None:
    rng = np.random.default_rng(76)
    x, dy = normal(rng, shape, dtype) * dtype(2) + dtype(5), normal(rng, shape, dtype)
    check_layer_norm(x, normal(rng, shape[1], dtype), normal(rng, shape[1], dtype), dy)


@settings(adversarial)
@given(n=st.integers(0, 60), channels=st.integers(1, 70), dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32))
def test_layer_norm_of_any_shape(n: int, channels: int, dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, dy = normal(rng, (n, channels), dtype), normal(rng, (n, channels), dtype)
    check_layer_norm(x, normal(rng, channels, dtype), normal(rng, channels, dtype), dy)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0.1, -1000.1, 1e6])
def test_constant_rows_and_groups_become_exactly_beta(value: float, dtype: Any) -> None:
    x = np.full((50, 7, 12), value, dtype)
    gamma, beta, y = np.full(12, 3, dtype), np.linspace(-1, 1, 12, dtype=dtype), np.empty_like(x)
    statistics = np.empty((50, 3), dtype), np.empty((50, 3), dtype)
    cpu.group_norm_forward(y, *statistics, x, gamma, beta, EPSILON, np.empty(geometry.group_norm_scratch(12), dtype))
    np.testing.assert_array_equal(y, np.broadcast_to(beta, x.shape))
    rows, y_rows = x.reshape(-1, 12), np.empty((350, 12), dtype)
    cpu.layer_norm_forward(y_rows, np.empty(350, dtype), np.empty(350, dtype), rows, gamma, beta, EPSILON)
    np.testing.assert_array_equal(y_rows, np.broadcast_to(beta, rows.shape))


BATCH_NORM = ("batch_norm_moments", "batch_norm_forward", "batch_norm_backward_params", "batch_norm_backward_input")
ROW_NORM = (
    "group_norm_forward", "group_norm_backward", "layer_norm_forward", "layer_norm_backward", "rms_norm_forward",
    "rms_norm_backward",
)  # fmt: skip


def fitting(name: str) -> tuple[Any, ...]:
    """Arguments that fit each other."""
    x, c, room = np.ones((8, 6)), np.ones(6), np.ones(200_000)
    n, images, groups = np.ones(8), np.ones((4, 2, 6)), np.ones((4, 3))
    return {
        "batch_norm_moments": (c.copy(), c.copy(), c.copy(), c.copy(), x, 0.1, room),
        "batch_norm_forward": (x.copy(), x, c, c, c, c, EPSILON, RELU, room),
        "batch_norm_backward_params": (c.copy(), c.copy(), x, x, x, c, c, c, c, EPSILON, RELU, room),
        "batch_norm_backward_input": (x.copy(), x, x, x, c, c, c, c, c, c, EPSILON, RELU, True, room),
        "group_norm_forward": (images.copy(), groups.copy(), groups.copy(), images, c, c, EPSILON, room),
        "group_norm_backward": (images.copy(), c.copy(), c.copy(), images, images, groups, groups, c, room),
        "layer_norm_forward": (x.copy(), n.copy(), n.copy(), x, c, c, EPSILON),
        "layer_norm_backward": (x.copy(), c.copy(), c.copy(), x, x, n, n, c, room),
        "rms_norm_forward": (x.copy(), n.copy(), x, c, EPSILON),
        "rms_norm_backward": (x.copy(), c.copy(), x, x, n, c, room),
    }[name]


@pytest.mark.parametrize("name", [*BATCH_NORM, *ROW_NORM])
def test_shapes_must_agree(name: str) -> None:
    """Each array in turn is one too short along its last axis, and the scratch far too short."""
    arguments = fitting(name)
    getattr(cpu, name)(*arguments)
    for i, argument in enumerate(arguments):
        if isinstance(argument, np.ndarray):
            shorter = argument[:100] if argument.size > 1000 else np.ascontiguousarray(argument[..., :-1])
            with pytest.raises(ValueError):
                getattr(cpu, name)(*arguments[:i], shorter, *arguments[i + 1 :])
