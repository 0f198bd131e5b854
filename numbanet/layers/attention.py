"""Attention as a layer: what each step of a sequence makes of the others."""

from __future__ import annotations

from typing import Any

from numbanet.backend import Array
from numbanet.configurable import check_number, check_whole
from numbanet.errors import ModelError
from numbanet.initializers import GlorotUniform, Shape, Zeros
from numbanet.kernels.codes import LINEAR
from numbanet.kernels.heads import fused_heads
from numbanet.layers.base import Layer, Views
from numbanet.layers.windows import check_sequence


class SelfAttention(Layer):
    """Multi-head self-attention (Vaswani et al., arXiv 1706.03762): [n, time, width] -> [n, time, width].

        weight (width, (heads + 2 kv_heads) size), bias     queries, keys and values, head by head, size = width / heads
        output (width, width), output_bias (width,)         from all heads' outputs side by side

    `causal`: a step sees itself and those before it. `kv_heads`: heads of keys and values, each shared by heads /
    kv_heads neighbouring heads of queries (grouped queries, arXiv 2305.13245; with 1, multi-query); by default as many
    as `heads`. `dropout`: in training, the rate at which a step's weights are dropped. `bias`: both, or none.

    No step sees one that the inputs' mask leaves out. Memory is linear in time: weights are not kept.
    """

    def __init__(
        self, heads: int, *, kv_heads: int | None = None, causal: bool = False, dropout: float = 0.0, bias: bool = True
    ) -> None:
        self.heads = check_whole("SelfAttention", "heads", heads, 1)
        self.kv_heads = None if kv_heads is None else check_whole("SelfAttention", "kv_heads", kv_heads, 1)
        if self.heads % (self.kv_heads or self.heads):
            raise ModelError(
                f"SelfAttention: kv_heads: expected a number that divides the {self.heads} heads, found {kv_heads}."
            )
        self.causal = bool(causal)
        check_number("SelfAttention", "dropout", dropout, 0.0, 1.0)
        if dropout == 1:
            raise ModelError("SelfAttention: dropout: expected a number below 1, found 1: nothing would be left.")
        self.dropout = dropout
        self.bias = bool(bias)

    @property
    def keeps_mask(self) -> bool:
        """Yes: step t of y is what step t of x has seen."""
        return True

    def build(self, in_shape: Shape) -> Shape:
        """(time, width), unchanged; the heads must divide the width."""
        time, width = check_sequence(self, in_shape)
        if width == 0 or width % self.heads:
            raise self.error(
                f"features that {self.heads} heads can share evenly",
                f"{width} of them",
                "Change heads, or the width of the layer before it.",
            )
        self._places = fused_heads(self.heads, self.kv_heads or self.heads, width // self.heads)
        columns = width + 2 * self._places.kv_heads * self._places.size
        self.add_parameter("weight", (width, columns), GlorotUniform(), decay=True)
        self.add_parameter("output", (width, width), GlorotUniform(), decay=True)
        if self.bias:
            self.add_parameter("bias", (columns,), Zeros(), decay=False)
            self.add_parameter("output_bias", (width,), Zeros(), decay=False)
        for name, features in (("qkv", columns), ("seen", width), ("y", width)):
            self.add_buffer(name, (time, features))
        for name, features in (("dqkv", columns), ("dseen", width), ("dx", width)):
            self.add_buffer(name, (time, features))
        self.add_buffer("lse", (self.heads, time))
        return in_shape

    def bind(self, kernels: Any, views: Views) -> None:
        """Keep arrays and kernels at hand; arrays also as rows, one for each step."""
        buffers, parameters, gradients, absent = views.buffers, views.parameters, views.gradients, views.absent
        self._dense, self._dense_input = kernels.dense_forward, kernels.dense_backward_input
        self._dense_params = kernels.dense_backward_params
        self._attend, self._attend_backward = kernels.attention_forward, kernels.attention_backward
        self._weight, self._dweight = parameters["weight"], gradients["weight"]
        self._output, self._doutput = parameters["output"], gradients["output"]
        self._bias, self._dbias = parameters.get("bias", absent), gradients.get("bias", absent)
        self._output_bias = parameters.get("output_bias", absent)
        self._doutput_bias = gradients.get("output_bias", absent)
        self._qkv, self._seen, self._y, self._dqkv, self._dseen, self._dx = (
            buffers[name] for name in ("qkv", "seen", "y", "dqkv", "dseen", "dx")
        )
        self._qkv_rows, self._seen_rows, self._y_rows, self._dqkv_rows, self._dseen_rows, self._dx_rows = (
            buffers[name].reshape(-1, buffers[name].shape[-1]) for name in ("qkv", "seen", "y", "dqkv", "dseen", "dx")
        )
        self._rows = self._y_rows.shape
        self._lse = buffers["lse"]
        self._where = views.mask, self._places, self.causal, 0
        self._random = views.seed, views.step, views.stream
        self._rate = 0.0

    def forward(self, x: Array, train: bool) -> Array:
        """Queries, keys and values; what each step sees; its projection."""
        self._rate = float(self.dropout) if train else 0.0
        self._dense(self._qkv_rows, x.reshape(self._rows), self._weight, self._bias, LINEAR)
        self._attend(self._seen, self._lse, self._qkv, self._qkv, *self._where, self._rate, *self._random)
        self._dense(self._y_rows, self._seen_rows, self._output, self._output_bias, LINEAR)
        return self._y

    def backward(self, x: Array, dy: Array, need_dx: bool = True) -> Array | None:
        """Fills the gradients of the parameters; dx where it is needed."""
        dy_rows, qkv, dqkv = dy.reshape(self._rows), self._qkv, self._dqkv
        self._dense_params(self._doutput, self._doutput_bias, self._seen_rows, dy_rows)
        self._dense_input(self._dseen_rows, dy_rows, self._output)
        self._attend_backward(
            dqkv, dqkv, self._dseen, self._seen, self._lse, qkv, qkv, *self._where, self._rate, *self._random
        )
        self._dense_params(self._dweight, self._dbias, x.reshape(self._rows), self._dqkv_rows)
        if not need_dx:
            return None
        self._dense_input(self._dx_rows, self._dqkv_rows, self._weight)
        return self._dx

    def multiply_adds(self) -> int:
        """Both projections, and the scores and sums of the pairs of steps that see each other."""
        time, width = self.in_shape
        columns = width + 2 * self._places.kv_heads * self._places.size
        pairs = time * (time + 1) // 2 if self.causal else time * time
        return time * width * (columns + width) + 2 * pairs * width
