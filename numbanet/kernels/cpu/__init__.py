"""The CPU kernels: parallel `@njit` functions, for float32 and float64.

    from numbanet.kernels import cpu
    cpu.gemm(c, a, b, False, False, False)

Each compiles at its first call for a type of array, and is kept on disk from then on. Arrays must be contiguous
and writable; other layouts work where Numba can compile them, but compile once more.
"""

from __future__ import annotations

from numbanet.kernels.codes import (
    ACTIVATIONS,
    ELU,
    FUSED,
    GELU,
    GELU_TANH,
    LAST_STEP,
    LEAKY_RELU,
    LINEAR,
    MAX_OF_STEPS,
    MEAN_OF_STEPS,
    NEEDS_INPUT,
    RELU,
    SIGMOID,
    SILU,
    SOFTPLUS,
    TANH,
)
from numbanet.kernels.cpu.activation import activation_backward, activation_forward
from numbanet.kernels.cpu.attention import attention_forward
from numbanet.kernels.cpu.attentiongradient import attention_backward
from numbanet.kernels.cpu.augment import augment
from numbanet.kernels.cpu.average import average
from numbanet.kernels.cpu.batch import gather, gather_labels
from numbanet.kernels.cpu.batch_norm import (
    batch_norm_backward_input,
    batch_norm_backward_params,
    batch_norm_forward,
    batch_norm_moments,
)
from numbanet.kernels.cpu.bias import bias_backward, bias_forward
from numbanet.kernels.cpu.combine import add_activation, copy_columns, scale
from numbanet.kernels.cpu.conv import conv2d_backward_input, conv2d_backward_params, conv2d_forward
from numbanet.kernels.cpu.cross_entropy import cross_entropy, cross_entropy_probabilities
from numbanet.kernels.cpu.dense import (
    dense_backward_activation,
    dense_backward_input,
    dense_backward_params,
    dense_forward,
)
from numbanet.kernels.cpu.dropout import channel_dropout, dropout
from numbanet.kernels.cpu.embedding import embedding_backward
from numbanet.kernels.cpu.gemm import gemm
from numbanet.kernels.cpu.group_norm import group_norm_backward, group_norm_forward
from numbanet.kernels.cpu.gru import gru_backward, gru_backward_params, gru_forward
from numbanet.kernels.cpu.layer_norm import (
    layer_norm_backward,
    layer_norm_forward,
    rms_norm_backward,
    rms_norm_forward,
)
from numbanet.kernels.cpu.loss import binary_cross_entropy, huber, mean_absolute_error, mean_squared_error
from numbanet.kernels.cpu.lstm import lstm_backward, lstm_backward_peephole, lstm_forward
from numbanet.kernels.cpu.mathmap import erf, exp, log1p01, sigmoid, tanh
from numbanet.kernels.cpu.mixing import blend_pairs, mix_pairs
from numbanet.kernels.cpu.normalize import normalize, normalize_backward
from numbanet.kernels.cpu.optim import adam, clip_scale, momentum, rmsprop, sgd
from numbanet.kernels.cpu.pool import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from numbanet.kernels.cpu.recurrent_weights import recurrent_backward_params
from numbanet.kernels.cpu.resize import pad2d, upsample2d_backward, upsample2d_forward
from numbanet.kernels.cpu.rnn import rnn_backward, rnn_forward
from numbanet.kernels.cpu.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
from numbanet.kernels.cpu.steps import mask_steps, pool_steps_backward, pool_steps_forward
from numbanet.kernels.threads import wait_briefly

wait_briefly()

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "FUSED",
    "GELU",
    "GELU_TANH",
    "LAST_STEP",
    "LEAKY_RELU",
    "LINEAR",
    "MAX_OF_STEPS",
    "MEAN_OF_STEPS",
    "NEEDS_INPUT",
    "RELU",
    "SIGMOID",
    "SILU",
    "SOFTPLUS",
    "TANH",
    "activation_backward",
    "activation_forward",
    "adam",
    "add_activation",
    "attention_backward",
    "attention_forward",
    "augment",
    "average",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "batch_norm_backward_input",
    "batch_norm_backward_params",
    "batch_norm_forward",
    "batch_norm_moments",
    "bias_backward",
    "bias_forward",
    "binary_cross_entropy",
    "blend_pairs",
    "channel_dropout",
    "clip_scale",
    "conv2d_backward_input",
    "conv2d_backward_params",
    "conv2d_forward",
    "copy_columns",
    "cross_entropy",
    "cross_entropy_probabilities",
    "dense_backward_activation",
    "dense_backward_input",
    "dense_backward_params",
    "dense_forward",
    "dropout",
    "embedding_backward",
    "erf",
    "exp",
    "gather",
    "gather_labels",
    "gemm",
    "group_norm_backward",
    "group_norm_forward",
    "gru_backward",
    "gru_backward_params",
    "gru_forward",
    "huber",
    "layer_norm_backward",
    "layer_norm_forward",
    "log1p01",
    "log_softmax_backward",
    "log_softmax_forward",
    "lstm_backward",
    "lstm_backward_peephole",
    "lstm_forward",
    "mask_steps",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "mean_absolute_error",
    "mean_squared_error",
    "mix_pairs",
    "momentum",
    "normalize",
    "normalize_backward",
    "pad2d",
    "pool_steps_backward",
    "pool_steps_forward",
    "recurrent_backward_params",
    "rms_norm_backward",
    "rms_norm_forward",
    "rmsprop",
    "rnn_backward",
    "rnn_forward",
    "scale",
    "sgd",
    "sigmoid",
    "softmax_backward",
    "softmax_forward",
    "tanh",
    "upsample2d_backward",
    "upsample2d_forward",
]
