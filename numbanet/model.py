"""`Sequential`: layers one after another, their arena, and the buffers for the batch sizes in use."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbanet import backend as backends
from numbanet.arena import Arena
from numbanet.backend import Array, Backend
from numbanet.configurable import check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.inputs import BYTE_SCALE, as_inputs, is_ready
from numbanet.kernels.codes import SIGMOID
from numbanet.layers import Layer, Normalize
from numbanet.layers.base import Views, size
from numbanet.layers.chain import Chain, walk
from numbanet.layers.normalize import Moments

if TYPE_CHECKING:  # training stands on the model; the model's methods reach up only when they are called
    from numbanet.data.augment import Augment
    from numbanet.losses import Loss
    from numbanet.optimizers import Optimizer
    from numbanet.training.callbacks import Callback
    from numbanet.training.history import History
    from numbanet.training.metrics import Metric

DTYPES = ("float32", "float64")
BINDINGS = 4  # batch sizes whose buffers are kept: training, its last batch, evaluation, its last batch
PREDICT_BATCH = 1024


@dataclass
class Binding:
    """The buffers for one batch size: `views` for each layer, as `walk` meets them; the batch `input`, and
    that as `input_rows`, [n, features]; the `mask` of the outputs, uint8 [n * time], of size 0 for none.
    """

    views: list[Views]
    input: Array
    input_rows: Array
    mask: Array


class Sequential:
    """A network whose layers follow one another.

        model = Sequential(Dense(128, activation="relu"), Dense(10), input_shape=(28, 28, 1), seed=0)

    `input_shape` is the shape of one example; where the first layer is an `Embedding`, that of its tokens, (time,).
    `seed` decides initial weights, dropout and shuffling. `device`: "cpu", "cuda", "auto" or a `Backend`. `dtype`:
    "float32" or "float64". Raises `ModelError`, naming the layer, where the layers do not fit.

    `loss`: the loss it was last trained with. `meta` is the user's: a dict of what JSON can hold, saved
    with the model.
    """

    def __init__(
        self,
        *layers: Layer,
        input_shape: Sequence[int],
        seed: int = 0,
        device: str | Backend = "cpu",
        dtype: str = "float32",
    ) -> None:
        self.input_shape = _checked_shape(input_shape)
        if not layers:
            raise ModelError("Sequential: expected at least one layer, got none.")
        self.chain = Chain(layers, "Sequential")
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
            raise ModelError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed!r}.")
        if dtype not in DTYPES:
            raise ModelError(unknown_name("dtype", str(dtype), DTYPES))
        self.layers = layers
        self.seed = int(seed)
        self.dtype = dtype
        self.backend = backends.get(device) if isinstance(device, str) else device
        self.loss: Loss | None = None
        self.meta: dict[str, Any] = {}
        self.output_shape = self.chain.place("", self.input_shape)
        self.tokens = self.chain.tokens
        self._output_mask_from = self.chain.hand_on(None)
        self._allocate()

    def _allocate(self) -> None:
        self._every_layer = tuple(walk(self.layers))
        named = [(layer, f"{layer.name}.") for layer in self._every_layer]
        parameters = [replace(s, name=prefix + s.name) for layer, prefix in named for s in layer.parameters]
        state = [replace(s, name=prefix + s.name) for layer, prefix in named for s in layer.state]
        self.arena = Arena(parameters, self.backend, self.dtype, self.seed)
        self.state_arena = Arena(state, self.backend, self.dtype, self.seed, gradients=False)
        self.step = self.backend.zeros((1,), np.int64)
        self._bindings: dict[int, Binding] = {}
        self._bound: Binding | None = None
        self._batch = 0
        self._input_dtype = np.dtype(self.dtype if self.tokens is None else np.int64)

    # What training runs: bound arrays, no checks.

    def bind(self, n: int) -> Binding:
        """Give the layers their buffers for batches of `n`. Costs next to nothing where they have them."""
        if self._bound is not None and n == self._batch:
            return self._bound
        binding = self._bindings.pop(n, None) or self._new_binding(n)
        self._bindings[n] = binding  # last: the most recently used
        if len(self._bindings) > BINDINGS:
            del self._bindings[next(iter(self._bindings))]
        for layer, views in zip(self._every_layer, binding.views, strict=True):
            layer.bind(self.backend.kernels, views)
        self._bound, self._batch = binding, n
        return binding

    def _new_binding(self, n: int) -> Binding:
        empty = self.backend.empty
        absent, no_mask = empty((0,), self.dtype), empty((0, 0), np.uint8)
        masks: dict[Layer | None, Array] = {None: no_mask}  # by the layer that makes them: it comes before all others
        views = []
        for layer in self._every_layer:
            tensors, state = [s.name for s in layer.parameters], [s.name for s in layer.state]
            batch = n * layer.times
            buffers = {name: empty((batch, *b.shape), b.dtype or self.dtype) for name, b in layer.buffers.items()}
            buffers |= {name: empty(b.shape, b.dtype or self.dtype) for name, b in layer.scratch.items()}
            if layer.makes_mask:
                masks[layer] = buffers["mask"]
            views.append(
                Views(
                    batch=batch,
                    parameters={name: self.arena.views[f"{layer.name}.{name}"] for name in tensors},
                    gradients={name: self.arena.gradient_views[f"{layer.name}.{name}"] for name in tensors},
                    state={name: self.state_arena.views[f"{layer.name}.{name}"] for name in state},
                    buffers=buffers,
                    absent=absent,
                    mask=masks[layer.mask_from],
                    seed=self.seed,
                    step=self.step,
                    stream=zlib.crc32(layer.name.encode()),  # like first weights, from the name alone
                )
            )
        batch_input = empty((n, *self.input_shape), self._input_dtype)
        rows = batch_input.reshape(n, size(self.input_shape))
        return Binding(views, batch_input, rows, masks[self._output_mask_from].reshape(-1))

    @property
    def mask(self) -> Array:
        """After a forward pass: which steps of its outputs are real, uint8 [n * time]; of size 0 where all are."""
        return self.bind(self._batch).mask

    def run_forward(self, x: Array, train: bool) -> Array:
        """`forward` on an array that is ready, after `bind`."""
        return self.chain.forward(x, train)

    def run_backward(self, dy: Array) -> None:
        """`backward` on an array that is ready: fills the gradients of the parameters."""
        self.chain.backward(dy, False)

    # What a program calls: arguments are checked and converted.

    def forward(self, x: Any, train: bool = False) -> Array:
        """Outputs [n, *output_shape] of the inputs x [n, *input_shape]; uint8 is read as 0..255 -> 0..1.

        The result is the model's own buffer: the next call overwrites it. `train`: with dropout.
        """
        return self.run_forward(self.enter(x), train)

    def backward(self, dy: Any, need_dx: bool = False) -> Array | None:
        """From dy [n, *output_shape], for the last `forward`: overwrites `gradients()`; dx where wanted."""
        shape = (self._batch, *self.output_shape)
        if self._bound is None:
            raise ModelError("backward: expected a forward pass before it, got none.")
        if need_dx and self.tokens is not None:
            raise ModelError(
                f"backward: expected need_dx=False, since inputs of {self.layers[0].name} are tokens, which have no "
                "gradient."
            )
        if np.shape(dy) != shape:
            raise ModelError(f"backward: expected dy of shape {shape}, as the last output, got {np.shape(dy)}.")
        dy = self.backend.from_numpy(np.asarray(dy, self.dtype))
        return self.chain.backward(dy, need_dx)

    def checked_inputs(self, x: Any, where: str = "") -> NDArray[Any]:
        """The inputs x as `numbanet.inputs` has them: of the model's type, bytes, or int64 for tokens; on the host.

        `where` they stand, for errors. Raises `ModelError`.
        """
        where = where or f"input of {self.layers[0].name}"
        return as_inputs(x, self.input_shape, self.dtype, where, self.tokens)

    def enter(self, x: Any) -> Array:
        """A batch as the first layer takes it, and the layers bound to its size."""
        if self.tokens is None and is_ready(x, self.input_shape, self._input_dtype):
            self.bind(len(x))
            return x
        array = self.checked_inputs(x)
        binding = self.bind(len(array))
        if array.dtype != np.uint8:
            return self.backend.from_numpy(array)
        n = len(array)
        data, rows = self.backend.from_numpy(array.reshape(n, -1)), self.backend.from_numpy(np.arange(n))
        self.backend.kernels.gather(binding.input_rows, data, rows, BYTE_SCALE)
        return binding.input

    def predict(self, x: Any, *, batch_size: int = PREDICT_BATCH) -> NDArray[Any]:
        """The raw outputs, [n, *output_shape]: logits, for a classifier."""
        batch_size = check_whole("predict", "batch_size", batch_size, 1)
        x = self.checked_inputs(x)
        result = np.empty((len(x), *self.output_shape), self.dtype)
        for start in range(0, len(x), batch_size):
            y = self.forward(x[start : start + batch_size])
            result[start : start + batch_size] = self.backend.to_numpy(y)
        return result

    def predict_proba(self, x: Any, *, batch_size: int = PREDICT_BATCH) -> NDArray[Any]:
        """Probabilities: the softmax of the outputs; their sigmoid for one output or a binary loss.

        The outputs themselves where the model ends in softmax or sigmoid. Raises `ModelError` after training
        with a loss of regression, whose outputs are no logits.
        """
        z = self.predict(x, batch_size=batch_size)
        if self.output_function in ("softmax", "sigmoid"):
            return z
        if self.loss is not None and not self.loss.classifies:
            raise ModelError(
                f"predict_proba: expected a classifier, got a model trained with {self.loss!r}: its outputs "
                "are no logits. Use predict."
            )
        kernels, y = self.backend.kernels, self.backend.empty(z.shape, z.dtype)
        logits = self.backend.from_numpy(z)
        binary = getattr(self.loss, "binary", False) or self.output_shape == (1,)
        if binary:
            kernels.activation_forward(y.reshape(-1), logits.reshape(-1), SIGMOID, 0.0)
        else:
            columns = z.shape[-1]
            kernels.softmax_forward(y.reshape(-1, columns), logits.reshape(-1, columns))
        return self.backend.to_numpy(y)

    def activations(self, x: Any) -> dict[str, NDArray[Any]]:
        """The output [n, *out_shape] of each layer, by its name, for the inputs x; run as `predict` does.

        These are copies. Those of layers inside another one, such as "1_residual.body.0_dense", come before its own;
        inside a `TimeDistributed` their first axis is n * time.
        """
        self.forward(x)
        return {layer.name: np.array(self.backend.to_numpy(output)) for layer, output in self.chain.outputs()}

    @property
    def masks_outputs(self) -> bool:
        """Whether the outputs are sequences of which some steps may only fill up."""
        return self._output_mask_from is not None

    @property
    def output_function(self) -> str:
        """The activation that the outputs come out of; "linear" for logits and plain numbers."""
        return self.chain.output_function or "linear"

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 128,
        optimizer: Optimizer | str = "adam",
        loss: Loss | str = "cross_entropy",
        metrics: Sequence[Metric | str] | None = None,
        validation_data: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callback] = (),
        shuffle: bool = True,
        augment: Augment | str | None = None,
    ) -> History:
        """Train; see `numbanet.training.fit`."""
        from numbanet.training.fit import fit

        return fit(
            self,
            x,
            y,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            validation_data=validation_data,
            callbacks=callbacks,
            shuffle=shuffle,
            augment=augment,
        )

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: Loss | str | None = None,
        metrics: Sequence[Metric | str] | None = None,
        batch_size: int = PREDICT_BATCH,
    ) -> dict[str, float]:
        """Loss and metrics over a data set; see `numbanet.training.evaluate`."""
        from numbanet.training.evaluate import evaluate

        return evaluate(self, x, y, loss=loss, metrics=metrics, batch_size=batch_size)

    def adapt(self, x: Any, *, always: bool = True) -> None:
        """Let every `Normalize` layer learn from the inputs x; unless `always`, those that never have."""
        for layer in self._every_layer:
            if not isinstance(layer, Normalize):
                continue
            state = {
                name: self.state_arena.views[f"{layer.name}.{name}"] for name in ("examples", "mean", "inverse_std")
            }
            if not always and self.backend.to_numpy(state["examples"])[0] > 0:
                continue
            array = self.checked_inputs(x, "x")
            moments = Moments()
            for start in range(0, len(array), PREDICT_BATCH):
                batch = self.enter(array[start : start + PREDICT_BATCH])
                moments.add(self.backend.to_numpy(self.chain.input_of(layer, batch)))
            for name, values in moments.state(layer.in_shape).items():
                self.backend.copy(state[name], values)

    def reset_states(self) -> None:
        """Let `stateful` layers begin from zero with the next batch: a new sequence."""
        for layer in self._every_layer:
            layer.reset_state()

    def parameters(self) -> dict[str, Array]:
        """The trained tensors by name: views; writing to them changes the model.

        Names are such as "0_dense.weight"; inside a layer that holds layers, "1_residual.body.0_dense.weight".
        """
        return dict(self.arena.views)

    def gradients(self) -> dict[str, Array]:
        """The gradients of the last `backward`, by the names of `parameters()`: views.

        Who writes to them calls `clear_gradients` before the next backward pass.
        """
        return dict(self.arena.gradient_views)

    def clear_gradients(self) -> None:
        """Zero all gradients. Backward overwrites all but the rows of tokens that an `Embedding` does not meet."""
        self.arena.gradients[:] = 0.0

    def state(self) -> dict[str, Array]:
        """What is stored with the model and not trained, by name: views."""
        return dict(self.state_arena.views)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the forward pass for one example."""
        return sum(layer.times * layer.multiply_adds() for layer in self._every_layer)

    def fuse(self) -> Sequential:
        """A new model for inference, with each `BatchNorm` folded into the layer before it; see `numbanet.fuse`."""
        from numbanet.fuse import fuse

        return fuse(self)

    def summary(self, batch_size: int = 128) -> str:
        """A table as text: each layer's output shape, parameters, multiply-adds and memory."""
        from numbanet.summary import summary

        return summary(self, batch_size)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a safetensors file with weights, state and architecture; `numbanet.load` reads it."""
        from numbanet.serialize import save

        save(self, path)

    def __repr__(self) -> str:
        """The call that makes this model, without its weights."""
        layers = "".join(f"    {layer!r},\n" for layer in self.layers)
        return (
            f"Sequential(\n{layers}    input_shape={self.input_shape}, seed={self.seed}, "
            f"device={self.backend.name!r}, dtype={self.dtype!r},\n)"
        )


def _checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    if isinstance(shape, (int, np.integer)):
        shape = (int(shape),)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in shape)
    if not whole or len(shape) == 0:
        raise ModelError(f"input_shape: expected the sizes of one example, such as (28, 28, 1), got {shape!r}.")
    return tuple(int(n) for n in shape)
