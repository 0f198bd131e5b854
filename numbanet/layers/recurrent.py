"""What the recurrent layers share: `SimpleRNN`, `LSTM` and `GRU` each carry a state along a sequence.

    x [n, time, features] -> y [n, units], the state after the last step, or [n, time, units], that after every step

Their weights lie gate beside gate, each gate with `units` columns:

    weight (features, gates x units), recurrent (units, gates x units), bias (gates x units,)

    SimpleRNN   one
    LSTM        i, f, g, o: input gate, forget gate, candidate, output gate, as PyTorch and Keras have them
    GRU         r, z, n: reset gate, update gate, candidate, as PyTorch has them; Keras has z, r, n

PyTorch's weights are the transposes, with a second bias; `weight_exchange` converts them, and Keras's.
"""

from __future__ import annotations

from typing import Any, ClassVar

from numbanet.backend import Array
from numbanet.configurable import check_number, check_whole
from numbanet.errors import ModelError
from numbanet.initializers import GlorotUniform, Initializer, Orthogonal, PerGroup, Shape, Zeros
from numbanet.kernels.geometry import recurrent_scratch
from numbanet.layers.base import Layer, Views


class Recurrent(Layer):
    """Base of the recurrent layers. Their arguments, in all of them:

    `return_sequences`: the states after all steps, each at its step, instead of the last one.
    `reverse`: from the last step to the first, whose state then is the last one.
    `stateful`: begin where the call before ended, with a batch of the same size, until `model.reset_states()`. For
    streams, for generating, and for training on consecutive windows of long sequences (truncated backpropagation).
    `recurrent_dropout`: in training, the rate at which units of the state are dropped before the product with
    `recurrent`: the same ones at all steps of an example (Gal and Ghahramani, arXiv 1512.05287).

    At a step that the inputs' mask leaves out, the state stays what it was.
    """

    units: int
    gates: ClassVar[int]  # columns of the weights for each unit
    places: ClassVar[int]  # numbers that backward needs of each unit's gates at each step
    cells: ClassVar[bool] = False  # whether a cell is carried beside the state

    def configure(
        self, units: int, return_sequences: bool, reverse: bool, stateful: bool, recurrent_dropout: float
    ) -> None:
        """Check and keep the arguments that all these layers have."""
        owner = type(self).__name__
        self.units = check_whole(owner, "units", units, 1)
        self.return_sequences = bool(return_sequences)
        self.reverse = bool(reverse)
        self.stateful = bool(stateful)
        check_number(owner, "recurrent_dropout", recurrent_dropout, 0.0, 1.0)
        if recurrent_dropout == 1:
            raise ModelError(f"{owner}: recurrent_dropout: expected a number below 1, found 1: nothing would be left.")
        if reverse and stateful:
            raise ModelError(
                f"{owner}: expected reverse or stateful, got both: the state after the first step of a sequence is not "
                "where the next sequence ends."
            )
        self.recurrent_dropout = recurrent_dropout

    @property
    def keeps_mask(self) -> bool:
        """Whether the steps of y are those of x."""
        return self.return_sequences

    def bias_initializer(self) -> Initializer:
        """The first values of `bias`."""
        return Zeros()

    def build(self, in_shape: Shape) -> Shape:
        """(time, features) -> (units,) or (time, units)."""
        if len(in_shape) != 2 or 0 in in_shape:
            advice = ""
            if len(in_shape) == 1:
                advice = f"Put Reshape(({in_shape[0]}, 1)) before it, or Embedding for tokens."
            elif len(in_shape) == 3:
                height, width, channels = in_shape
                advice = f"To take an image row by row, put Reshape(({height}, {width * channels})) before it."
            raise self.error("sequences of shape (time, features)", f"inputs of shape {in_shape}", advice)
        steps, features = in_shape
        units, columns, width = self.units, self.gates * self.units, self.places * self.units
        self.add_parameter("weight", (features, columns), PerGroup(GlorotUniform(), self.gates), decay=True)
        self.add_parameter("recurrent", (units, columns), PerGroup(Orthogonal(), self.gates), decay=True)
        self.add_parameter("bias", (columns,), self.bias_initializer(), decay=False)
        out_shape = (steps, units) if self.return_sequences else (units,)
        self.add_buffer("y", out_shape)
        self.add_buffer("dx", in_shape)
        for name in ("states", "cells") if self.cells else ("states",):
            self.add_buffer(name, (steps + 1, units))
            self.add_buffer(f"d_{name}", (units,))
        self.add_buffer("gates", (steps, width))
        self.add_buffer("dgates", (steps, width))
        self.add_buffer("fed", (steps, units + features + 1))
        self.add_buffer("dfed", (units,))
        if self.recurrent_dropout > 0:
            self.add_buffer("keep", (units,))
            self.add_buffer("ones", (units,))
        self.add_scratch("scratch", (recurrent_scratch(features, units, columns),))
        return out_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep the arrays, those with a place for each step with the steps first, and begin from zero."""
        buffers, (steps, _) = views.buffers, self.in_shape
        n, units, absent = views.batch, self.units, views.absent.reshape(0, 0)
        self._weights = tuple(views.parameters[name] for name in ("weight", "recurrent"))
        self._bias = views.parameters["bias"]
        self._y, self._dx, self._no_dx = buffers["y"], buffers["dx"], absent.reshape(0, 0, 0)
        self._out_rows = (n, -1, units)
        self._y_rows = self._y.reshape(self._out_rows)
        self._states = buffers["states"].reshape(steps + 1, n, units)
        self._carried = [self._states]
        if self.cells:
            self._carried.append(buffers["cells"].reshape(steps + 1, n, units))
        self._d_carried = [buffers[name] for name in ("d_states", "d_cells") if name in buffers]
        self._gates, self._dgates = (
            buffers[name].reshape(steps, n, self.places * units) for name in ("gates", "dgates")
        )
        self._fed = buffers["fed"].reshape(steps, n, -1)
        # Without a backward pass one or two places serve all steps; but where the first state must be there again,
        # as it is for `stateful`, it has a place of its own.
        self._all = (*self._carried, self._gates, self._fed)
        carried = self._carried if self.stateful else [array[:2] for array in self._carried]
        self._few = (*carried, self._gates[:1], self._fed[:2])
        self._mask = views.mask
        self._no_states = [absent for _ in self._carried]
        self._no_keep = absent
        if self.recurrent_dropout > 0:
            buffers["ones"][...] = 1
            self._keep_ones = buffers["keep"], buffers["keep"].reshape(-1), buffers["ones"].reshape(-1)
            self._random = float(self.recurrent_dropout), views.seed, views.step, views.stream
        self._dropout = kernels.dropout
        self._dfed, self._scratch = buffers["dfed"], buffers["scratch"]
        self.reset_state()

    def reset_state(self) -> None:
        """Begin the next sequence from zero."""
        self._running = False

    def forward(self, x: Array, train: bool) -> Array:
        """The states along x, or the last one."""
        running = self._running
        self._first = [array[-1] for array in self._carried] if running else self._no_states
        self._keep = self._no_keep
        if train and self.recurrent_dropout > 0:
            self._keep, keep, ones = self._keep_ones
            self._dropout(keep, ones, *self._random)
        self._complete = train
        self.walk(x, self._all if train else self._few)
        if self.stateful:
            self._running = True
            if running:  # where the walk has copied it, should x have to be gone through once more
                self._first = [array[0] for array in self._carried]
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills the gradients of the parameters; dx where it is needed. None goes back beyond the first step."""
        if not self._complete:  # the pass was not for training, and kept little: once more
            self.walk(x, self._all)
            self._complete = True
        self.walk_back(self._dx if need_dx else self._no_dx, dy.reshape(self._out_rows))
        return self._dx if need_dx else None

    def walk(self, x: Array, arrays: tuple[Array, ...]) -> None:
        """The forward pass, into y and the arrays: states, for an LSTM cells, gates and fed."""
        raise NotImplementedError

    def walk_back(self, dx: Array, dy: Array) -> None:
        """The backward pass, from all that `walk` left."""
        raise NotImplementedError

    def multiply_adds(self) -> int:
        """One for each weight, at each step."""
        steps, features = self.in_shape
        return steps * self.gates * self.units * (self.units + features)
