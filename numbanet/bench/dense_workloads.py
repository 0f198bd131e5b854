"""Workloads of matrix products and dense layers, losses, optimizers, and what takes one number after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbanet.bench.workloads import Arrays, family
from numbanet.kernels.codes import RELU, TANH

Calls = Any  # what a family's function yields: (kernel, arguments, operations)
NO_MASK = np.empty(0, np.uint8)  # all samples count
PLAIN = (0.0, 0.0, 0.0, 0.0, 0)  # an optimizer's clip, l1, l2, decay and decay_end: none of them


@family("gemm", "m k n", (128, 784, 128), (1024, 1024, 1024), (37, 301, 53))
def _product(a: Arrays, m: int, k: int, n: int) -> Calls:
    yield "gemm", (a.zeros(m, n), a.normal(m, k), a.normal(k, n), False, False, False), 2.0 * m * k * n


@family(
    "dense_forward dense_backward_input dense_backward_params", "n in out",
    (128, 784, 128), (128, 512, 512), (128, 128, 10), (1, 784, 128),
)  # fmt: skip
def _dense(a: Arrays, n: int, width_in: int, width_out: int) -> Calls:
    x, w, dy, work = a.normal(n, width_in), a.normal(width_in, width_out), a.normal(n, width_out), 2.0 * n
    work *= width_in * width_out
    yield "dense_forward", (a.zeros(n, width_out), x, w, a.normal(width_out), RELU), work
    yield "dense_backward_input", (a.zeros(n, width_in), dy, w), work
    yield "dense_backward_params", (a.zeros(width_in, width_out), a.zeros(width_out), x, dy), work


@family("bias_forward bias_backward", "n channels", (128 * 26 * 26, 32))
def _bias(a: Arrays, n: int, channels: int) -> Calls:
    yield "bias_forward", (a.normal(n, channels), a.normal(channels), RELU), 0.0
    dy = a.normal(max(1, n // 128), 128, channels)
    yield "bias_backward", (a.zeros(channels), a.zeros(len(dy), channels), dy), 0.0


@family(
    "activation_forward activation_backward dense_backward_activation add_activation scale "
    "exp tanh sigmoid erf log1p01 dropout",
    "size", (1_000_000,),
)  # fmt: skip
def _elementwise(a: Arrays, size: int) -> Calls:
    x, dy, y = a.normal(size), a.normal(size), a.uniform(size)
    yield "activation_forward", (a.zeros(size), x, TANH, 0.0), 0.0
    yield "activation_backward", (a.zeros(size), dy, y, y, TANH, 0.0), 0.0  # reads no x
    yield "dense_backward_activation", (a.zeros(size), dy, y, RELU), 0.0
    yield "add_activation", (a.zeros(size), x, dy, RELU), 0.0
    yield "scale", (a.zeros(size), x, 0.5), 0.0
    for name in ("exp", "tanh", "sigmoid", "erf"):
        yield name, (a.zeros(size), x), 0.0
    yield "log1p01", (a.zeros(size), y), 0.0
    yield "dropout", (a.zeros(size), x, 0.25, 1, np.array([1]), 1), 0.0


@family("softmax_forward softmax_backward log_softmax_forward log_softmax_backward", "n classes", (8192, 128))
def _softmax(a: Arrays, n: int, classes: int) -> Calls:
    x, dy, y = a.normal(n, classes), a.normal(n, classes), a.uniform(n, classes)
    for name, output in (("softmax", y), ("log_softmax", -y)):
        yield f"{name}_forward", (a.zeros(n, classes), x), 0.0
        yield f"{name}_backward", (a.zeros(n, classes), dy, output), 0.0


@family("cross_entropy cross_entropy_probabilities", "n classes", (128, 10), (8192, 128))
def _classification(a: Arrays, n: int, classes: int) -> Calls:
    z, none, no_label = a.normal(n, classes), a.zeros(0), -1
    for name, target, more in (("", a.below(classes, n), (no_label,)), ("_probabilities", a.uniform(n, classes), ())):
        outputs = (np.zeros(4), a.zeros(n), a.zeros(n, classes))
        yield f"cross_entropy{name}", (*outputs, z, target, NO_MASK, none, 0.0, *more), 0.0


@family("mean_squared_error mean_absolute_error huber binary_cross_entropy", "n outputs", (8192, 128))
def _regression(a: Arrays, n: int, outputs: int) -> Calls:
    z, target = a.normal(n, outputs), a.uniform(n, outputs)
    for name in ("mean_squared_error", "mean_absolute_error", "binary_cross_entropy"):
        yield name, (np.zeros(4), a.zeros(n), a.zeros(n, outputs), z, target, NO_MASK), 0.0
    yield "huber", (np.zeros(4), a.zeros(n), a.zeros(n, outputs), z, target, NO_MASK, 1.0), 0.0


@family("sgd momentum rmsprop adam clip_scale", "parameters", (100_000,), (1_200_000,))
def _optimizers(a: Arrays, size: int) -> Calls:
    w, g, none = a.normal(size), a.normal(size), a.zeros(0)
    rate, scale, step = np.full(1, 1e-6), np.ones(1), np.ones(1, np.int64)
    yield "sgd", (w, g, rate, scale, *PLAIN), 0.0
    yield "momentum", (w, g, a.normal(size), rate, scale, 0.9, False, *PLAIN), 0.0
    yield "rmsprop", (w, g, a.uniform(size), none, rate, scale, 0.99, 1e-8, 0.0, *PLAIN), 0.0
    yield "adam", (w, g, a.normal(size), a.uniform(size), rate, scale, step, 0.9, 0.999, 1e-8, *PLAIN), 0.0
    yield "clip_scale", (scale, np.zeros(-(-size // 4096)), g, 1.0), 2.0 * size


@family("gather gather_labels", "n features", (128, 784))
def _gathering(a: Arrays, n: int, features: int) -> Calls:
    data, rows = a.below(256, n, features).astype(np.uint8), a.below(n, n)
    yield "gather", (a.zeros(n, features), data, rows, 1 / 255), 0.0
    yield "gather_labels", (np.zeros(n, np.int64), a.below(10, n), rows), 0.0


@family("normalize normalize_backward", "n features", (1024, 784))
def _standardization(a: Arrays, n: int, features: int) -> Calls:
    mean, inverse_std = a.normal(features), a.uniform(features)
    yield "normalize", (a.zeros(n, features), a.normal(n, features), mean, inverse_std), 0.0
    yield "normalize_backward", (a.zeros(n, features), a.normal(n, features), inverse_std), 0.0


@family("blend_pairs", "n outputs", (128, 10))
def _blending(a: Arrays, n: int, outputs: int) -> Calls:
    shares = a.uniform(n)
    shares[n // 2 :] = shares[(n - 1) // 2 :: -1]  # both of a pair have the same
    yield "blend_pairs", (a.uniform(n, outputs), shares), 0.0


@family("average", "size", (100_000,), (1_200_000,))
def _averaging(a: Arrays, size: int) -> Calls:
    yield "average", (a.normal(size), a.normal(size), 0.001), 0.0
