"""Workloads of convolution, pooling, normalization and all else that sees images."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbanet.bench.workloads import Arrays, family
from numbanet.kernels.codes import RELU
from numbanet.kernels.distortion import Distortion
from numbanet.kernels.geometry import (
    batch_norm_scratch,
    channel_dropout_scratch,
    conv2d_scratch,
    group_norm_scratch,
    layer_norm_scratch,
    slide,
)
from numbanet.kernels.mixing import beta_quantiles

Calls = Any  # what a family's function yields: (kernel, arguments, operations)
GROUPS = 4  # of channels, in group normalization


@family(
    "conv2d_forward conv2d_backward_input conv2d_backward_params", "n size channels filters kernel stride groups",
    (128, 26, 32, 64, 3, 1, 1), (128, 28, 1, 6, 5, 1, 1), (128, 14, 64, 64, 1, 1, 1), (128, 28, 32, 32, 3, 1, 32),
)  # fmt: skip
def _convolution(
    a: Arrays, n: int, size: int, channels: int, filters: int, kernel: int, stride: int, groups: int
) -> Calls:
    """Square images and kernels; padded so that the size stays."""
    window, (height, width) = slide((size, size), (kernel, kernel), (stride, stride), padding="same")
    image, result, taps = (size, size, channels), (height, width, filters), (kernel, kernel, channels // groups)
    x, dy, w, b = a.normal(n, *image), a.normal(n, *result), a.normal(*taps, filters), a.normal(filters)
    scratch = a.zeros(conv2d_scratch(window, image, result, groups))
    work = 2.0 * n * height * width * kernel * kernel * channels * filters / groups
    yield "conv2d_forward", (a.zeros(*dy.shape), x, w, b, window, groups, RELU, scratch), work
    yield "conv2d_backward_input", (a.zeros(*x.shape), dy, w, window, groups, scratch), work
    yield "conv2d_backward_params", (a.zeros(*w.shape), a.zeros(filters), x, dy, window, groups, scratch), work


@family(
    "max_pool2d_forward max_pool2d_backward avg_pool2d_forward avg_pool2d_backward", "n size channels kernel stride",
    (128, 24, 64, 2, 2), (128, 24, 64, 3, 2),
)  # fmt: skip
def _pooling(a: Arrays, n: int, size: int, channels: int, kernel: int, stride: int) -> Calls:
    window, (height, width) = slide((size, size), (kernel, kernel), (stride, stride))
    x, dy = a.normal(n, size, size, channels), a.normal(n, height, width, channels)
    yield "max_pool2d_forward", (a.zeros(*dy.shape), x, window), 0.0
    yield "max_pool2d_backward", (a.zeros(*x.shape), dy, x, window), 0.0
    yield "avg_pool2d_forward", (a.zeros(*dy.shape), x, window, False), 0.0
    yield "avg_pool2d_backward", (a.zeros(*x.shape), dy, window, False), 0.0


@family("pad2d upsample2d_forward upsample2d_backward copy_columns", "n size channels", (128, 14, 64))
def _rearrangement(a: Arrays, n: int, size: int, channels: int) -> Calls:
    small, large = a.normal(n, size, size, channels), a.normal(n, 2 * size, 2 * size, channels)
    yield "pad2d", (a.zeros(n, size + 2, size + 2, channels), small, 1, 1), 0.0
    yield "upsample2d_forward", (a.zeros(*large.shape), small), 0.0
    yield "upsample2d_backward", (a.zeros(*small.shape), large), 0.0
    rows = small.reshape(-1, channels)
    yield "copy_columns", (a.zeros(*rows.shape), rows, 0, 0, channels), 0.0


@family(
    "batch_norm_moments batch_norm_forward batch_norm_backward_params batch_norm_backward_input",
    "n channels", (128 * 28 * 28, 16), (128 * 7 * 7, 64),
)  # fmt: skip
def _batch_norm(a: Arrays, n: int, channels: int) -> Calls:
    """n counts examples times pixels."""
    x, dy = a.normal(n, channels), a.normal(n, channels)
    mean, variance, gamma, beta = a.normal(channels), a.uniform(channels) + 1, a.uniform(channels), a.normal(channels)
    affine, how = (mean, variance, gamma, beta), (1e-5, RELU)
    scratch, sums = a.zeros(batch_norm_scratch(channels)), (a.zeros(channels), a.zeros(channels))
    normalized = (x - mean) / np.sqrt(variance + 1e-5).astype(a.dtype)
    y = np.maximum(gamma * normalized + beta, 0)  # what x comes to, and with dy the gradients of gamma and beta
    dgamma, dbeta = ((dy * (y > 0) * factor).sum(axis=0, dtype=a.dtype) for factor in (normalized, 1))
    running = (a.zeros(channels), a.zeros(channels))
    yield "batch_norm_moments", (a.zeros(channels), a.zeros(channels), *running, x, 0.1, scratch), 0.0
    yield "batch_norm_forward", (a.zeros(n, channels), x, *affine, *how, scratch), 0.0
    yield "batch_norm_backward_params", (*sums, dy, x, y, *affine, *how, scratch), 0.0
    into = a.zeros(n, channels)
    yield "batch_norm_backward_input", (into, dy, x, y, *affine, dgamma, dbeta, *how, True, scratch), 0.0


@family("group_norm_forward group_norm_backward channel_dropout", "n pixels channels", (128, 196, 64))
def _of_examples(a: Arrays, n: int, pixels: int, channels: int) -> Calls:
    x, dy, gamma, beta = (*(a.normal(n, pixels, channels) for _ in range(2)), a.normal(channels), a.normal(channels))
    mean, inverse_std, scratch = a.normal(n, GROUPS), a.uniform(n, GROUPS), a.zeros(group_norm_scratch(channels))
    y, sums = a.zeros(*x.shape), (a.zeros(channels), a.zeros(channels))
    yield "group_norm_forward", (y, a.zeros(n, GROUPS), a.zeros(n, GROUPS), x, gamma, beta, 1e-5, scratch), 0.0
    yield "group_norm_backward", (y, *sums, dy, x, mean, inverse_std, gamma, scratch), 0.0
    yield "channel_dropout", (y, x, 0.25, 1, np.array([1]), 1, a.zeros(channel_dropout_scratch(channels))), 0.0


@family("layer_norm_forward layer_norm_backward rms_norm_forward rms_norm_backward", "n features", (8192, 128))
def _of_rows(a: Arrays, n: int, features: int) -> Calls:
    x, dy, gamma, beta = a.normal(n, features), a.normal(n, features), a.normal(features), a.normal(features)
    mean, inverse_std, y = a.normal(n), a.uniform(n), a.zeros(n, features)
    sums, scratch = (a.zeros(features), a.zeros(features)), a.zeros(layer_norm_scratch(features))
    yield "layer_norm_forward", (y, a.zeros(n), a.zeros(n), x, gamma, beta, 1e-5), 0.0
    yield "layer_norm_backward", (y, *sums, dy, x, mean, inverse_std, gamma, scratch), 0.0
    yield "rms_norm_forward", (y, a.zeros(n), x, gamma, 1e-5), 0.0
    yield "rms_norm_backward", (y, sums[0], dy, x, inverse_std, gamma, scratch), 0.0


@family("augment", "n size channels", (128, 28, 1))
def _augmentation(a: Arrays, n: int, size: int, channels: int) -> Calls:
    data = a.below(256, n, size * size * channels).astype(np.uint8)
    distortion = Distortion(1, 10.0, 0.1, 8.0, 1.0, False, 0)
    batch, rows = a.zeros(n, size * size * channels), a.below(n, n)
    yield "augment", (batch, data, rows, (size, size, channels), 1 / 255, distortion, 1, np.array([1])), 0.0


@family("mix_pairs", "n size channels", (128, 28, 1))
def _mixtures(a: Arrays, n: int, size: int, channels: int) -> Calls:
    x, quantiles = a.normal(n, size * size * channels), beta_quantiles(0.2)
    step = np.array([1])
    yield "mix_pairs", (x, a.zeros(n), (size, size, channels), quantiles, quantiles, 1, step), 0.0
