"""Every layer, activation and loss against central differences, in float64, inside a small model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numbanet.kernels.codes import ACTIVATIONS
from numbanet.layers import (
    GRU,
    LAYERS,
    LSTM,
    Activation,
    AvgPool1D,
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GroupNorm,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    Normalize,
    Parallel,
    Reshape,
    Residual,
    RMSNorm,
    SeparableConv2D,
    SimpleRNN,
    UpSampling2D,
    ZeroPad2D,
)
from numbanet.layers.chain import walk
from numbanet.losses import LOSSES, BinaryCrossEntropy, CrossEntropy, Huber
from numbanet.losses import MeanAbsoluteError as Mae
from numbanet.losses import MeanSquaredError as Mse
from numbanet.model import Sequential
from numbanet.training.objective import Objective
from numbanet.training.step import TrainStep

from .helpers import BACKENDS, Case, make_inputs
from .sequence_cases import SEQUENCE_CASES

BATCH, STEP = 5, 1e-6


CASES = {
    "dense": Case(lambda: [Dense(3)], Mse()),
    "dense without bias": Case(lambda: [Dense(5, "tanh", bias=False), Dense(2, bias=False)], Mse()),
    "dense of one": Case(lambda: [Dense(1, "tanh"), Dense(1)], Mse(), input_shape=(1,)),
    "dense on an image": Case(lambda: [Dense(4, "tanh"), Dense(3)], Mse(), input_shape=(2, 3, 2)),
    "flatten": Case(lambda: [Flatten(), Dense(3)], Mse(), input_shape=(2, 3, 2)),
    "flatten inside": Case(
        lambda: [Dense(6, "tanh"), Reshape((2, 3)), Activation("softmax"), Flatten(), Dense(2)], Mse()
    ),
    "reshape at the end": Case(lambda: [Dense(6), Reshape((3, -1))], Mse()),
    "normalize": Case(lambda: [Normalize(), Dense(3, "tanh"), Normalize(), Dense(2)], Mse()),
    "dropout": Case(lambda: [Dense(9, "tanh"), Dropout(0.4), Dense(3)], Mse()),
    "dropout first": Case(lambda: [Dropout(0.3), Dense(3)], Mse()),
    "dropout of channels": Case(
        lambda: [Activation("tanh"), Dropout(0.4, per_channel=True), Dense(3)], Mse(), input_shape=(3, 2, 4)
    ),
    "dropout of channels alone": Case(lambda: [Dense(9, "tanh"), Dropout(0.4, per_channel=True), Dense(3)], Mse()),
    "dropout of nothing": Case(lambda: [Dense(9, "tanh"), Dropout(0.0), Dense(3)], Mse()),
    "residual": Case(lambda: [Residual(Dense(5, "tanh"), Dense(4)), Dense(2)], Mse()),
    "residual, projected": Case(lambda: [Residual(Dense(5, "tanh"), Dense(3), shortcut="projection")], Mse()),
    "residual of images, projected": Case(
        lambda: [Residual(Conv2D(3, 3, stride=2, padding="same", activation="tanh"), shortcut="projection")],
        Mse(),
        input_shape=(4, 5, 2),
    ),
    "residual of sequences, projected": Case(
        lambda: [Residual(Conv1D(3, 3, stride=2, padding="same", activation="tanh"), shortcut="projection")],
        Mse(),
        input_shape=(5, 2),
    ),
    "parallel": Case(lambda: [Parallel(Dense(3, "tanh"), [Dense(4, "tanh"), Dense(2)]), Dense(2)], Mse()),
    "parallel, added": Case(lambda: [Parallel(Dense(3, "tanh"), Dense(3), merge="add"), Dense(2)], Mse()),
    "parallel, the mean": Case(lambda: [Parallel(Dense(3, "tanh"), Dense(3), Dense(3), merge="mean"), Dense(2)], Mse()),
    "leaky_relu, another alpha": Case(lambda: [Activation("leaky_relu", alpha=0.3), Dense(2)], Mse()),
    "elu, another alpha": Case(lambda: [Activation("elu", alpha=0.5), Dense(2)], Mse()),
    **{f"dense {name}": Case(lambda name=name: [Dense(7, name), Dense(2)], Mse()) for name in ACTIVATIONS},
    **{
        f"activation {name}": Case(lambda name=name: [Activation(name), Dense(3), Activation(name)], Mse())
        for name in [*ACTIVATIONS, "softmax", "log_softmax"]
    },
    **{
        f"conv2d {name}": Case(lambda name=name: [Conv2D(3, activation=name), Dense(2)], Mse(), input_shape=(4, 3, 2))
        for name in ("linear", "relu", "sigmoid", "tanh", "leaky_relu", "gelu")
    },
    "conv2d of one tap": Case(lambda: [Conv2D(3, 1, activation="gelu"), Dense(2)], Mse(), input_shape=(3, 2, 2)),
    "conv2d of one tap without bias": Case(lambda: [Conv2D(3, 1, bias=False)], Mse(), input_shape=(3, 2, 2)),
    "conv2d, every option": Case(
        lambda: [
            Conv2D(
                4, (2, 3), stride=(2, 1), padding=(1, 0, 2, 1), dilation=(1, 2), groups=2, activation="tanh", bias=False
            )
        ],
        Mse(),
        input_shape=(4, 3, 2),
    ),
    "conv2d after conv2d": Case(
        lambda: [Conv2D(2, 2, activation="tanh"), Conv2D(3, padding="same", stride=2)], Mse(), input_shape=(4, 4, 1)
    ),
    "depthwise_conv2d": Case(
        lambda: [DepthwiseConv2D(2, 3, padding="same", activation="tanh"), Dense(2)], Mse(), input_shape=(3, 3, 2)
    ),
    "depthwise_conv2d of one channel": Case(lambda: [DepthwiseConv2D(1, 2)], Mse(), input_shape=(3, 2, 1)),
    "separable_conv2d": Case(
        lambda: [SeparableConv2D(3, 2, stride=2, multiplier=2, activation="silu"), Dense(2)],
        Mse(),
        input_shape=(4, 5, 2),
    ),
    "separable_conv2d without bias": Case(
        lambda: [Conv2D(2, 1), SeparableConv2D(3, padding="same", bias=False)], Mse(), input_shape=(3, 2, 2)
    ),
    "max_pool2d": Case(lambda: [Conv2D(3, 2), MaxPool2D(2), Dense(2)], Mse(), input_shape=(5, 6, 2)),
    "max_pool2d, overlapping": Case(
        lambda: [MaxPool2D((3, 2), stride=(2, 1), padding=(1, 2, 0, 1)), Dense(2)], Mse(), input_shape=(4, 3, 2)
    ),
    "avg_pool2d": Case(lambda: [AvgPool2D(2, padding="same"), Dense(2)], Mse(), input_shape=(5, 4, 2)),
    "avg_pool2d, overlapping": Case(
        lambda: [Conv2D(3, 1), AvgPool2D(3, stride=2, padding=1, count_padding=True)], Mse(), input_shape=(4, 5, 2)
    ),
    "max_pool1d": Case(lambda: [Conv1D(3, 2), MaxPool1D(2), Dense(2)], Mse(), input_shape=(6, 2)),
    "avg_pool1d": Case(lambda: [AvgPool1D(3, 1, padding=(1, 2)), Dense(2)], Mse(), input_shape=(4, 2)),
    "global_max_pool2d": Case(lambda: [Conv2D(4, 2), GlobalMaxPool2D(), Dense(2)], Mse(), input_shape=(4, 3, 1)),
    "global_avg_pool2d": Case(lambda: [GlobalAvgPool2D(), Dense(2)], Mse(), input_shape=(3, 4, 2)),
    "up_sampling2d": Case(lambda: [UpSampling2D((2, 3)), Conv2D(2, 2)], Mse(), input_shape=(2, 3, 2)),
    "zero_pad2d": Case(lambda: [Conv2D(2, 1), ZeroPad2D((1, 0, 2, 1)), Conv2D(2, 2)], Mse(), input_shape=(3, 2, 2)),
    "conv2d_transpose": Case(
        lambda: [Conv2DTranspose(3, stride=2, activation="tanh"), Dense(2)], Mse(), input_shape=(2, 3, 2)
    ),
    "conv2d_transpose, every option": Case(
        lambda: [
            Conv2DTranspose(
                4,
                (3, 2),
                stride=(3, 2),
                padding=(1, 0, 2, 1),
                output_padding=(2, 1),
                dilation=(1, 2),
                groups=2,
                activation="gelu",
            )
        ],
        Mse(),
        input_shape=(2, 3, 2),
    ),
    "conv2d_transpose without bias": Case(
        lambda: [Conv2D(2, 2), Conv2DTranspose(1, 2, activation="relu", bias=False)], Mse(), input_shape=(3, 3, 1)
    ),
    "conv1d": Case(lambda: [Conv1D(3, activation="relu"), Dense(2)], Mse(), input_shape=(5, 2)),
    "conv1d, every option": Case(
        lambda: [Conv1D(4, 2, stride=2, padding="causal", dilation=2, groups=2, activation="elu")],
        Mse(),
        input_shape=(6, 2),
    ),
    "conv1d of one step": Case(lambda: [Conv1D(3, 1), Conv1D(2, padding="same")], Mse(), input_shape=(4, 2)),
    # No biases before a batch_norm: it takes them out again, and all that is left of their gradients is rounding.
    "batch_norm": Case(lambda: [BatchNorm()], Mse(), input_shape=(2, 3, 3)),
    **{
        f"batch_norm {name}": Case(
            lambda name=name: [Dense(5, bias=False), BatchNorm(epsilon=0.1, activation=name), Dense(2)], Mse()
        )
        for name in ("linear", "relu", "sigmoid", "tanh")
    },
    "batch_norm of images": Case(
        lambda: [Conv2D(3, bias=False), BatchNorm(0.5, activation="tanh"), BatchNorm()], Mse(), input_shape=(4, 3, 2)
    ),
    "group_norm": Case(lambda: [GroupNorm(2), Dense(2)], Mse(), input_shape=(2, 3, 4)),
    "group_norm of one group": Case(lambda: [GroupNorm(1, epsilon=0.1)], Mse(), input_shape=(3, 2)),
    "group_norm of each channel": Case(lambda: [GroupNorm(3), Activation("tanh")], Mse(), input_shape=(2, 2, 3)),
    "group_norm of features": Case(lambda: [Dense(6, "tanh"), GroupNorm(2), Dense(2)], Mse()),
    "layer_norm": Case(lambda: [LayerNorm(), Dense(2)], Mse()),
    "layer_norm of images": Case(lambda: [LayerNorm(epsilon=0.1), Activation("tanh")], Mse(), input_shape=(2, 3, 3)),
    "rms_norm": Case(lambda: [RMSNorm(), Dense(2)], Mse()),
    "rms_norm of images": Case(lambda: [RMSNorm(epsilon=0.1), Activation("tanh")], Mse(), input_shape=(2, 3, 3)),
    "simple_rnn": Case(lambda: [SimpleRNN(3), Dense(2)], Mse(), input_shape=(5, 2)),
    "simple_rnn, relu, all steps": Case(
        lambda: [SimpleRNN(4, "relu", return_sequences=True)], Mse(), input_shape=(4, 2)
    ),
    "simple_rnn, reverse, dropped": Case(
        lambda: [SimpleRNN(3, reverse=True, recurrent_dropout=0.4)], Mse(), input_shape=(4, 3)
    ),
    "lstm": Case(lambda: [LSTM(3), Dense(2)], Mse(), input_shape=(5, 2)),
    "lstm, stacked": Case(lambda: [LSTM(3, return_sequences=True), LSTM(2)], Mse(), input_shape=(4, 2)),
    "lstm, every option": Case(
        lambda: [LSTM(3, peepholes=True, return_sequences=True, reverse=True, recurrent_dropout=0.3)],
        Mse(),
        input_shape=(4, 2),
    ),
    "lstm inside": Case(lambda: [Residual(LSTM(2, return_sequences=True)), LSTM(2)], Mse(), input_shape=(4, 2)),
    "gru": Case(lambda: [GRU(3), Dense(2)], Mse(), input_shape=(5, 2)),
    "gru, reset before": Case(lambda: [GRU(3, reset_after=False, return_sequences=True)], Mse(), input_shape=(4, 2)),
    "gru, every option": Case(
        lambda: [GRU(3, return_sequences=True, reverse=True, recurrent_dropout=0.3)], Mse(), input_shape=(4, 2)
    ),
    "gru, reset before, every option": Case(
        lambda: [GRU(3, False, reverse=True, recurrent_dropout=0.3), Dense(2)], Mse(), input_shape=(4, 2)
    ),
    "cross_entropy": Case(lambda: [Dense(3)], CrossEntropy(), "labels"),
    "cross_entropy, smoothed": Case(lambda: [Dense(3)], CrossEntropy(0.2), "labels"),
    "cross_entropy, weighted": Case(lambda: [Dense(3)], CrossEntropy(class_weights=(0.5, 2, 0)), "labels"),
    "cross_entropy, both": Case(lambda: [Dense(3)], CrossEntropy(0.1, (0.5, 2, 1)), "labels"),
    "cross_entropy of probabilities": Case(lambda: [Dense(3)], CrossEntropy(), "probabilities"),
    "cross_entropy of probabilities, both": Case(lambda: [Dense(3)], CrossEntropy(0.1, (0.5, 2, 1)), "probabilities"),
    "cross_entropy after log_softmax": Case(lambda: [Dense(3), Activation("log_softmax")], CrossEntropy(), "labels"),
    "binary_cross_entropy": Case(lambda: [Dense(3)], BinaryCrossEntropy(), "bits"),
    "mae": Case(lambda: [Dense(3)], Mae()),
    "huber": Case(lambda: [Dense(3)], Huber(0.7)),
    **SEQUENCE_CASES,
}


def make_targets(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    if kind == "labels" and len(shape) == 2:  # of steps, some of them none
        return rng.integers(-1, shape[1], (BATCH, shape[0]))
    if kind == "labels":
        return np.arange(BATCH) % shape[0]
    if kind == "bits":
        return rng.integers(0, 2, (BATCH, *shape)).astype(np.float64)
    if kind == "probabilities":
        return rng.dirichlet(np.ones(shape[-1]), (BATCH, *shape[:-1]))
    return rng.normal(0, 2, (BATCH, *shape))


def spoil_gradients(model: Sequential) -> None:
    """NaN, which backward must overwrite; but in the tables of embeddings, whose unused rows it leaves as they are."""
    model.arena.gradients[:] = np.nan
    for layer in walk(model.layers):
        if isinstance(layer, Embedding):
            model.gradients()[f"{layer.name}.weight"][...] = 0


def numeric(f: Callable[[], float], array: NDArray[Any]) -> NDArray[Any]:
    """df/darray by central differences."""
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + STEP
        above = f()
        array[index] = value - STEP
        below = f()
        array[index] = value
        result[index] = (above - below) / (2 * STEP)
    return result


@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str) -> None:
    check_gradients(CASES[name])


def check_gradients(case: Case) -> None:
    rng = np.random.default_rng(3)
    model = Sequential(*case.layers(), input_shape=case.input_shape, seed=1, dtype="float64")
    for array in model.parameters().values():  # biases away from 0 too
        array[...] = rng.normal(0, 0.7, array.shape)
    for key, array in model.state().items():
        if key.endswith("mean"):
            array[...] = rng.normal(size=array.shape)
        elif key.endswith("inverse_std"):
            array[...] = rng.uniform(0.5, 2, array.shape)
    for layer in walk(model.layers):
        if isinstance(layer, Embedding) and layer.padding_index is not None:
            model.parameters()[f"{layer.name}.weight"][layer.padding_index] = 0
    x = make_inputs(model, rng, BATCH)
    y = case.loss.targets(make_targets(case.targets, model.output_shape, rng), model.output_shape, "float64")
    objective = Objective(model, case.loss, y)
    losses, none = objective.losses(BATCH), np.empty((0, 0))

    def loss(dz: NDArray[Any] = none) -> float:
        totals = np.zeros(4)
        objective(totals, losses, dz, model.forward(x, train=True), y)
        return float(totals[0] / totals[1])

    dz = np.full((BATCH, *model.output_shape), np.nan)
    spoil_gradients(model)
    before, saved_x = loss(dz), x.copy()
    given, need_dx = dz.copy(), model.tokens is None
    dx = model.backward(given, need_dx=need_dx)
    dx = dx.copy() if need_dx else None
    gradients = {key: array.copy() for key, array in model.gradients().items()}
    assert np.array_equal(given, dz), "backward wrote dy"
    assert np.array_equal(x, saved_x), "forward or backward wrote x"
    assert loss() == before

    scale = {"rtol": 2e-5, "atol": 2e-8}
    if need_dx:
        # A step of zeros that a mask leaves out is real as soon as it is moved.
        moves = x != 0
        np.testing.assert_allclose(dx[moves], numeric(loss, x)[moves], **scale, err_msg="dx")
    for key, array in model.parameters().items():
        expected = numeric(loss, array)
        if model.tokens is not None:
            leave_out_padding(expected, key, model)
        np.testing.assert_allclose(gradients[key], expected, **scale, err_msg=key)

    spoil_gradients(model)  # what training does: nothing below the first parameters
    loss(dz)
    model.backward(dz)
    for key, array in model.gradients().items():
        assert np.array_equal(array, gradients[key]), key


def leave_out_padding(gradient: NDArray[Any], key: str, model: Sequential) -> None:
    """The row of the padding takes no gradient, whatever it might do to the loss."""
    for layer in walk(model.layers):
        if isinstance(layer, Embedding) and layer.padding_index is not None and key == f"{layer.name}.weight":
            gradient[layer.padding_index] = 0


def test_every_layer_and_loss_has_a_case() -> None:
    layers = {type(layer) for case in CASES.values() for layer in walk(case.layers())}
    assert layers == set(LAYERS.values())
    assert {type(case.loss) for case in CASES.values()} == set(LOSSES.values())


@pytest.mark.parametrize("name", CASES)
def test_against_the_oracle(name: str) -> None:
    check_against_the_oracle(CASES[name])


def check_against_the_oracle(case: Case) -> None:
    """Ten training steps with the compiled kernels, and with plain NumPy."""
    weights = []
    for backend in (BACKENDS["cpu"], BACKENDS["reference"]):
        rng = np.random.default_rng(5)
        model = Sequential(*case.layers(), input_shape=case.input_shape, seed=1, dtype="float64", device=backend)
        step = TrainStep(model, "adam", case.loss)
        for _ in range(10):
            x = make_inputs(model, rng, BATCH)
            step(x, make_targets(case.targets, model.output_shape, rng))
        weights.append(model.arena.values)
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-7, atol=1e-9)
