"""Layers that hold layers: a residual connection, and branches side by side. They hold each other, to any depth.

How the layers inside are named, and how they get their parameters and buffers, stands in `chain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numbanet.backend import Array
from numbanet.configurable import from_config
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Shape
from numbanet.kernels.codes import ACTIVATIONS, FUSED, LINEAR
from numbanet.layers.activation import Activation
from numbanet.layers.base import Layer, Views
from numbanet.layers.chain import Chain
from numbanet.layers.conv import Conv2D
from numbanet.layers.conv1d import Conv1D
from numbanet.layers.dense import Dense

MERGES = ("concat", "add", "mean")


class Residual(Layer):
    """y = activation(body(x) + shortcut(x)); the body is `layers`, one after another.

    `shortcut`: None for x itself, which takes a body that keeps the shape; "projection" for a linear map of x,
    without a bias, to the shape of the body's output: a `Dense`, or a convolution of one tap with the body's
    stride; or a layer, or a list of layers, that give that shape.
    `activation`: of the sum, by name.

    He et al. 2015, arXiv 1512.03385. Inside it, names are "3_residual.body.0_dense" and
    "3_residual.shortcut.0_dense".
    """

    def __init__(
        self,
        *layers: Layer,
        shortcut: Layer | Sequence[Layer] | str | None = None,
        activation: str | None = "linear",
    ) -> None:
        if isinstance(shortcut, str) and shortcut != "projection":
            raise ModelError(f"Residual: {unknown_name('shortcut', shortcut, ['projection'])}")
        self.layers = tuple(map(layer_from_file, layers))
        self.shortcut = layer_from_file(shortcut)
        self.activation = activation or "linear"
        if not self.layers:
            raise ModelError("Residual: expected at least one layer for its body, got none.")
        self._body = Chain(self.layers, "Residual")
        self._shortcut = _chain([] if shortcut in (None, "projection") else self.shortcut, "Residual: shortcut")
        # The cheap activations are applied as the sum is written; any other is a layer after it.
        fused = ACTIVATIONS.get(self.activation) in FUSED
        self._code = ACTIVATIONS[self.activation] if fused else LINEAR
        self._after = Chain([] if fused else [Activation(self.activation)], "Residual")
        self.chains = (self._body, self._shortcut, self._after)

    @property
    def output_function(self) -> str:
        """Its activation."""
        return self.activation

    @property
    def tokens(self) -> int | None:
        """Those that both the body and the shortcut take."""
        return _common_tokens(self, (self._body, self._shortcut))

    @property
    def keeps_mask(self) -> bool:
        """Where both the body and the shortcut do."""
        return self._body.keeps_mask and self._shortcut.keeps_mask

    def build(self, in_shape: Shape) -> Shape:
        """Any shape -> the body's output shape."""
        shape = self._body.place(f"{self.name}.body.", in_shape)
        if self.shortcut == "projection":
            self._shortcut = Chain([self._projection(in_shape, shape)], "Residual: shortcut")
            self.chains = (self._body, self._shortcut, self._after)
        beside = self._shortcut.place(f"{self.name}.shortcut.", in_shape)
        if shape != beside and not self._shortcut.layers:
            raise self.error(
                f"a body that keeps the shape {in_shape}, since the shortcut is x itself",
                f"an output of shape {shape}",
                'Write shortcut="projection", or pass the layers of a shortcut to that shape.',
            )
        if shape != beside:
            raise self.error(f"a shortcut to the body's output shape, {shape}", f"one to {beside}")
        self.add_buffer("y", shape)
        self.add_buffer("dx", in_shape)
        if self._code != LINEAR and self._shortcut.layers:
            self.add_buffer("dz", shape)
        return self._after.place(f"{self.name}.after.", shape)

    def _projection(self, in_shape: Shape, out_shape: Shape) -> Layer:
        """The shortcut that learns to go from one shape to the other. The body's bias serves for both."""
        if len(out_shape) == 1:
            return Dense(out_shape[0], bias=False)
        # Of all strides that give the output's size, the smallest: a size of `in` becomes in / stride, rounded up.
        strides = [-(-size // out) for size, out in zip(in_shape[:-1], out_shape[:-1], strict=False)]
        sizes = [-(-size // stride) for size, stride in zip(in_shape, strides, strict=False)]
        if len(in_shape) != len(out_shape) or [*out_shape[:-1]] != sizes or len(out_shape) > 3:
            raise self.error(
                f'an output that a stride can make of {in_shape}, for shortcut="projection"',
                f"one of shape {out_shape}",
                'Pad the body\'s convolutions with padding="same", or pass the layers of a shortcut.',
            )
        if len(out_shape) == 2:
            return Conv1D(out_shape[-1], 1, stride=strides[0], bias=False)
        return Conv2D(out_shape[-1], 1, stride=(strides[0], strides[1]), bias=False)

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the buffers, and flat."""
        self._add, self._backward_activation = kernels.add_activation, kernels.dense_backward_activation
        buffers = views.buffers
        self._y, self._dx = buffers["y"], buffers["dx"]
        self._y_flat, self._dx_flat = self._y.reshape(-1), self._dx.reshape(-1)
        # With the identity, the gradient of the sum is a part of dx: the rest is added to where it lies.
        self._dz = buffers["dz" if "dz" in buffers else "dx"]
        self._dz_flat = self._dz.reshape(-1)

    def forward(self, x: Array, train: bool) -> Array:
        """activation(body(x) + shortcut(x))."""
        body, beside = self._body.forward(x, train), self._shortcut.forward(x, train)
        self._add(self._y_flat, body.reshape(-1), beside.reshape(-1), self._code)
        return self._after.forward(self._y, train)

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """dx is the sum of the body's and the shortcut's."""
        dz: Array = self._after.backward(dy, True)
        if self._code != LINEAR:
            self._backward_activation(self._dz_flat, dz.reshape(-1), self._y_flat, self._code)
            dz = self._dz
        body, beside = self._body.backward(dz, need_dx), self._shortcut.backward(dz, need_dx)
        if body is None or beside is None:
            return None
        self._add(self._dx_flat, body.reshape(-1), beside.reshape(-1), LINEAR)
        return self._dx


class Parallel(Layer):
    """Branches that are all fed x; their outputs side by side along the last axis, or added up.

    A branch is a layer or a list of layers, one after another; `[]` is x itself. `merge`: "concat" for outputs
    whose shapes agree in all but the last axis, (..., a) and (..., b) -> (..., a + b), or "add" or "mean" for
    outputs of one shape: what other libraries have as the layers Concat, Add and Average.

    Inside it, names are "2_parallel.branch0.0_dense" and so on.
    """

    def __init__(self, *branches: Layer | Sequence[Layer], merge: str = "concat") -> None:
        if merge not in MERGES:
            raise ModelError(f"Parallel: {unknown_name('merge', str(merge), MERGES)}")
        if not branches:
            raise ModelError("Parallel: expected at least one branch, got none.")
        self.branches = tuple(map(layer_from_file, branches))
        self.merge = merge
        self.chains = tuple(_chain(branch, f"Parallel: branch {i}") for i, branch in enumerate(self.branches))
        self._names = [f"branch{i}" for i in range(len(branches))]

    @property
    def output_function(self) -> str:
        """That of all branches, where they have the same one and it does not look beyond its element."""
        functions = {branch.output_function or "linear" for branch in self.chains}
        alike = self.merge == "concat" and len(functions) == 1 and functions <= ACTIVATIONS.keys()
        return functions.pop() if alike else "linear"

    @property
    def tokens(self) -> int | None:
        """Those that all branches take."""
        return _common_tokens(self, self.chains)

    @property
    def keeps_mask(self) -> bool:
        """Where all branches do."""
        return all(branch.keeps_mask for branch in self.chains)

    def build(self, in_shape: Shape) -> Shape:
        """Any shape -> that of the outputs, merged."""
        branches = zip(self._names, self.chains, strict=True)
        shapes = [branch.place(f"{self.name}.{name}.", in_shape) for name, branch in branches]
        concat = self.merge == "concat"
        if len({shape[:-1] if concat else shape for shape in shapes}) > 1 or (concat and () in shapes):
            agree = "that agree in all but the last axis" if concat else "of one shape"
            raise self.error(f"branches with outputs {agree}, to {self.merge} them", ", ".join(map(str, shapes)))
        self._widths = [shape[-1] for shape in shapes] if concat else []
        out_shape = (*shapes[0][:-1], sum(self._widths)) if concat else shapes[0]
        self.add_buffer("y", out_shape)
        self.add_buffer("dx", in_shape)
        if self.merge == "mean":
            self.add_buffer("dz", out_shape)  # what each branch gets of dy
        for i in range(len(self._widths)):
            self.add_buffer(f"dy{i}", shapes[i])
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the buffers, flat and as rows of the last axis."""
        self._add, self._copy, self._scale = kernels.add_activation, kernels.copy_columns, kernels.scale
        buffers = views.buffers
        self._y, self._dx = buffers["y"], buffers["dx"]
        self._y_flat, self._dx_flat = self._y.reshape(-1), self._dx.reshape(-1)
        self._share, self._dz = 1.0 / len(self.chains), buffers["dz" if "dz" in buffers else "y"]
        # Of each branch: its layers, what it is fed back, also as rows, its first column and its columns.
        self._parts, first = [], 0
        for i, width in enumerate(self._widths):
            dy = buffers[f"dy{i}"]
            self._parts.append((self.chains[i], dy, dy.reshape(-1, width), first, width))
            first += width
        self._rows = (-1, first)
        if self._parts:
            self._y_rows = self._y.reshape(self._rows)

    def forward(self, x: Array, train: bool) -> Array:
        """The branches' outputs side by side, their sum or their mean."""
        if not self._parts:
            y = self._sum(self._y, self._y_flat, [branch.forward(x, train) for branch in self.chains])
            if self.merge != "mean":
                return y
            self._scale(self._y_flat, y.reshape(-1), self._share)
            return self._y
        for branch, _, _, first, width in self._parts:
            self._copy(self._y_rows, branch.forward(x, train).reshape(-1, width), first, 0, width)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """dx is the sum of the branches'."""
        if not self._parts:
            if self.merge == "mean":
                self._scale(self._dz.reshape(-1), dy.reshape(-1), self._share)
                dy = self._dz
            gradients = [branch.backward(dy, need_dx) for branch in self.chains]
        else:
            dy, gradients = dy.reshape(self._rows), []
            for branch, part, part_rows, first, width in self._parts:
                if need_dx or branch.trained:
                    self._copy(part_rows, dy, 0, first, width)
                    gradients.append(branch.backward(part, need_dx))
        return self._sum(self._dx, self._dx_flat, gradients) if need_dx else None

    def _sum(self, total: Array, total_flat: Array, parts: list[Array]) -> Array:
        """The parts added up in their order, in `total`; a single part as it is."""
        result = parts[0]
        for part in parts[1:]:
            self._add(total_flat, result.reshape(-1), part.reshape(-1), LINEAR)
            result = total
        return result


def _chain(layers: Any, owner: str) -> Chain:
    return Chain(layers if isinstance(layers, (list, tuple)) else [layers], owner)


def _common_tokens(layer: Layer, chains: Sequence[Chain]) -> int | None:
    """How many tokens all of the chains know, where they take tokens."""
    found = [chain.tokens for chain in chains]
    tokens = [count for count in found if count is not None]
    if tokens and len(tokens) < len(found):
        raise layer.error("branches that all begin with an Embedding, or none", "some that do: x is tokens or numbers")
    return min(tokens, default=None)


def layer_from_file(choice: Any) -> Any:
    """What a model file says of a layer becomes the layer, also in a list; all else stays what it is."""
    from numbanet.layers import LAYERS  # which names the layers of this file too

    if isinstance(choice, Mapping):
        return from_config("layer", LAYERS, choice)
    return [layer_from_file(item) for item in choice] if isinstance(choice, (list, tuple)) else choice
