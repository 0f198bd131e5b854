"""The convolutional layers: their gradients, for all options."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numbanet.layers import Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, Layer, SeparableConv2D
from numbanet.model import Sequential

from .helpers import BACKENDS, network

STRIDES, DILATIONS = (1, 2, 3, (1, 2)), (1, 2, (2, 1))
PADDINGS: tuple[Any, ...] = ("valid", "same", 2, (2, 0, 1, 3))
OPTIONS = list(itertools.product(STRIDES, DILATIONS, PADDINGS))


def check_slopes(model: Sequential, batch: int = 3) -> None:
    """<dx, u> is the slope of <dy, y> along u, and the same for each parameter.

    Without activations y is linear in each tensor, so that a difference over a whole unit is exact.
    """
    rng = np.random.default_rng(46)
    x = rng.normal(size=(batch, *model.input_shape))
    dy = rng.normal(size=model.forward(x).shape)
    model.arena.gradients[:] = np.nan
    dx = model.backward(dy, need_dx=True)
    tensors = {
        "x": (x, np.array(dx)),
        **{n: (a, np.array(model.gradients()[n])) for n, a in model.parameters().items()},
    }
    for name, (array, gradient) in tensors.items():
        direction, before = rng.normal(size=array.shape), array.copy()
        array[...] = before + direction / 2
        above = float(np.sum(dy * model.forward(x)))
        array[...] = before - direction / 2
        slope = above - float(np.sum(dy * model.forward(x)))
        array[...] = before
        scale = float(np.sum(np.abs(gradient * direction)))
        assert abs(slope - float(np.sum(gradient * direction))) <= 1e-12 * scale, name


KINDS: dict[str, Callable[[dict[str, Any]], Layer]] = {
    "conv2d": lambda o: Conv2D(6, (2, 3), **o),
    "conv2d of one tap": lambda o: Conv2D(5, 1, **o),
    "conv2d in groups": lambda o: Conv2D(6, (3, 2), groups=2, bias=False, **o),
    "depthwise": lambda o: DepthwiseConv2D((2, 3), 2, **o),
    "separable": lambda o: SeparableConv2D(3, (2, 3), multiplier=2, **o),
    "transposed": lambda o: Conv2DTranspose(6, (3, 2), **o),
    "transposed in groups": lambda o: Conv2DTranspose(6, (3, 4), groups=2, bias=False, **o),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_for_all_options(kind: str, backend: str) -> None:
    for stride, dilation, padding in OPTIONS:
        for shape in ((7, 6, 4), (5, 9, 4)):
            options = {"stride": stride, "dilation": dilation, "padding": padding}
            check_slopes(network(KINDS[kind](options), shape=shape, backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_of_conv1d_for_all_options(backend: str) -> None:
    for stride, dilation, padding, groups in itertools.product(
        (1, 2, 3), (1, 2), ("valid", "same", "causal", 2, (3, 1)), (1, 2)
    ):
        layer = Conv1D(6, 3, stride=stride, dilation=dilation, padding=padding, groups=groups)
        check_slopes(network(layer, shape=(11, 4), backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_of_output_padding(backend: str) -> None:
    for extra in ((0, 0), (1, 0), (2, 1), (0, 1)):
        layer = Conv2DTranspose(4, (2, 3), stride=(3, 2), padding=(1, 0, 2, 1), output_padding=extra, dilation=(1, 2))
        model = network(layer, shape=(3, 4, 2), backend=backend)
        assert model.output_shape == (2 * 3 + 2 - 1 + extra[0], 3 * 2 + 5 - 3 + extra[1], 4)
        check_slopes(model)
