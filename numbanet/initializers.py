"""First values of parameters.

A tensor's numbers depend on (seed, its name) alone: not on the other layers, the device or the number of
threads. They are drawn in float64, so that float32 and float64 models start from the same point.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import Configurable, check_number, choose, from_config

Shape = tuple[int, ...]
Pair = tuple[int, int]
Values = NDArray[np.float64]


class Initializer(Configurable):
    """Draws the first values of one parameter: `initializer(generator, shape)` -> float64 array."""

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        raise NotImplementedError


def generator(seed: int, name: str) -> np.random.Generator:
    """The random numbers of the parameter `name`."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs that one output sees, and outputs that one input reaches: (in, out) or (kh, kw, in, out)."""
    if len(shape) < 2:
        return (max(1, math.prod(shape)),) * 2
    window = math.prod(shape[:-2])
    return max(1, window * shape[-2]), max(1, window * shape[-1])


class Zeros(Initializer):
    """Nothing but 0."""

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Zeros of `shape`."""
        return np.zeros(shape)


class Ones(Initializer):
    """Nothing but 1."""

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Ones of `shape`."""
        return np.ones(shape)


class Normal(Initializer):
    """Normal numbers with mean 0 and the standard deviation `std`."""

    def __init__(self, std: float = 0.05) -> None:
        check_number("Normal", "std", std, 0.0)
        self.std = std

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        return generator.normal(0.0, self.std, shape)


class Uniform(Initializer):
    """Uniform numbers in [-limit, limit)."""

    def __init__(self, limit: float = 0.05) -> None:
        check_number("Uniform", "limit", limit, 0.0)
        self.limit = limit

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        return generator.uniform(-self.limit, self.limit, shape)


class _Scaled(Initializer):
    """Numbers whose variance is `gain` / fan; the fan is the inputs, or the mean of inputs and outputs."""

    gain = 1.0
    mean_fan = False
    uniform = False

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        fan_in, fan_out = fans(shape)
        variance = self.gain / ((fan_in + fan_out) / 2 if self.mean_fan else fan_in)
        if self.uniform:
            limit = math.sqrt(3.0 * variance)
            return generator.uniform(-limit, limit, shape)
        return generator.normal(0.0, math.sqrt(variance), shape)


class HeNormal(_Scaled):
    """Variance 2 / inputs, for rectifiers (He et al. 2015, arXiv 1502.01852)."""

    gain = 2.0


class HeUniform(HeNormal):
    """`HeNormal`'s variance, uniform numbers."""

    uniform = True


class GlorotNormal(_Scaled):
    """Variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    mean_fan = True


class GlorotUniform(GlorotNormal):
    """`GlorotNormal`'s variance, uniform numbers."""

    uniform = True


class LeCunNormal(_Scaled):
    """Variance 1 / inputs (LeCun et al. 1998, "Efficient BackProp")."""


class LeCunUniform(LeCunNormal):
    """`LeCunNormal`'s variance, uniform numbers."""

    uniform = True


class Orthogonal(Initializer):
    """Orthonormal rows or columns, times `gain`, over (everything but the last axis) x (last axis).

    Saxe et al. 2014, arXiv 1312.6120; the signs make the distribution uniform (Mezzadri, math-ph/0609050).
    """

    def __init__(self, gain: float = 1.0) -> None:
        check_number("Orthogonal", "gain", gain, 0.0)
        self.gain = gain

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        if not shape or 0 in shape:
            return np.ones(shape)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


class PerGroup(Initializer):
    """Draws a weight (..., in, out) group by group along its last axis, so that the fans are those of a group.

    Groups are those of a convolution, whose `in` is a group's too, or the gates of a recurrent layer.
    """

    def __init__(self, initializer: Initializer, groups: int) -> None:
        self.initializer = initializer
        self.groups = groups

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        one = (*shape[:-1], shape[-1] // self.groups)
        return np.concatenate([self.initializer(generator, one) for _ in range(self.groups)], axis=-1)


class ForgetBias(Initializer):
    """The bias of an LSTM (4 units,): 1 for the forget gate, the second quarter; 0 for the others."""

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        values = np.zeros(shape)
        values[shape[0] // 4 : shape[0] // 2] = 1
        return values


class PerPhase(Initializer):
    """Draws a transposed convolution's weight (kh, kw, out / groups, in) by the sets of taps that a pixel sees.

    With a stride, an output pixel sees only those taps whose offsets leave its own remainder. Each such set is
    drawn as the kernel (rows, columns, in / groups, out / groups) of a convolution, which is what it is.
    """

    def __init__(self, initializer: Initializer, stride: Pair, dilation: Pair, groups: int) -> None:
        self.initializer = initializer
        self.stride = stride
        self.dilation = dilation
        self.groups = groups

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        values = np.empty(shape)
        outputs, inputs = shape[2], shape[3] // self.groups
        taps_h, taps_w = (_phases(*axis) for axis in zip(shape, self.stride, self.dilation, strict=False))
        for rows, columns, group in itertools.product(taps_h, taps_w, range(self.groups)):
            kernel = self.initializer(generator, (len(rows), len(columns), inputs, outputs))
            ins = range(group * inputs, (group + 1) * inputs)
            values[np.ix_(rows, columns, range(outputs), ins)] = kernel.swapaxes(2, 3)
        return values


class ZeroRow(Initializer):
    """Draws a table and makes one of its rows 0: that of the token which stands for none."""

    def __init__(self, initializer: Initializer, row: int) -> None:
        self.initializer = initializer
        self.row = row

    def __call__(self, generator: np.random.Generator, shape: Shape) -> Values:
        """Values of `shape`."""
        values = self.initializer(generator, shape)
        values[self.row] = 0.0
        return values


def _phases(kernel: int, stride: int, dilation: int) -> list[list[int]]:
    """The taps of one axis by the remainder of their offset, leaving out remainders that no tap has."""
    remainders = [tap * dilation % stride for tap in range(kernel)]
    return [[tap for tap in range(kernel) if remainders[tap] == phase] for phase in sorted(set(remainders))]


INITIALIZERS: dict[str, type[Initializer]] = {
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "lecun_normal": LeCunNormal,
    "lecun_uniform": LeCunUniform,
    "orthogonal": Orthogonal,
    "zeros": Zeros,
    "ones": Ones,
    "normal": Normal,
    "uniform": Uniform,
}
CLASSES = {kind.__name__: kind for kind in INITIALIZERS.values()}


def get(choice: Initializer | str | Mapping[str, Any]) -> Initializer:
    """An initializer by name or from its configuration; an initializer itself is passed through."""
    if isinstance(choice, Mapping):
        return from_config("initializer", CLASSES, choice)
    return choose("initializer", Initializer, INITIALIZERS, choice)
