"""What the convolutional layers say of arguments and inputs that do not fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numbanet.errors import ModelError
from numbanet.layers import Activation, Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, Reshape, SeparableConv2D

from .helpers import small

IMAGE = (8, 8, 4)
BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: small(Conv2D(8, 9), input_shape=IMAGE),
     r"0_conv2d: a window of 9 x 9 pixels is larger than the image, 8 x 8 with its padding\. Use a smaller"),
    (lambda: small(Conv2D(8, (1, 4), dilation=3, padding=(0, 0, 1, 0)), input_shape=IMAGE), "1 x 10 .* 8 x 9"),
    (lambda: small(DepthwiseConv2D(9), input_shape=IMAGE), "0_depthwise_conv2d: a window of 9 x 9"),
    (lambda: small(SeparableConv2D(8, 9), input_shape=IMAGE), "0_separable_conv2d: a window of 9 x 9"),
    (lambda: small(Conv2DTranspose(8, 3, padding=6), input_shape=(2, 3, 4)),
     r"0_conv2d_transpose: a padding of \(6, 6, 6, 6\) crops the image to 0 x 0 pixels\. Use less"),
    (lambda: small(Conv2D(8, groups=8), input_shape=IMAGE),
     "0_conv2d: expected a number of input channels that can be shared by 8 groups, got 4 channels"),
    (lambda: small(Conv2DTranspose(9, groups=3), input_shape=IMAGE), "shared by 3 groups, got 4"),
    (lambda: small(Conv1D(9, groups=3), input_shape=(8, 4)), "shared by 3 groups, got 4"),
    (lambda: Conv2D(8, groups=3), "Conv2D: groups: expected a divisor of the 8 filters, found 3"),
    (lambda: Conv2DTranspose(8, groups=3), "Conv2DTranspose: groups: expected a divisor"),
    (lambda: Conv1D(8, groups=3), "Conv1D: groups: expected a divisor"),
    (lambda: small(Conv2D(8), input_shape=(28, 28)),
     r"0_conv2d: expected images of shape \(height, width, channels\), got inputs of shape \(28, 28\)\. "
     r"Put Reshape\(\(28, 28, 1\)\) before it"),
    (lambda: small(Conv2D(8), input_shape=(784,)), r"Put Reshape\(\(height, width, channels\)\) before it"),
    (lambda: small(Conv2D(8), input_shape=(4, 8, 8, 1)), r"expected images .* got inputs of shape \(4, 8, 8, 1\)"),
    (lambda: small(Conv1D(8), input_shape=(28,)),
     r"0_conv1d: expected sequences of shape \(time, features\), got .*Put Reshape\(\(28, 1\)\) before it"),
    (lambda: small(Conv1D(8), input_shape=IMAGE), r"Put Reshape\(\(time, features\)\) before it"),
    (lambda: small(Conv1D(8, 5, dilation=2, padding=1), input_shape=(6, 4)),
     "0_conv1d: expected sequences of at least 7 steps, got 6"),
    (lambda: Conv2D(0), "Conv2D: filters: expected a whole number from 1 on, found 0"),
    (lambda: Conv2D(8, 0), "Conv2D: kernel: expected a whole number from 1 on, found 0"),
    (lambda: Conv2D(8, (3, 3, 3)), r"Conv2D: kernel: expected one number or \(height, width\), found \(3, 3, 3\)"),
    (lambda: Conv2D(8, 2.5), "Conv2D: kernel: expected a whole number"),  # type: ignore[arg-type]
    (lambda: Conv2D(8, "3"), "Conv2D: kernel: expected a whole number"),
    (lambda: Conv2D(8, stride=0), "Conv2D: stride: expected a whole number from 1 on"),
    (lambda: Conv2D(8, stride=(1, -1)), "Conv2D: stride: expected a whole number from 1 on, found -1"),
    (lambda: Conv2D(8, dilation=0), "Conv2D: dilation"),
    (lambda: Conv2D(8, padding="smae"), "Conv2D: unknown padding 'smae'. Did you mean 'same'"),
    (lambda: Conv2D(8, padding=-1), "Conv2D: padding: expected a whole number from 0 on, found -1"),
    (lambda: Conv2D(8, padding=(1, 1)), r"Conv2D: padding: .*\(top, bottom, left, right\), found \(1, 1\)"),
    (lambda: Conv1D(8, padding="full"), "Conv1D: unknown padding 'full'.*causal, same, valid"),
    (lambda: Conv1D(8, padding=(1, 1, 1, 1)), r"Conv1D: padding: .*\(before, after\)"),
    (lambda: Conv1D(8, (3, 3)), "Conv1D: kernel: expected a whole number"),  # type: ignore[arg-type]
    (lambda: DepthwiseConv2D(3, 0), "DepthwiseConv2D: multiplier"),
    (lambda: SeparableConv2D(3, multiplier=0), "SeparableConv2D: multiplier"),
    (lambda: Conv2DTranspose(8, stride=2, output_padding=2),
     "Conv2DTranspose: output_padding: expected less than the stride, 2, found 2"),
    (lambda: Conv2DTranspose(8, stride=2, output_padding=1, padding="same"), "output_padding: expected 0, since"),
    (lambda: Conv2D(8, activation="rleu"), "unknown activation 'rleu'.*Did you mean 'relu'"),
    (lambda: Conv2D(8, activation="softmax"), r"Conv2D: softmax is a layer of its own: add Activation\('softmax'\)"),
    (lambda: Conv2D(8, weight_initializer="he"), "unknown initializer 'he'"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)))
def test_errors_for_people(number: int) -> None:
    build, message = BAD[number]
    with pytest.raises(ModelError, match=message):
        build()


def test_the_hint_for_a_missing_axis_works() -> None:
    model = small(Reshape((28, 28, 1)), Conv2D(8, stride=2), Activation("relu"), input_shape=(28, 28))
    assert model.output_shape == (13, 13, 8)
