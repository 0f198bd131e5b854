"""Layers: small classes that declare what they need and call kernels. `base` says what a layer is."""

from __future__ import annotations

from numbanet.layers.activation import Activation
from numbanet.layers.attention import SelfAttention
from numbanet.layers.base import Layer
from numbanet.layers.bidirectional import Bidirectional
from numbanet.layers.compose import Parallel, Residual
from numbanet.layers.conv import Conv2D, DepthwiseConv2D
from numbanet.layers.conv1d import Conv1D
from numbanet.layers.conv_transpose import Conv2DTranspose
from numbanet.layers.dense import Dense
from numbanet.layers.dropout import Dropout
from numbanet.layers.embedding import Embedding
from numbanet.layers.gru import GRU
from numbanet.layers.lstm import LSTM
from numbanet.layers.masking import Masking
from numbanet.layers.norm import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from numbanet.layers.normalize import Normalize
from numbanet.layers.pool import AvgPool1D, AvgPool2D, GlobalAvgPool2D, GlobalMaxPool2D, MaxPool1D, MaxPool2D
from numbanet.layers.resize import UpSampling2D, ZeroPad2D
from numbanet.layers.separable import SeparableConv2D
from numbanet.layers.shape import Flatten, Reshape
from numbanet.layers.simple_rnn import SimpleRNN
from numbanet.layers.steps import GlobalAvgPool1D, GlobalMaxPool1D, LastStep
from numbanet.layers.time_distributed import TimeDistributed

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "Activation",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNorm",
    "Bidirectional",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GroupNorm",
    "LastStep",
    "Layer",
    "LayerNorm",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "Normalize",
    "Parallel",
    "RMSNorm",
    "Reshape",
    "Residual",
    "SelfAttention",
    "SeparableConv2D",
    "SimpleRNN",
    "TimeDistributed",
    "UpSampling2D",
    "ZeroPad2D",
]

# What a model file may name. A new layer is added here.
LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Activation,
        AvgPool1D,
        AvgPool2D,
        BatchNorm,
        Bidirectional,
        Conv1D,
        Conv2D,
        Conv2DTranspose,
        Dense,
        DepthwiseConv2D,
        Dropout,
        Embedding,
        Flatten,
        GRU,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GroupNorm,
        LSTM,
        LastStep,
        LayerNorm,
        Masking,
        MaxPool1D,
        MaxPool2D,
        Normalize,
        Parallel,
        RMSNorm,
        Reshape,
        Residual,
        SelfAttention,
        SeparableConv2D,
        SimpleRNN,
        TimeDistributed,
        UpSampling2D,
        ZeroPad2D,
    )
}
