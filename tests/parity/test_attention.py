"""Attention against PyTorch: the kernels beside scaled_dot_product_attention, the layer beside MultiheadAttention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.kernels import cpu
from numbanet.kernels.heads import fused_heads

from .torches import DTYPES, assert_equal, tensor, torch

F = torch.nn.functional


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("t", [1, 17, 200])
def test_kernels(t: int, causal: bool, dtype: Any) -> None:
    n, count, size = 2, 3, 20
    heads, rng = fused_heads(count, count, size), np.random.default_rng(82)
    x = rng.standard_normal((n, t, 3 * count * size)).astype(dtype)
    dy = rng.standard_normal((n, t, count * size)).astype(dtype)
    y, lse, dx = np.empty_like(dy), np.empty((n, count, t), dtype), np.empty_like(x)
    how = (np.empty((0, 0), np.uint8), heads, causal, 0, 0.0, 0, np.zeros(1, np.int64), 0)
    cpu.attention_forward(y, lse, x, x, *how)
    cpu.attention_backward(dx, dx, dy, y, lse, x, x, *how)
    leaf = tensor(x, gradient=True)
    q, k, v = leaf.reshape(n, t, 3, count, size).permute(2, 0, 3, 1, 4)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).reshape(n, t, -1)
    expected.backward(tensor(dy))
    assert_equal(y, expected, 50, "y")
    assert_equal(dx, leaf.grad, 200, "dx")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_multihead_attention(masked: bool, causal: bool, dtype: str) -> None:
    """With copied weights: outputs of real steps and the gradients of all weights and of the inputs."""
    n, t, width, heads = 4, 9, 24, 3
    rng = np.random.default_rng(83)
    before = [nn.Masking()] if masked else []
    model = nn.Sequential(*before, nn.SelfAttention(heads, causal=causal), input_shape=(t, width), dtype=dtype)
    theirs = torch.nn.MultiheadAttention(width, heads, batch_first=True).to(getattr(torch, dtype))
    parameters = {name.split(".")[1]: array for name, array in model.parameters().items()}
    for array in parameters.values():
        array[...] = rng.standard_normal(array.shape) / 4
    with torch.no_grad():
        theirs.in_proj_weight.copy_(tensor(parameters["weight"].T))
        theirs.in_proj_bias.copy_(tensor(parameters["bias"]))
        theirs.out_proj.weight.copy_(tensor(parameters["output"].T))
        theirs.out_proj.bias.copy_(tensor(parameters["output_bias"]))
    x, dy = (rng.standard_normal((n, t, width)).astype(dtype) for _ in range(2))
    real = np.ones((n, t), bool)
    if masked:
        real[1, 5:], real[2, 3:] = False, False
        x[~real], dy[~real] = 0, 0
    leaf = tensor(x, gradient=True)
    hidden = torch.triu(torch.ones(t, t, dtype=torch.bool), 1) if causal else None
    padding = tensor(~real) if masked else None
    expected, _ = theirs(leaf, leaf, leaf, key_padding_mask=padding, attn_mask=hidden, need_weights=False)
    expected.backward(tensor(dy))
    y = model.forward(x, True).copy()
    assert_equal(y[real], expected[tensor(real)], 100, "y")
    assert_equal(model.backward(dy, need_dx=True), leaf.grad, 200, "dx")
    gradients = {name.split(".")[1]: array for name, array in model.gradients().items()}
    assert_equal(gradients["weight"], theirs.in_proj_weight.grad.T, 400, "weight")
    assert_equal(gradients["bias"], theirs.in_proj_bias.grad, 400, "bias")
    assert_equal(gradients["output"], theirs.out_proj.weight.grad.T, 400, "output")
    assert_equal(gradients["output_bias"], theirs.out_proj.bias.grad, 400, "output_bias")
