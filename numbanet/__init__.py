"""numbanet: a minimal deep-learning engine whose kernels are Numba functions.

    import numbanet as nn
    data = nn.data.load("mnist")
    model = nn.Sequential(nn.Flatten(), nn.Dense(128, "relu"), nn.Dense(10), input_shape=(28, 28, 1))
    model.fit(data, epochs=10)
    model.evaluate(*data.test)

Every name is imported when it is first used: importing the package loads neither NumPy nor Numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from numbanet.version import __version__

if TYPE_CHECKING:
    from numbanet import data, zoo
    from numbanet.data.augment import Augment
    from numbanet.errors import NumbanetError
    from numbanet.layers import (
        GRU,
        LSTM,
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
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        GroupNorm,
        LastStep,
        Layer,
        LayerNorm,
        Masking,
        MaxPool1D,
        MaxPool2D,
        Normalize,
        Parallel,
        Reshape,
        Residual,
        RMSNorm,
        SelfAttention,
        SeparableConv2D,
        SimpleRNN,
        TimeDistributed,
        UpSampling2D,
        ZeroPad2D,
    )
    from numbanet.losses import (
        BinaryCrossEntropy,
        CrossEntropy,
        Huber,
        Loss,
        MeanAbsoluteError,
        MeanSquaredError,
    )
    from numbanet.model import Sequential
    from numbanet.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
    from numbanet.schedules import Constant, Cosine, Exponential, InverseTime, Schedule, Step
    from numbanet.serialize import load
    from numbanet.training.callbacks import Callback, Progress
    from numbanet.training.history import History, TrainingInterrupted
    from numbanet.training.metrics import Accuracy, Metric, TopK
    from numbanet.training.step import TrainStep

__all__ = [
    "GRU",
    "LSTM",
    "SGD",
    "Accuracy",
    "Activation",
    "Adam",
    "AdamW",
    "Augment",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNorm",
    "Bidirectional",
    "BinaryCrossEntropy",
    "Callback",
    "Constant",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Cosine",
    "CrossEntropy",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Exponential",
    "Flatten",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GroupNorm",
    "History",
    "Huber",
    "InverseTime",
    "LastStep",
    "Layer",
    "LayerNorm",
    "Loss",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Normalize",
    "NumbanetError",
    "Optimizer",
    "Parallel",
    "Progress",
    "RMSNorm",
    "RMSprop",
    "Reshape",
    "Residual",
    "Schedule",
    "SelfAttention",
    "SeparableConv2D",
    "Sequential",
    "SimpleRNN",
    "Step",
    "TimeDistributed",
    "TopK",
    "TrainStep",
    "TrainingInterrupted",
    "UpSampling2D",
    "ZeroPad2D",
    "__version__",
    "data",
    "load",
    "zoo",
]

_MODULES = ("data", "zoo")
_HOMES = {
    "data.augment": ("Augment",),
    "errors": ("NumbanetError",),
    "layers": (
        "GRU",
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
    ),
    "losses": (
        "BinaryCrossEntropy",
        "CrossEntropy",
        "Huber",
        "Loss",
        "MeanAbsoluteError",
        "MeanSquaredError",
    ),
    "model": ("Sequential",),
    "optimizers": ("SGD", "Adam", "AdamW", "Optimizer", "RMSprop"),
    "schedules": ("Constant", "Cosine", "Exponential", "InverseTime", "Schedule", "Step"),
    "serialize": ("load",),
    "training.callbacks": ("Callback", "Progress"),
    "training.history": ("History", "TrainingInterrupted"),
    "training.metrics": ("Accuracy", "Metric", "TopK"),
    "training.step": ("TrainStep",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name's module at its first use."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted({*globals(), *__all__})
