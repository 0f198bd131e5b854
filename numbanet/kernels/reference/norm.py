"""Batch, group, layer and RMS normalization, forward and backward. Outputs are overwritten (`=`).

What backward does is the derivative of forward, taken the long way: through the mean and the variance. `scratch` is
what the kernels want; nothing is done with it here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numbanet.kernels.reference.activation import activation_backward, activation_forward
from numbanet.kernels.reference.arrays import Array, quiet, wide

Wide = NDArray[np.float64]


@quiet
def batch_norm_moments(
    mean: Array,
    variance: Array,
    running_mean: Array,
    running_variance: Array,
    x: Array,
    momentum: float,
    scratch: Array,
) -> None:
    """mean, variance (c,) = those of the columns of x (n, c); the running ones move towards them by `momentum`.

    The running variance (`+=`, like the running mean) takes in the estimate for the population, with n - 1.
    """
    if len(x) < 2:
        raise ValueError("batch_norm_moments: one row has no variance: x must have two rows or more")
    moments = np.mean(wide(x), axis=0), np.var(wide(x), axis=0)
    mean[...], variance[...] = moments
    running_mean[...] = (1 - momentum) * wide(running_mean) + momentum * moments[0]
    population = moments[1] * len(x) / (len(x) - 1)
    running_variance[...] = (1 - momentum) * wide(running_variance) + momentum * population


@quiet
def batch_norm_forward(
    y: Array,
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array,
    beta: Array,
    epsilon: float,
    activation: int,
    scratch: Array,
) -> None:
    """y = act((x - mean) / sqrt(variance + epsilon) gamma + beta): x, y (n, c), the rest (c,); act in codes.FUSED."""
    z = (wide(x) - wide(mean)) / np.sqrt(wide(variance) + epsilon) * wide(gamma) + wide(beta)
    activation_forward(z.reshape(-1), z.reshape(-1), activation, 0.0)
    y[...] = z


def _before_activation(dy: Array, y: Array, activation: int) -> Wide:
    """dz for y = act(z)."""
    dz = np.empty(dy.shape)
    activation_backward(dz.reshape(-1), dy.reshape(-1), y.reshape(-1)[:0], y.reshape(-1), activation, 0.0)
    return dz


@quiet
def batch_norm_backward_params(
    dgamma: Array,
    dbeta: Array,
    dy: Array,
    x: Array,
    y: Array,
    mean: Array,
    variance: Array,
    gamma: Array,
    beta: Array,
    epsilon: float,
    activation: int,
    scratch: Array,
) -> None:
    """dbeta = the column sums of dz; dgamma = those of dz (x - mean) / sqrt(variance + epsilon)."""
    dz = _before_activation(dy, y, activation)
    xhat = (wide(x) - wide(mean)) / np.sqrt(wide(variance) + epsilon)
    dgamma[...] = np.sum(dz * xhat, axis=0)
    dbeta[...] = np.sum(dz, axis=0)


@quiet
def batch_norm_backward_input(
    dx: Array,
    dy: Array,
    x: Array,
    y: Array,
    mean: Array,
    variance: Array,
    gamma: Array,
    beta: Array,
    dgamma: Array,
    dbeta: Array,
    epsilon: float,
    activation: int,
    train: bool,
    scratch: Array,
) -> None:
    """dx (n, c), through mean and variance where they are the batch's (`train`), as constants where they are not.

    dgamma and dbeta: what `batch_norm_backward_params` made of the same arrays.
    """
    std = np.sqrt(wide(variance) + epsilon)
    dxhat = _before_activation(dy, y, activation) * wide(gamma)
    if not train:
        dx[...] = dxhat / std
        return
    dx[...] = _through_moments(dxhat, wide(x) - wide(mean), std, (0,))


def _through_moments(dxhat: Wide, centred: Wide, std: Wide, axes: tuple[int, ...]) -> Wide:
    """dx of xhat = centred / std, with mean and variance over `axes`."""
    n = np.prod([dxhat.shape[axis] for axis in axes])
    dvariance = np.sum(dxhat * centred, axis=axes, keepdims=True) * -0.5 * std**-3
    dmean = -np.sum(dxhat, axis=axes, keepdims=True) / std
    return np.asarray(dxhat / std + dvariance * 2 * centred / n + dmean / n)


def _groups(x: Array, groups: int) -> Wide:
    """x (n, pixels, c) as (n, pixels, groups, c / groups)."""
    n, pixels, channels = x.shape
    return wide(x).reshape(n, pixels, groups, channels // groups)


@quiet
def group_norm_forward(
    y: Array, mean: Array, inverse_std: Array, x: Array, gamma: Array, beta: Array, epsilon: float, scratch: Array
) -> None:
    """y = (x - mean) inverse_std gamma + beta, of each group of channels of each example, over all its pixels.

    x, y (n, pixels, c); mean, inverse_std (n, groups); gamma, beta (c,).
    """
    grouped = _groups(x, mean.shape[1])
    means = np.mean(grouped, axis=(1, 3), keepdims=True)
    inverse = 1 / np.sqrt(np.var(grouped, axis=(1, 3), keepdims=True) + epsilon)
    y[...] = ((grouped - means) * inverse).reshape(x.shape) * wide(gamma) + wide(beta)
    mean[...], inverse_std[...] = means[:, 0, :, 0], inverse[:, 0, :, 0]


@quiet
def group_norm_backward(
    dx: Array,
    dgamma: Array,
    dbeta: Array,
    dy: Array,
    x: Array,
    mean: Array,
    inverse_std: Array,
    gamma: Array,
    scratch: Array,
) -> None:
    """dx, dy, x (n, pixels, c); mean, inverse_std (n, groups); gamma and the gradients dgamma, dbeta (c,)."""
    groups = mean.shape[1]
    centred = _groups(x, groups) - wide(mean)[:, None, :, None]
    std = 1 / wide(inverse_std)[:, None, :, None]
    dgamma[...] = np.sum(wide(dy) * (centred / std).reshape(x.shape), axis=(0, 1))
    dbeta[...] = np.sum(wide(dy), axis=(0, 1))
    dxhat = _groups(wide(dy) * wide(gamma), groups)
    dx[...] = _through_moments(dxhat, centred, std, (1, 3)).reshape(x.shape)


@quiet
def layer_norm_forward(
    y: Array, mean: Array, inverse_std: Array, x: Array, gamma: Array, beta: Array, epsilon: float
) -> None:
    """y = (x - mean) inverse_std gamma + beta, of each row: x, y (n, c); mean, inverse_std (n,); gamma, beta (c,)."""
    means = np.mean(wide(x), axis=1, keepdims=True)
    inverse = 1 / np.sqrt(np.var(wide(x), axis=1, keepdims=True) + epsilon)
    y[...] = (wide(x) - means) * inverse * wide(gamma) + wide(beta)
    mean[...], inverse_std[...] = means[:, 0], inverse[:, 0]


@quiet
def layer_norm_backward(
    dx: Array,
    dgamma: Array,
    dbeta: Array,
    dy: Array,
    x: Array,
    mean: Array,
    inverse_std: Array,
    gamma: Array,
    scratch: Array,
) -> None:
    """dx, dy, x (n, c); mean, inverse_std (n,); gamma and the gradients dgamma, dbeta (c,)."""
    centred, std = wide(x) - wide(mean)[:, None], 1 / wide(inverse_std)[:, None]
    dgamma[...] = np.sum(wide(dy) * centred / std, axis=0)
    dbeta[...] = np.sum(wide(dy), axis=0)
    dx[...] = _through_moments(wide(dy) * wide(gamma), centred, std, (1,))


@quiet
def rms_norm_forward(y: Array, inverse_rms: Array, x: Array, gamma: Array, epsilon: float) -> None:
    """y = x inverse_rms gamma, inverse_rms = 1 / sqrt(mean of x^2 + epsilon) of each row: x (n, c), gamma (c,)."""
    inverse = 1 / np.sqrt(np.mean(np.square(wide(x)), axis=1, keepdims=True) + epsilon)
    y[...] = wide(x) * inverse * wide(gamma)
    inverse_rms[...] = inverse[:, 0]


@quiet
def rms_norm_backward(
    dx: Array, dgamma: Array, dy: Array, x: Array, inverse_rms: Array, gamma: Array, scratch: Array
) -> None:
    """dx, dy, x (n, c); inverse_rms (n,); gamma and its gradient dgamma (c,)."""
    x, inverse = wide(x), wide(inverse_rms)[:, None]
    dgamma[...] = np.sum(wide(dy) * x * inverse, axis=0)
    dxhat = wide(dy) * wide(gamma)
    dinverse = np.sum(dxhat * x, axis=1, keepdims=True)
    dx[...] = dxhat * inverse - dinverse * inverse**3 * x / x.shape[1]
