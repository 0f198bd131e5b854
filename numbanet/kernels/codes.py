"""The numbers by which kernels, on any device, know the elementwise activations.

A kernel takes the number, not a function: one compiled kernel then serves every activation, and the choice is
made once a call, outside the loop.
"""

from __future__ import annotations

LINEAR = 0
RELU = 1
LEAKY_RELU = 2
ELU = 3
GELU = 4
GELU_TANH = 5
SILU = 6
SIGMOID = 7
TANH = 8
SOFTPLUS = 9

ACTIVATIONS = {
    "linear": LINEAR,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "gelu": GELU,
    "gelu_tanh": GELU_TANH,
    "silu": SILU,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "softplus": SOFTPLUS,
}

# What `dense_forward` applies while the product is still in the cache. All follow from their output alone.
FUSED = frozenset({LINEAR, RELU, SIGMOID, TANH})

# Their derivative needs the input; that of all others follows from the output.
NEEDS_INPUT = frozenset({GELU, GELU_TANH, SILU})

# What `pool_steps_forward` makes of a sequence's steps.
LAST_STEP = 0
MEAN_OF_STEPS = 1
MAX_OF_STEPS = 2
