"""Normalization inside a network: by the batch, by groups of channels, by the row."""

from __future__ import annotations

from typing import Any

from numbanet import initializers
from numbanet.backend import Array
from numbanet.configurable import check_number, check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Shape
from numbanet.kernels.codes import ACTIVATIONS, FUSED
from numbanet.kernels.geometry import batch_norm_scratch, group_norm_scratch, layer_norm_scratch
from numbanet.layers.activation import OVER_AXIS
from numbanet.layers.base import Layer, Views, size

FUSED_NAMES = tuple(name for name, code in ACTIVATIONS.items() if code in FUSED)


class _Norm(Layer):
    """What the layers of this file share: any shape with channels as its last axis, and a scale for each channel."""

    epsilon: float

    @property
    def keeps_mask(self) -> bool:
        """Yes: y is x in other units. Steps that only fill up are normalized like all others."""
        return True

    def _declare(self, in_shape: Shape, *parameters: str) -> None:
        """Check the shape; declare parameters of one number a channel, and the buffers of y and dx."""
        if not in_shape:
            raise self.error("at least one axis, whose last holds the channels", "a single number")
        self._channels = in_shape[-1]
        self._pixels = size(in_shape[:-1])
        for name in parameters:
            first = initializers.get("ones" if name == "gamma" else "zeros")
            self.add_parameter(name, (self._channels,), first, decay=False)
        self.add_buffer("y", in_shape)
        self.add_buffer("dx", in_shape)

    def _take(self, views: Views, rows: Shape) -> None:
        """Keep the arrays, those of the input's shape as `rows`."""
        self._rows = rows
        self._y, self._dx = views.buffers["y"], views.buffers["dx"]
        self._y_rows, self._dx_rows = self._y.reshape(rows), self._dx.reshape(rows)
        self._gamma, self._dgamma = views.parameters["gamma"], views.gradients["gamma"]
        self._scratch = views.buffers["scratch"]
        self._epsilon = float(self.epsilon)


class BatchNorm(_Norm):
    """y = activation((x - mean) / sqrt(variance + epsilon) gamma + beta), for each channel, the last axis.

    In training mean and variance are the batch's, over examples and pixels, and running averages move towards them:
    running = (1 - momentum) running + momentum new, the variance that of the population, with n - 1. Otherwise
    mean and variance are these averages, which are stored with the model. `activation`: linear, relu, sigmoid or
    tanh, in the same pass. `model.fuse()` folds the layer into the one before it. Ioffe and Szegedy, arXiv 1502.03167.
    """

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5, activation: str | None = "linear") -> None:
        check_number("BatchNorm", "momentum", momentum, 0.0, 1.0)
        check_number("BatchNorm", "epsilon", epsilon, 0.0, open_ends=True)
        activation = activation or "linear"
        if activation not in FUSED_NAMES:
            known = [*ACTIVATIONS, *OVER_AXIS]
            if activation not in known:
                raise ModelError(f"BatchNorm: {unknown_name('activation', activation, known)}")
            raise ModelError(
                f"BatchNorm: activation: expected one of {', '.join(FUSED_NAMES)}, found {activation!r}: add "
                f"Activation({activation!r}) after it."
            )
        self.momentum = momentum
        self.epsilon = epsilon
        self.activation = activation

    def build(self, in_shape: Shape) -> Shape:
        """(..., channels), unchanged."""
        self._declare(in_shape, "gamma", "beta")
        self.add_state("running_mean", (self._channels,), "zeros")
        self.add_state("running_variance", (self._channels,), "ones")
        self.add_scratch("mean", (self._channels,))
        self.add_scratch("variance", (self._channels,))
        self.add_scratch("scratch", (batch_norm_scratch(self._channels),))
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand."""
        self._take(views, (views.batch * self._pixels, self._channels))
        self._compute_moments, self._forward = kernels.batch_norm_moments, kernels.batch_norm_forward
        self._backward_params = kernels.batch_norm_backward_params
        self._backward_input = kernels.batch_norm_backward_input
        self._beta, self._dbeta = views.parameters["beta"], views.gradients["beta"]
        self._running = views.state["running_mean"], views.state["running_variance"]
        self._of_batch = views.buffers["mean"], views.buffers["variance"]
        self._momentum = float(self.momentum)
        self._code = ACTIVATIONS[self.activation]
        self._trained, self._moments = False, self._running  # of the last forward

    def forward(self, x: Array, train: bool) -> Array:
        """Normalized by the batch in training, else by the running averages."""
        x = x.reshape(self._rows)
        self._trained, self._moments = train, self._of_batch if train else self._running
        if train:
            if self._rows[0] < 2:
                raise self.error(
                    "at least two numbers for each channel to train on",
                    "one: a batch of a single example without pixels",
                    "Choose a batch_size that leaves no single example at the end.",
                )
            self._compute_moments(*self._of_batch, *self._running, x, self._momentum, self._scratch)
        self._forward(
            self._y_rows, x, *self._moments, self._gamma, self._beta, self._epsilon, self._code, self._scratch
        )
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills dgamma and dbeta; dx through the batch's mean and variance where those were used."""
        x, dy = x.reshape(self._rows), dy.reshape(self._rows)
        inputs = (dy, x, self._y_rows, *self._moments, self._gamma, self._beta)
        self._backward_params(self._dgamma, self._dbeta, *inputs, self._epsilon, self._code, self._scratch)
        if not need_dx:
            return None
        self._backward_input(
            self._dx_rows, *inputs, self._dgamma, self._dbeta, self._epsilon, self._code, self._trained, self._scratch
        )
        return self._dx

    @property
    def output_function(self) -> str:
        """Its activation."""
        return self.activation


class GroupNorm(_Norm):
    """y = (x - mean) / sqrt(variance + epsilon) gamma + beta, over all pixels of a group of channels of one example.

    The channels, the last axis, are cut into `groups` groups of neighbours; gamma and beta belong to a channel. The
    same in training and afterwards, and for any batch size. Wu and He, arXiv 1803.08494.
    """

    def __init__(self, groups: int, epsilon: float = 1e-5) -> None:
        self.groups = check_whole("GroupNorm", "groups", groups, 1)
        check_number("GroupNorm", "epsilon", epsilon, 0.0, open_ends=True)
        self.epsilon = epsilon

    def build(self, in_shape: Shape) -> Shape:
        """(..., channels), unchanged."""
        self._declare(in_shape, "gamma", "beta")
        if self._channels % self.groups:
            raise self.error(
                f"channels, the last axis, that are a multiple of {self.groups} groups",
                f"inputs of shape {in_shape}",
            )
        self.add_buffer("mean", (self.groups,))
        self.add_buffer("inverse_std", (self.groups,))
        self.add_scratch("scratch", (group_norm_scratch(self._channels),))
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand."""
        self._take(views, (views.batch, self._pixels, self._channels))
        self._forward, self._backward = kernels.group_norm_forward, kernels.group_norm_backward
        self._beta, self._dbeta = views.parameters["beta"], views.gradients["beta"]
        self._moments = views.buffers["mean"], views.buffers["inverse_std"]

    def forward(self, x: Array, train: bool) -> Array:
        """Each group normalized by its own mean and variance."""
        x = x.reshape(self._rows)
        self._forward(self._y_rows, *self._moments, x, self._gamma, self._beta, self._epsilon, self._scratch)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills dgamma and dbeta; dx through the mean and the variance."""
        x, dy = x.reshape(self._rows), dy.reshape(self._rows)
        self._backward(
            self._dx_rows, self._dgamma, self._dbeta, dy, x, *self._moments, self._gamma, self._scratch
        )  # fmt: skip
        return self._dx if need_dx else None


class LayerNorm(_Norm):
    """y = (x - mean) / sqrt(variance + epsilon) gamma + beta, over the last axis; gamma and beta for each element.

    Of an image that is the channels of one pixel, each pixel by itself. Ba et al., arXiv 1607.06450.
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        check_number("LayerNorm", "epsilon", epsilon, 0.0, open_ends=True)
        self.epsilon = epsilon

    def build(self, in_shape: Shape) -> Shape:
        """(..., channels), unchanged."""
        self._declare(in_shape, "gamma", "beta")
        self.add_buffer("mean", in_shape[:-1])
        self.add_buffer("inverse_std", in_shape[:-1])
        self.add_scratch("scratch", (layer_norm_scratch(self._channels),))
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand."""
        self._take(views, (views.batch * self._pixels, self._channels))
        self._forward, self._backward = kernels.layer_norm_forward, kernels.layer_norm_backward
        self._beta, self._dbeta = views.parameters["beta"], views.gradients["beta"]
        self._moments = views.buffers["mean"].reshape(-1), views.buffers["inverse_std"].reshape(-1)

    def forward(self, x: Array, train: bool) -> Array:
        """Each row normalized by its own mean and variance."""
        x = x.reshape(self._rows)
        self._forward(self._y_rows, *self._moments, x, self._gamma, self._beta, self._epsilon)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills dgamma and dbeta; dx through the mean and the variance."""
        x, dy = x.reshape(self._rows), dy.reshape(self._rows)
        self._backward(
            self._dx_rows, self._dgamma, self._dbeta, dy, x, *self._moments, self._gamma, self._scratch
        )  # fmt: skip
        return self._dx if need_dx else None


class RMSNorm(_Norm):
    """y = x / sqrt(mean of x^2 + epsilon) gamma, over the last axis; gamma for each element.

    `LayerNorm` without its mean and its shift. Zhang and Sennrich, arXiv 1910.07467.
    """

    def __init__(self, epsilon: float = 1e-6) -> None:
        check_number("RMSNorm", "epsilon", epsilon, 0.0, open_ends=True)
        self.epsilon = epsilon

    def build(self, in_shape: Shape) -> Shape:
        """(..., channels), unchanged."""
        self._declare(in_shape, "gamma")
        self.add_buffer("inverse_rms", in_shape[:-1])
        self.add_scratch("scratch", (layer_norm_scratch(self._channels),))
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand."""
        self._take(views, (views.batch * self._pixels, self._channels))
        self._forward, self._backward = kernels.rms_norm_forward, kernels.rms_norm_backward
        self._inverse_rms = views.buffers["inverse_rms"].reshape(-1)

    def forward(self, x: Array, train: bool) -> Array:
        """Each row over its root mean square."""
        self._forward(self._y_rows, self._inverse_rms, x.reshape(self._rows), self._gamma, self._epsilon)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills dgamma; dx through the root mean square."""
        x, dy = x.reshape(self._rows), dy.reshape(self._rows)
        self._backward(self._dx_rows, self._dgamma, dy, x, self._inverse_rms, self._gamma, self._scratch)
        return self._dx if need_dx else None
