"""What a layer is.

    build(in_shape) -> out_shape     declare tensors and buffers; shapes are per example, without the batch
    bind(kernels, views)             arrays arrive; again whenever the batch size changes
    forward(x, train) -> y           writes only the layer's own buffers; never x
    backward(x, dy, need_dx) -> dx   after forward on the same x; fills the gradients of its parameters; never
                                     writes dy; None where dx is not needed

Sequences are (time, features). Where some steps only fill up, a layer that finds them makes a mask, uint8 [n, time],
1 for a real step; layers that keep the steps where they are (`keeps_mask`) hand it on, the very same array, to all
after them, and the loss. Whoever looks across steps leaves out those of 0.

A layer gets the namespace of kernels that it calls. It knows nothing of the device behind it, of the loss or
of the optimizer. Everything that can be looked up is looked up in `bind`, so that a step costs little Python.
A layer that holds layers says so in `chains`; what becomes of those stands in `chain`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from numbanet import initializers
from numbanet.arena import ParameterSpec
from numbanet.backend import Array
from numbanet.configurable import Configurable
from numbanet.errors import ModelError
from numbanet.initializers import Initializer, Shape

if TYPE_CHECKING:  # a chain is made of layers
    from numbanet.layers.chain import Chain


@dataclass(frozen=True)
class Views:
    """The arrays that a layer works on, for one batch size; each by the name the layer declared.

    `buffers` holds what grows with the batch and the scratch that does not.

    `step` is an int64[1] array, the number of the training step; with `seed` and `stream` (one per layer) it
    keys a layer's random numbers. `absent` is an array of size 0: what kernels take for "none". `mask` is that of
    the inputs, uint8 [n, time], of shape (0, 0) where all steps are real; forward finds it filled.
    """

    batch: int
    parameters: dict[str, Array]
    gradients: dict[str, Array]
    state: dict[str, Array]
    buffers: dict[str, Array]
    absent: Array
    mask: Array
    seed: int
    step: Array
    stream: int


class Buffer(NamedTuple):
    """Working memory: its shape, and its type of element, None for that of the model."""

    shape: Shape
    dtype: str | None = None


class Layer(Configurable):
    """Base of all layers. A layer object belongs to one model."""

    kind: ClassVar[str]  # the class's name in snake case
    chains: tuple[Chain, ...] = ()  # the layers inside; what the first of a chain is fed is the layer's `inner_input`
    makes_mask = False  # whether forward writes its buffer "mask"
    mask_from: Layer | None = None  # the layer that makes the mask of its inputs
    times = 1  # how often it is run for one example of the model: its batches are so much larger
    _name = ""

    def __init_subclass__(cls) -> None:
        """Name the kind after the class: Conv2DTranspose is conv2d_transpose, RMSNorm rms_norm."""
        cls.kind = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    @property
    def output_function(self) -> str | None:
        """The last activation in the layer, "linear" if none; None where y is x in another shape."""
        return "linear"

    @property
    def name(self) -> str:
        """`<index>_<kind>` in its model, behind the names of what it lies in; the class's name before."""
        return self._name or type(self).__name__

    @property
    def tokens(self) -> int | None:
        """Where x is tokens, whole numbers from 0 on, how many there are; None where x is of the model's type."""
        return None

    @property
    def keeps_mask(self) -> bool:
        """Whether step t of y belongs to step t of x, so that the mask of x is one of y."""
        return False

    def hand_on(self, mask_from: Layer | None) -> Layer | None:
        """Note whose mask x has, here and in the layers inside; return whose mask y has."""
        self.mask_from = mask_from
        ends = [chain.hand_on(mask_from) for chain in self.chains]
        if self.makes_mask:
            return self
        if not self.keeps_mask:
            return None
        return next((end for end in ends if end is not None), mask_from)

    def inner_input(self, x: Array) -> Array:
        """What the layers inside are fed for this x."""
        return x

    def place(self, name: str, in_shape: Shape) -> Shape:
        """Become the layer `name` of a model that feeds it `in_shape`; return its output shape."""
        if self._name:
            raise ModelError(f"{self!r} is {self._name} of a model already: make a new layer for each place.")
        self._name = name
        self.parameters: list[ParameterSpec] = []
        self.state: list[ParameterSpec] = []
        self.buffers: dict[str, Buffer] = {}
        self.scratch: dict[str, Buffer] = {}
        self.in_shape = in_shape
        self.out_shape = self.build(in_shape)
        return self.out_shape

    def build(self, in_shape: Shape) -> Shape:
        """Declare parameters, state and buffers; return the shape of one output. Raises `ModelError`."""
        raise NotImplementedError

    def bind(self, kernels: Any, views: Views) -> None:
        """Take the arrays for one batch size."""

    def forward(self, x: Array, train: bool) -> Array:
        """y [n, *out_shape] from x [n, *in_shape]. `train`: with dropout and the like."""
        raise NotImplementedError

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """dx [n, *in_shape] from dy [n, *out_shape], for the x of the last `forward`."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget what is carried from one batch to the next, in layers that carry something."""

    def multiply_adds(self) -> int:
        """Multiply-adds of the forward pass for one example, without those of layers inside."""
        return 0

    def add_parameter(self, name: str, shape: Shape, initializer: Initializer, *, decay: bool) -> None:
        """Declare a trained tensor."""
        self.parameters.append(ParameterSpec(name, shape, initializer, decay))

    def add_state(self, name: str, shape: Shape, initializer: str) -> None:
        """Declare a tensor that is stored with the model and not trained."""
        self.state.append(ParameterSpec(name, shape, initializers.get(initializer), False))

    def add_buffer(self, name: str, shape: Shape, dtype: str | None = None) -> None:
        """Declare working memory, [n, *shape] for a batch of n; of the model's type, unless `dtype` says another."""
        self.buffers[name] = Buffer(shape, dtype)

    def add_scratch(self, name: str, shape: Shape, dtype: str | None = None) -> None:
        """Declare working memory of this shape, whatever the batch size; `bind` finds it among the buffers."""
        self.scratch[name] = Buffer(shape, dtype)

    def error(self, expected: str, got: object, advice: str = "") -> ModelError:
        """The error that names this layer, what it expected and what it got."""
        return ModelError(f"{self.name}: expected {expected}, got {got}.{' ' + advice if advice else ''}")


def size(shape: Shape) -> int:
    """Elements of a shape."""
    return math.prod(shape)
