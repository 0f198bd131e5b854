"""One call of every kernel, of a size at which two threads share the work: for what must hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbanet.kernels.codes import ACTIVATIONS, FUSED, LAST_STEP, MAX_OF_STEPS, MEAN_OF_STEPS, TANH
from numbanet.kernels.distortion import Distortion
from numbanet.kernels.geometry import (
    batch_norm_scratch,
    channel_dropout_scratch,
    conv2d_scratch,
    group_norm_scratch,
    layer_norm_scratch,
    slide,
)
from numbanet.kernels.heads import fused_heads
from numbanet.kernels.mixing import beta_quantiles

from .helpers import Out, normal, out
from .sequences import CELLS, Problem, options

FLAT = 100_003  # 13 chunks of 8192 elements, the last one incomplete
N, IN, CLASSES = 300, 257, 131  # 39,300 numbers; 10 million multiply-adds

Case = tuple[str, tuple[Any, ...]]


def _flat(rng: np.random.Generator, dtype: Any) -> list[Case]:
    x, dy, y = (normal(rng, FLAT, dtype) for _ in range(3))
    unit = rng.random(FLAT).astype(dtype)
    calls: list[Case] = [(name, (out(FLAT, dtype), x)) for name in ("exp", "tanh", "sigmoid", "erf")]
    calls.append(("log1p01", (out(FLAT, dtype), unit)))
    for code in ACTIVATIONS.values():
        calls.append(("activation_forward", (out(FLAT, dtype), x, code, 0.3)))
        calls.append(("activation_backward", (out(FLAT, dtype), dy, x, y, code, 0.3)))
        if code in FUSED:
            calls.append(("dense_backward_activation", (out(FLAT, dtype), dy, y, code)))
            calls.append(("add_activation", (out(FLAT, dtype), x, dy, code)))
    calls.append(("scale", (out(FLAT, dtype), x, 0.3)))
    calls.append(("average", (Out(x), y, 0.01)))
    return [*calls, ("dropout", (out(FLAT, dtype), x, 0.3, 5, np.array([9]), 1))]


def _matrices(rng: np.random.Generator, dtype: Any) -> list[Case]:
    x, w, b = normal(rng, (N, IN), dtype), normal(rng, (IN, CLASSES), dtype), normal(rng, CLASSES, dtype)
    dy, wt, xt = normal(rng, (N, CLASSES), dtype), normal(rng, (CLASSES, IN), dtype), normal(rng, (IN, N), dtype)
    calls: list[Case] = [
        ("gemm", (Out(dy), xt if ta else x, wt if tb else w, ta, tb, add))
        for ta in (False, True) for tb in (False, True) for add in (False, True)
    ]  # fmt: skip
    for m, n, k in ((1, 5000, 700), (5000, 1, 700), (7, 3, 60_000), (390, 400, 1100)):  # every way to cut C
        a, c = normal(rng, (m, k), dtype), normal(rng, (k, n), dtype)
        calls.append(("gemm", (out((m, n), dtype), a, c, False, False, False)))
    calls += [
        ("dense_forward", (out((N, CLASSES), dtype), x, w, b, TANH)),
        ("dense_backward_input", (out((N, IN), dtype), dy, w)),
        ("dense_backward_params", (out((IN, CLASSES), dtype), out(CLASSES, dtype), x, dy)),
        ("copy_columns", (Out(x), dy, 100, 3, 120)),
        ("normalize", (out((N, IN), dtype), x, normal(rng, IN, dtype), normal(rng, IN, dtype))),
        ("normalize_backward", (out((N, IN), dtype), x, normal(rng, IN, dtype))),
        ("gather", (out((N, IN), dtype), (x * 9).astype(np.uint8), rng.integers(0, N, N), 1 / 255)),
        ("gather_labels", (out(N, np.int64), np.arange(N), rng.integers(0, N, N))),
    ]
    for name in ("softmax_forward", "log_softmax_forward"):
        calls.append((name, (out((N, CLASSES), dtype), dy)))
    for name in ("softmax_backward", "log_softmax_backward"):
        calls.append((name, (out((N, CLASSES), dtype), dy, -np.abs(dy))))
    return calls


def _images(rng: np.random.Generator, dtype: Any) -> list[Case]:
    shape, distortion = (28, 28, 1), Distortion(2, 10.0, 0.1, 8.0, 0.7, True, 5)
    data, rows = rng.integers(0, 256, (N, 784), np.uint8), rng.integers(0, N, 50)
    x, t, table = normal(rng, (50, 784), dtype), rng.random((N, CLASSES)).astype(dtype), beta_quantiles(0.4)
    return [
        ("augment", (out((50, 784), dtype), data, rows, shape, 1 / 255, distortion, 5, np.array([9]))),
        ("mix_pairs", (Out(x), out(50, dtype), shape, table, table, 5, np.array([9]))),
        ("blend_pairs", (Out(t), rng.random(N).astype(dtype))),
    ]


def _convolutions(rng: np.random.Generator, dtype: Any) -> list[Case]:
    calls: list[Case] = []
    for n, size, channels, filters, kernel, stride, dilation, groups in (
        (5, (26, 25), 32, 64, (3, 3), (1, 1), (1, 1), 1),
        (9, (28, 28), 1, 20, (5, 5), (1, 1), (1, 1), 1),  # a first layer
        (7, (29, 27), 12, 24, (3, 2), (2, 2), (1, 2), 4),
        (5, (30, 31), 33, 66, (3, 3), (1, 2), (1, 1), 33),  # depthwise
        (1, (40, 41), 40, 40, (5, 5), (1, 1), (1, 1), 40),  # and a single example
        (2, (7, 7), 150, 260, (3, 3), (1, 1), (1, 1), 1),  # few pixels, many channels
        (1, (50, 50), 16, 16, (3, 3), (1, 1), (2, 2), 1),  # a single example
    ):
        window, out_size = slide(size, kernel, stride, dilation, "same")
        image, result, taps = (*size, channels), (*out_size, filters), (*kernel, channels // groups, filters)
        x, dy, w, b = (normal(rng, shape, dtype) for shape in ((n, *image), (n, *result), taps, filters))
        scratch = np.full(conv2d_scratch(window, image, result, groups), np.nan, dtype)  # its contents may differ
        calls += [
            ("conv2d_forward", (out(dy.shape, dtype), x, w, b, window, groups, TANH, scratch)),
            ("conv2d_backward_input", (out(x.shape, dtype), dy, w, window, groups, scratch)),
            ("conv2d_backward_params", (out(taps, dtype), out(filters, dtype), x, dy, window, groups, scratch)),
        ]
    pixels = normal(rng, (N, IN, 3), dtype)
    calls.append(("bias_forward", (Out(pixels.reshape(-1, 3)), normal(rng, 3, dtype), TANH)))
    calls.append(("bias_backward", (out(3, dtype), out((N, 3), dtype), pixels)))
    return calls


def _pooling(rng: np.random.Generator, dtype: Any) -> list[Case]:
    calls: list[Case] = []
    # Windows side by side and overlapping; many lines, and so few that channels are cut as well.
    for shape, kernel, stride, padding in (
        ((9, 24, 24, 20), 2, 2, 0), ((5, 28, 28, 6), 3, 2, 1), ((2, 20, 20, 70), 3, 1, 0), ((1, 20, 20, 70), 20, 20, 0),
    ):  # fmt: skip
        window, out_size = slide(shape[1:3], (kernel, kernel), (stride, stride), padding=(padding,) * 4)
        x, dy = normal(rng, shape, dtype).round(1), normal(rng, (shape[0], *out_size, shape[3]), dtype)
        calls += [
            ("max_pool2d_forward", (out(dy.shape, dtype), x, window)),
            ("max_pool2d_backward", (out(shape, dtype), dy, x, window)),
            ("avg_pool2d_forward", (out(dy.shape, dtype), x, window, False)),
            ("avg_pool2d_backward", (out(shape, dtype), dy, window, False)),
        ]
    small, large = normal(rng, (3, 20, 20, 17), dtype), normal(rng, (3, 40, 60, 17), dtype)
    return [
        *calls,
        ("pad2d", (out((3, 42, 66, 17), dtype), large, 1, 2)),
        ("upsample2d_forward", (out(large.shape, dtype), small)),
        ("upsample2d_backward", (out(small.shape, dtype), large)),
    ]


def _sequences(rng: np.random.Generator, dtype: Any) -> list[Case]:
    n, t, f, vocabulary = 40, 11, 70, 500
    x, dy, mask = normal(rng, (n, t, f), dtype), normal(rng, (n, f), dtype), (rng.random((n, t)) < 0.7).astype(np.uint8)
    tokens, stale = rng.integers(0, vocabulary, n * t), rng.integers(0, vocabulary, 50)
    table = np.zeros((vocabulary, f), dtype)
    calls: list[Case] = [("mask_steps", (out((n, t), np.uint8), rng.integers(0, 3, (n, t, 1)), 1.0))]
    for how in (LAST_STEP, MEAN_OF_STEPS, MAX_OF_STEPS):
        calls.append(("pool_steps_forward", (out((n, f), dtype), x, mask, how)))
        calls.append(("pool_steps_backward", (out((n, t, f), dtype), dy, x, mask, how)))
    calls.append(("embedding_backward", (Out(table), out(n * t, np.int64), x.reshape(-1, f), tokens, stale, 7)))
    return calls


def _losses(rng: np.random.Generator, dtype: Any) -> list[Case]:
    z, p = normal(rng, (N, CLASSES), dtype), rng.random((N, CLASSES)).astype(dtype)
    labels, weights = rng.integers(0, CLASSES, N), rng.random(CLASSES).astype(dtype)
    mask = (rng.random(N) < 0.7).astype(np.uint8)

    def outputs() -> tuple[Out, Out, Out]:
        return Out(np.zeros(4)), out(N, dtype), out((N, CLASSES), dtype)

    return [
        ("cross_entropy", (*outputs(), z, labels, mask, weights, 0.1, 3)),
        ("cross_entropy_probabilities", (*outputs(), z, p, mask, weights, 0.1)),
        ("mean_squared_error", (*outputs(), z, p, mask)),
        ("mean_absolute_error", (*outputs(), z, p, mask)),
        ("huber", (*outputs(), z, p, mask, 0.5)),
        ("binary_cross_entropy", (*outputs(), z, p, mask)),
    ]


def _optimizers(rng: np.random.Generator, dtype: Any) -> list[Case]:
    w, g, v = normal(rng, FLAT, dtype), normal(rng, FLAT, dtype), np.abs(normal(rng, FLAT, dtype))
    rate, scale, step = np.array([0.01]), np.array([0.9]), np.array([3])
    options = (1.5, 0.01, 0.02, 0.1, FLAT // 2)
    return [
        ("sgd", (Out(w), g, rate, scale, *options)),
        ("momentum", (Out(w), g, Out(v), rate, scale, 0.9, True, *options)),
        ("momentum", (Out(w), g, Out(v), rate, scale, 0.9, False, *options)),
        ("rmsprop", (Out(w), g, Out(v), Out(v), rate, scale, 0.99, 1e-8, 0.9, *options)),
        ("rmsprop", (Out(w), g, Out(v), Out(v[:0]), rate, scale, 0.99, 1e-8, 0.0, *options)),
        ("adam", (Out(w), g, Out(w), Out(v), rate, scale, step, 0.9, 0.999, 1e-8, *options)),
        ("clip_scale", (out(1, np.float64), out((FLAT + 4095) // 4096, np.float64), g, 1.0)),
    ]


def _attention(rng: np.random.Generator, dtype: Any) -> list[Case]:
    calls: list[Case] = []
    mask = (rng.random((3, 90)) < 0.8).astype(np.uint8)
    for heads, rate, real in ((fused_heads(4, 2, 20), 0.2, mask), (fused_heads(2, 2, 64), 0.0, mask[:0])):
        n, t, h = 3, 90, heads.heads
        x, dy = normal(rng, (n, t, heads.v + heads.kv_heads * heads.size), dtype), normal(rng, (n, t, heads.k), dtype)
        lse, how = normal(rng, (n, h, t), dtype) + 4, (real, heads, True, 0, rate, 5, np.array([9]), 3)
        calls += [
            ("attention_forward", (out(dy.shape, dtype), out(lse.shape, dtype), x, x, *how)),
            ("attention_backward", (Out(x), Out(x), dy, dy, lse, x, x, *how)),
        ]
    return calls


def _norms(rng: np.random.Generator, dtype: Any) -> list[Case]:
    n, pixels, c, groups = 300, 20, 24, 4
    shape, rows = (n, pixels, c), (n * pixels, c)
    x, dy, y = (normal(rng, rows, dtype) for _ in range(3))
    images, dy_images, of_row = x.reshape(shape), dy.reshape(shape), normal(rng, n * pixels, dtype)
    of_group, gamma, beta = (normal(rng, s, dtype) for s in ((n, groups), c, c))
    affine, room = (beta, gamma**2, gamma, beta), out(batch_norm_scratch(c), dtype)
    group_room, row_room = out(group_norm_scratch(c), dtype), out(layer_norm_scratch(c), dtype)
    sums, moments = (out(c, dtype),) * 2, (out((n, groups), dtype),) * 2
    calls: list[Case] = [("batch_norm_moments", (*(Out(a) for a in affine), x, 0.1, room))]
    for code in sorted(FUSED):
        how = (1e-5, code, room)
        calls += [
            ("batch_norm_forward", (out(rows, dtype), x, *affine, *how)),
            ("batch_norm_backward_params", (*sums, dy, x, y, *affine, *how)),
            ("batch_norm_backward_input", (out(rows, dtype), dy, x, y, *affine, gamma, beta, 1e-5, code, True, room)),
        ]
    return [
        *calls,
        ("group_norm_forward", (out(shape, dtype), *moments, images, gamma, beta, 1e-5, group_room)),
        ("group_norm_backward", (out(shape, dtype), *sums, dy_images, images, of_group, of_group, gamma, group_room)),
        ("layer_norm_forward", (out(rows, dtype), *(Out(of_row),) * 2, x, gamma, beta, 1e-5)),
        ("layer_norm_backward", (out(rows, dtype), *sums, dy, x, of_row, of_row, gamma, row_room)),
        ("rms_norm_forward", (out(rows, dtype), Out(of_row), x, gamma, 1e-5)),
        ("rms_norm_backward", (out(rows, dtype), sums[0], dy, x, of_row, gamma, row_room)),
        (
            "channel_dropout",
            (out(shape, dtype), images, 0.3, 5, np.array([9]), 1, out(channel_dropout_scratch(c), dtype)),
        ),
    ]


def _cells(rng: np.random.Generator, dtype: Any) -> list[Case]:
    calls: list[Case] = []
    for cell in CELLS:
        for n, steps, features, units in ((100, 6, 28, 70), (1, 3, 65, 230), (3, 2, 40, 300)):  # rows, and units, cut
            problem = Problem(cell, n, steps, features, units, dtype, **options(cell)[-1])
            calls += [problem.forward(), problem.forward(places=False), *problem.backward()]
        calls.append(Problem(cell, 1, 3, 65, 230, dtype).forward())  # a GRU that resets after the product
    return calls


GROUPS: tuple[Callable[[np.random.Generator, Any], list[Case]], ...] = (
    _flat, _matrices, _images, _convolutions, _pooling, _attention, _norms, _sequences, _cells, _losses, _optimizers,
)  # fmt: skip


def cases(dtype: Any) -> list[Case]:
    """(kernel's name, its arguments), several for some."""
    return [case for group in GROUPS for case in group(np.random.default_rng(25), dtype)]
