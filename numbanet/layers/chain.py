"""Layers one after another: what a model is, and what each branch of a layer that holds layers is.

A layer that holds others lists them in `chains`. From there a model finds them: it gives each its parameters,
buffers and random numbers, as it does its own, so that the layer that holds them only calls them.

A layer's name is `<index>_<kind>`, in a chain inside a layer behind the names of both:

    3_residual
    3_residual.body.0_dense           its tensors are "3_residual.body.0_dense.weight" and ".bias"
    3_residual.body.1_parallel
    3_residual.body.1_parallel.branch0.0_dense
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from numbanet.backend import Array
from numbanet.errors import ModelError
from numbanet.initializers import Shape
from numbanet.layers.base import Layer


class Chain:
    """`layers`, each fed what the one before it gives; with none of them y is x.

    `owner`, for errors: whose layers they are. Raises `ModelError` where one is no layer.
    """

    def __init__(self, layers: Iterable[Layer], owner: str) -> None:
        self.layers = tuple(layers)
        for index, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise ModelError(f"{owner}: layer {index}: expected a layer, got {layer!r}.{_advice(layer)}")
        self._inputs: list[Array] = [None] * len(self.layers)
        self._output: Array = None
        self._first_trained = 0

    def place(self, prefix: str, in_shape: Shape) -> Shape:
        """Name the layers, with `prefix` before each name, and build them; return the last one's output shape."""
        for index, layer in enumerate(self.layers):
            in_shape = layer.place(f"{prefix}{index}_{layer.kind}", in_shape)
            if index > 0 and layer.tokens is not None:
                raise layer.error(
                    "tokens, whole numbers as they come from the data",
                    f"the outputs of {self.layers[index - 1].name}",
                    "Put it first.",
                )
        # Nothing below the first layer with parameters needs a gradient.
        trained = [i for i, layer in enumerate(self.layers) if any(inner.parameters for inner in walk([layer]))]
        self._first_trained = trained[0] if trained else len(self.layers)
        return in_shape

    def hand_on(self, mask_from: Layer | None) -> Layer | None:
        """Note in each layer whose mask its inputs have, those of the first `mask_from`'s; return the output's."""
        for layer in self.layers:
            mask_from = layer.hand_on(mask_from)
        return mask_from

    @property
    def tokens(self) -> int | None:
        """Where the inputs are tokens, how many there are."""
        return self.layers[0].tokens if self.layers else None

    @property
    def keeps_mask(self) -> bool:
        """Whether the steps of the output are those of the input."""
        return all(layer.keeps_mask for layer in self.layers)

    @property
    def trained(self) -> bool:
        """Whether any layer has parameters."""
        return self._first_trained < len(self.layers)

    @property
    def output_function(self) -> str | None:
        """The last activation, "linear" if none; None where y is x in another shape."""
        functions = [f for layer in self.layers if (f := layer.output_function) is not None]
        return functions[-1] if functions else None

    def forward(self, x: Array, train: bool) -> Array:
        """The last layer's y; x itself where there is none."""
        inputs = self._inputs
        for index, layer in enumerate(self.layers):
            inputs[index] = x
            x = layer.forward(x, train)
        self._output = x
        return x

    def outputs(self) -> Iterator[tuple[Layer, Array]]:
        """After `forward`: each layer with what it gave, behind those inside it. The next pass overwrites these.

        Layers write to their own buffers alone, so what each of them gave is still there when all have run.
        """
        for layer, output in zip(self.layers, [*self._inputs, self._output][1:], strict=True):
            for chain in layer.chains:
                yield from chain.outputs()
            yield layer, output

    def backward(self, dy: Array, need_dx: bool) -> Array | None:
        """After `forward`: fills the gradients of all parameters; dx where it is needed, else None."""
        inputs, layers = self._inputs, self.layers
        last = 0 if need_dx else self._first_trained
        for index in range(len(layers) - 1, last - 1, -1):
            dy = layers[index].backward(inputs[index], dy, need_dx or index > last)
        return dy if need_dx else None

    def input_of(self, wanted: Layer, x: Array) -> Array:
        """What `wanted`, one of these layers or inside one, is fed for this x; the layers before it are run."""
        for layer in self.layers:
            if layer is wanted:
                return x
            for chain in layer.chains:
                if wanted in walk(chain.layers):
                    return chain.input_of(wanted, layer.inner_input(x))
            x = layer.forward(x, False)
        raise LookupError(f"{wanted.name} is not among these layers")


def walk(layers: Iterable[Layer]) -> Iterator[Layer]:
    """All layers: each is followed by those inside it."""
    for layer in layers:
        yield layer
        for chain in layer.chains:
            yield from walk(chain.layers)


def _advice(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " Pass the layers one by one: *layers."
    if callable(value):
        return " Make the object, such as Flatten(), or Activation('relu') for a function."
    return ""
