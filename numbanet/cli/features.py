"""What can be seen of a model: its first layer's filters, its layers' outputs, the pixels that decide.

Everything goes by the shapes of arrays and the names of parameters and layers, so that whatever layers a model
is made of, they are found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.cli.art import is_image
from numbanet.errors import PlotError
from numbanet.layers.base import size
from numbanet.model import Sequential

WEIGHT = "weight"  # what layers call the parameter whose last axis is their outputs


def first_filters(model: Sequential, path: str) -> tuple[str, NDArray[Any]]:
    """Name and values of the first weights, as filters [height, width, channels, filters].

    A convolution's kernels are that already; kernels over sequences [steps, channels, filters] become pictures
    of steps and channels; the weights of a dense layer on images take the image's shape. Raises `PlotError`
    for weights that are none of these.
    """
    for name, array in model.parameters().items():
        values = model.backend.to_numpy(array)
        if values.ndim == 4:
            return name, values
        if name.rpartition(".")[2] != WEIGHT or values.ndim == 1:
            continue
        if values.ndim == 3:
            return name, values[:, :, np.newaxis]
        if is_image(model.input_shape) and len(values) == size(model.input_shape):
            return name, values.reshape(*model.input_shape, -1)
        raise PlotError(
            f"{path}: expected a convolution, or a dense layer on images, as the first layer with weights; "
            f"{name} has the shape {values.shape}, and the input {model.input_shape}: no filter would be a picture."
        )
    raise PlotError(f"{path}: none of its layers has weights: there are no filters to draw.")


def layer_outputs(model: Sequential, x: NDArray[Any]) -> list[tuple[str, NDArray[Any]]]:
    """Name and output of each layer for one example; without layers that only hand on numbers they got."""
    found: list[tuple[str, NDArray[Any]]] = []
    seen = [model.backend.to_numpy(model.enter(x[np.newaxis])).reshape(-1).copy()]
    for name, batch in model.activations(x[np.newaxis]).items():
        values = batch[0].reshape(-1)
        constant = values.min() == values.max()  # two dead layers are alike, and both are to be seen
        if constant or not any(np.array_equal(values, earlier) for earlier in seen):
            found.append((name, batch[0]))
        seen.append(values)
    return found


def first_features(model: Sequential, x: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    """Name and output of the first layer with weights, for one example; the model's output where none has."""
    outputs = {name: batch[0] for name, batch in model.activations(x[np.newaxis]).items()}
    for parameter in model.parameters():
        layer = parameter.rpartition(".")[0]
        if layer in outputs:
            return layer, outputs[layer]
    return list(outputs.items())[-1]


def saliency(model: Sequential, x: NDArray[Any], output: int) -> NDArray[Any]:
    """The gradient of one output for one example with respect to the example, [*input_shape].

    (Simonyan, Vedaldi and Zisserman, arXiv 1312.6034, with its sign.) Bytes count as 0 to 1.
    """
    model.forward(x[np.newaxis])
    dy = np.zeros((1, *model.output_shape), model.dtype)
    dy.reshape(-1)[output] = 1.0
    dx = model.backend.to_numpy(model.backward(dy, need_dx=True))
    gradient: NDArray[Any] = dx.reshape(model.input_shape).copy()
    return gradient
