"""The oracle: every kernel once more in plain float64 NumPy, to be read and to be tested against.

The names, the arguments and what happens to the outputs (`=` or `+=`) are those of `numbanet.kernels.cpu`.
The arithmetic is in float64 whatever the arrays' type, and is rounded once, into the output. Nothing is
optimized.
"""

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
from numbanet.kernels.reference.activation import (
    activation_backward,
    activation_forward,
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
from numbanet.kernels.reference.attention import attention_backward, attention_forward
from numbanet.kernels.reference.augment import augment
from numbanet.kernels.reference.average import average
from numbanet.kernels.reference.batch import gather, gather_labels, normalize, normalize_backward
from numbanet.kernels.reference.bias import bias_backward, bias_forward
from numbanet.kernels.reference.combine import add_activation, copy_columns, scale
from numbanet.kernels.reference.conv import conv2d_backward_input, conv2d_backward_params, conv2d_forward
from numbanet.kernels.reference.dense import (
    dense_backward_activation,
    dense_backward_input,
    dense_backward_params,
    dense_forward,
    gemm,
)
from numbanet.kernels.reference.dropout import channel_dropout, dropout
from numbanet.kernels.reference.embedding import embedding_backward
from numbanet.kernels.reference.loss import (
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_probabilities,
    huber,
    mean_absolute_error,
    mean_squared_error,
)
from numbanet.kernels.reference.mixing import blend_pairs, mix_pairs
from numbanet.kernels.reference.norm import (
    batch_norm_backward_input,
    batch_norm_backward_params,
    batch_norm_forward,
    batch_norm_moments,
    group_norm_backward,
    group_norm_forward,
    layer_norm_backward,
    layer_norm_forward,
    rms_norm_backward,
    rms_norm_forward,
)
from numbanet.kernels.reference.optim import adam, clip_scale, momentum, rmsprop, sgd
from numbanet.kernels.reference.pool import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from numbanet.kernels.reference.recurrent import (
    gru_backward,
    gru_backward_params,
    gru_forward,
    lstm_backward,
    lstm_backward_peephole,
    lstm_forward,
    recurrent_backward_params,
    rnn_backward,
    rnn_forward,
)
from numbanet.kernels.reference.resize import pad2d, upsample2d_backward, upsample2d_forward
from numbanet.kernels.reference.steps import mask_steps, pool_steps_backward, pool_steps_forward
from numbanet.kernels.reference.vectormath import erf, exp, log1p01, sigmoid, tanh

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
