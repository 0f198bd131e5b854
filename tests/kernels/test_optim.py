"""The optimizers against the oracle: every option, every bound between decayed and other parameters, denormals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numbanet.kernels import cpu, reference

from .helpers import DTYPES, Out, adversarial, assert_within, both, eps, out

Array = np.ndarray[Any, Any]
NAMES = ("sgd", "momentum", "nesterov", "rmsprop", "rmsprop_momentum", "adam")
MU, RHO, BETA1, BETA2, EPSILON = 0.9, 0.99, 0.9, 0.999, 1e-8


@dataclass
class Options:
    """What all optimizers share."""

    rate: float = 0.01
    scale: float = 1.0
    clip: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    decay: float = 0.0
    decay_end: int = 0
    step: int = 1

    def shared(self) -> tuple[Any, ...]:
        return self.clip, self.l1, self.l2, self.decay, self.decay_end


def arguments(name: str, w: Any, g: Array, states: tuple[Any, Any], o: Options) -> tuple[str, tuple[Any, ...]]:
    """The kernel and its arguments; `states` are velocity, or square and velocity, or m and v."""
    rate, scale, (first, second) = np.array([o.rate]), np.array([o.scale]), states
    match name:
        case "sgd":
            return "sgd", (w, g, rate, scale, *o.shared())
        case "momentum" | "nesterov":
            return "momentum", (w, g, first, rate, scale, MU, name == "nesterov", *o.shared())
        case "rmsprop" | "rmsprop_momentum":
            return "rmsprop", (w, g, second, first, rate, scale, RHO, EPSILON,
                               MU if name == "rmsprop_momentum" else 0.0, *o.shared())  # fmt: skip
        case _:
            return "adam", (
                w,
                g,
                first,
                second,
                rate,
                scale,
                np.array([o.step]),
                BETA1,
                BETA2,
                EPSILON,
                *o.shared(),
            )


def bounds(name: str, w: Array, g: Array, first: Array, second: Array, o: Options) -> tuple[Array, Array, Array]:
    """The errors to allow in w, in the first state (velocity, m) and in the second (square, v).

    Each is the number of roundings behind a term times the term's size, followed through the formulas. `size` is
    the size of what the gradient is a sum of: 3 products and 2 sums, or 5 roundings of half an eps each.
    """
    e = eps(w.dtype)
    # Denormals count as zero, in what comes in and in what goes out.
    flushed = float(np.finfo(w.dtype).smallest_normal)
    w, g, first, second = (np.abs(a.astype(np.float64)) for a in (w, g, first, second))
    size = g * o.scale if o.clip <= 0 else np.minimum(g * o.scale, o.clip)
    decayed = np.arange(w.size) < o.decay_end
    size = size + decayed * (o.l2 * w + o.l1)
    error = 2.5 * e * size + 3 * flushed
    of_w = 1.5 * e * w * (1 + o.rate * o.decay) + 2 * flushed

    def after_root(square: Array, square_error: Array) -> tuple[Array, Array]:
        """sqrt(square) and its error: |sqrt(s + d) - sqrt(s)| <= d / sqrt(s), and at most sqrt(d)."""
        root = np.sqrt(square)
        return root, np.minimum(square_error / np.maximum(root, 1e-300), np.sqrt(square_error)) + e * root

    none = np.zeros_like(w)
    match name:
        case "sgd":
            return of_w + o.rate * (error + e * size), none, none
        case "momentum" | "nesterov":
            velocity = MU * first + size
            of_velocity = error + 1.5 * e * velocity + 2 * flushed
            return of_w + 2 * o.rate * (of_velocity + error + 2 * e * velocity), of_velocity, none
        case "adam":
            mean, square = BETA1 * first + (1 - BETA1) * size, BETA2 * second + (1 - BETA2) * size**2
            of_mean = (1 - BETA1) * error + 2 * e * mean + 2 * flushed
            of_square = (1 - BETA2) * 2 * size * error + 2 * e * square + 2 * flushed
            correction = 1 / np.sqrt(1 - BETA2**o.step)
            low = np.maximum(BETA2 * second - of_square, 0)  # the gradient may cancel: this much is sure
            root, of_root = after_root(low, of_square)
            bottom = correction * root + EPSILON
            rate = o.rate / (1 - BETA1**o.step)
            # Powers of beta are float64 here and there, and 1 - beta^step cancels.
            of_correction = 4 * eps(np.float64) * (1 / (1 - BETA1**o.step) + 1 / (1 - BETA2**o.step))
            of_step = rate * (of_mean / bottom + mean * (correction * of_root + 3 * e * bottom) / bottom**2)
            # rate * mean is divided by the bottom, and is flushed before that where it is a denormal.
            of_product = flushed / bottom
            return of_w + of_step + of_product + (3 * e + of_correction) * rate * mean / bottom, of_mean, of_square
        case _:
            square = RHO * second + (1 - RHO) * size**2
            of_square = (1 - RHO) * 2 * size * error + 2 * e * square + 2 * flushed
            low = np.maximum(RHO * second - of_square, 0)
            root, of_root = after_root(low, of_square)
            bottom = root + EPSILON
            speed = size / bottom
            of_speed = error / bottom + size * (of_root + 2 * e * bottom) / bottom**2 + 2 * e * speed
            if name == "rmsprop":
                of_product = flushed / bottom  # rate * g is divided by the bottom, as with Adam
                return of_w + of_product + o.rate * (of_speed + e * speed), none, of_square
            velocity = MU * first + speed
            of_velocity = of_speed + 2 * e * velocity + 2 * flushed
            return of_w + o.rate * (of_velocity + e * velocity), of_velocity, of_square


def check(name: str, w: Array, g: Array, first: Array, second: Array, o: Options) -> None:
    one = first[:0] if name == "rmsprop" else first
    kernel, call = arguments(name, Out(w), g, (Out(one), Out(second)), o)
    results = both(kernel, *call)
    of_w, of_first, of_second = bounds(name, w, g, first, second, o)
    assert_within(*results[0], of_w, f"w of {name}, {o}")
    wanted = {"sgd": [], "momentum": [of_first], "nesterov": [of_first], "rmsprop": [of_second, 0.0],
              "rmsprop_momentum": [of_second, of_first], "adam": [of_first, of_second]}[name]  # fmt: skip
    for pair, bound in zip(results[1:], wanted, strict=True):
        assert_within(*pair, bound, f"state of {name}, {o}")


def draw(rng: np.random.Generator, size: int, dtype: Any) -> tuple[Array, Array, Array, Array]:
    """w, g, and two states, the second not negative; some weights and gradients are zero."""
    w, g, first = ((rng.standard_normal(size) * (rng.random(size) > 0.1)).astype(dtype) for _ in range(3))
    return w, g, first, (rng.standard_normal(size) ** 2).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_where_the_decay_ends(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(19)
    for size in (0, 1, 7, 33, 16_384, 16_385, 30_011):
        for decay_end in sorted({0, min(1, size), size // 3, max(0, size - 1), size, min(8192, size)}):
            o = Options(scale=0.7, clip=1.2, l1=0.01, l2=0.02, decay=0.3, decay_end=decay_end, step=3)
            check(name, *draw(rng, size, dtype), o)


option = st.sampled_from([0.0, 1e-4, 0.1])
some_options = st.builds(Options, rate=st.sampled_from([1e-5, 0.01, 1.0]), l1=option, l2=option,
                         scale=st.floats(0, 1, allow_subnormal=False),  # others count as zero
                         clip=st.sampled_from([-1.0, 0.0, 0.5, 1e30]), decay=option, decay_end=st.integers(0, 50),
                         step=st.sampled_from([1, 2, 10, 10_000]))  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@settings(adversarial, max_examples=40)
@given(o=some_options, dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**32), size=st.integers(1, 50),
       large=st.sampled_from([1e-30, 1e-10, 1.0, 1e8]))  # fmt: skip
def test_options(name: str, o: Options, dtype: Any, seed: int, size: int, large: float) -> None:
    """1e-30, squared, is nothing even as a denormal of float32."""
    o.decay_end = min(o.decay_end, size)
    w, g, first, second = draw(np.random.default_rng(seed), size, dtype)
    check(name, w, g * dtype(large), first * dtype(large), second * dtype(large) ** 2, o)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_do(name: str, dtype: Any) -> None:
    """No gradient and no state: no step, and no 0 / 0."""
    w = np.linspace(-1, 1, 50).astype(dtype)
    zeros = [np.zeros(50, dtype) for _ in range(3)]
    kernel, call = arguments(
        name, w.copy(), zeros[0], (zeros[1][: 0 if name == "rmsprop" else 50], zeros[2]), Options()
    )
    getattr(cpu, kernel)(*call)
    np.testing.assert_array_equal(call[0], w)


@pytest.mark.parametrize("clip", [0.0, 0.5, np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_gradients_go_on(name: str, dtype: Any, clip: float) -> None:
    """A NaN stays where it came in; a clip must neither hide it nor (an infinite one) make others."""
    w, g, first, second = draw(np.random.default_rng(20), 40, dtype)
    g[[0, 17, 39]] = np.nan
    states = (first[:0] if name == "rmsprop" else first, second)
    kernel, call = arguments(name, w, g, states, Options(clip=clip, l2=0.1, decay_end=20))
    getattr(cpu, kernel)(*call)
    for array in (
        w,
        *({"sgd": (), "rmsprop": (second,), "momentum": (first,), "nesterov": (first,)}.get(name, states)),
    ):
        np.testing.assert_array_equal(np.isnan(array), np.isnan(g))


@pytest.mark.parametrize("name", ["rmsprop", "rmsprop_momentum", "adam"])
def test_a_square_that_overflows_stops_its_weight(name: str) -> None:
    """1e30 squared is infinite in float32: a step of g / inf = 0, not NaN."""
    w = np.ones(40, np.float32)
    g = np.full(40, 1e30, np.float32)
    zeros = np.zeros(0 if name == "rmsprop" else 40, np.float32)
    kernel, call = arguments(name, w, g, (zeros, np.zeros(40, np.float32)), Options())
    getattr(cpu, kernel)(*call)
    np.testing.assert_array_equal(w, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES[1:])
def test_moments_decay_through_denormals(name: str, dtype: Any) -> None:
    """A dead unit: its gradient is 0 for ever, and its moments fall below every normal number, finite all along."""
    rng = np.random.default_rng(21)
    smallest = np.finfo(dtype).smallest_normal
    w, _, first, second = draw(rng, 20_000, dtype)
    first, second = first * smallest * dtype(1e4), second * smallest * dtype(1e2)
    g, before = np.zeros_like(w), w.copy()
    states = (first[:0] if name == "rmsprop" else first, second)
    for step in range(1, 1500):
        kernel, call = arguments(name, w, g, states, Options(rate=1e-3, step=step))
        getattr(cpu, kernel)(*call)
    for array in (w, first, second):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(w, before, rtol=0, atol=1e-6)
    moments = {"rmsprop": (second,), "adam": (first,), "rmsprop_momentum": (first, second)}.get(name, (first,))
    for moment in moments:
        assert not ((moment != 0) & (np.abs(moment) < smallest)).any(), "a denormal was kept: the slow kind of number"


def test_other_kernels_keep_their_denormals() -> None:
    """Flush-to-zero is a mode of the thread: it must end with the optimizer, on all threads."""
    tiny = np.float32(1e-40)
    w, g, m, v = draw(np.random.default_rng(22), 300_000, np.float32)
    y, x = np.zeros_like(w), np.full_like(w, tiny)
    for name in NAMES:
        states = (m[:0] if name == "rmsprop" else m, v)
        kernel, call = arguments(name, w, g, states, Options(rate=1e-3))
        getattr(cpu, kernel)(*call)
        cpu.tanh(y, x)
        assert (y == tiny).all(), name
        assert tiny * np.float32(1) == tiny, name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 100_003])
def test_clip_scale(size: int, dtype: Any) -> None:
    """At worst each of the 4096 terms of a partial sum is rounded 4096 times; the root halves that."""
    g = np.random.default_rng(23).standard_normal(size).astype(dtype)
    norm = float(np.linalg.norm(g.astype(np.float64)))
    for max_norm in (1e-3, 0.5, 0.5 * norm + 1e-9, 2 * norm + 1, 1e30):
        partials = Out(np.full((size + 4095) // 4096, np.nan))
        [(got, want), *_] = both("clip_scale", out(1, np.float64), partials, g, max_norm)
        assert_within(got, want, want * (4096 / 4 * eps(dtype) + 1e-12))
        if max_norm > norm + 1:
            assert got[0] == 1.0
        else:
            assert float(got[0]) * norm <= max_norm * (1 + 4096 / 4 * eps(dtype) + 1e-12)


@pytest.mark.parametrize("kernels", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_clip_scale_of_what_is_not_finite(dtype: Any, kernels: Any) -> None:
    scale, partials, g = np.empty(1), np.empty(3), np.ones(10_000, dtype)
    g[9_999] = np.nan
    kernels.clip_scale(scale, partials, g, 1.0)
    assert np.isnan(scale[0]), "a NaN in the gradient must show"
    g[9_999] = np.inf
    kernels.clip_scale(scale, partials, g, 1.0)
    assert scale[0] == 0 or np.isnan(scale[0])  # and 0 * inf makes NaN of the element that was infinite
    g[9_999] = 1e25  # its square overflows in float32
    kernels.clip_scale(scale, partials, g, 1.0)
    assert 0 <= scale[0] <= 1.0001e-25
    kernels.clip_scale(scale, partials, np.zeros_like(g), 1.0)
    assert scale[0] == 1


def test_scratch_must_suffice() -> None:
    with pytest.raises(ValueError):
        cpu.clip_scale(np.empty(1), np.empty(2), np.ones(8193, np.float32), 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_must_agree(name: str) -> None:
    """Kernels check no bounds: arrays of another size would be read beyond their end."""
    for wrong in ("g", "first", "second"):
        w, g, first, second = draw(np.random.default_rng(24), 20, np.float32)
        if wrong == "g":
            g = g[:19].copy()
        elif wrong == "first" and name not in ("sgd", "rmsprop"):
            first = first[:19].copy()
        elif wrong == "second" and name in ("rmsprop", "rmsprop_momentum", "adam"):
            second = second[:19].copy()
        else:
            continue
        states = (first[:0] if name == "rmsprop" else first, second)
        kernel, call = arguments(name, w, g, states, Options())
        with pytest.raises(ValueError):
            getattr(cpu, kernel)(*call)
