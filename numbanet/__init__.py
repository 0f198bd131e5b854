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
    from numbanet.data.mixing import Mix
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
    from numbanet.schedules import (
        Constant,
        Cosine,
        CosineRestarts,
        Exponential,
        InverseSquareRoot,
        InverseTime,
        MultiStep,
        OneCycle,
        Polynomial,
        Schedule,
        Step,
    )
    from numbanet.serialize import load
    from numbanet.training.callbacks import (
        Callback,
        CsvLog,
        EarlyStopping,
        JsonLog,
        Lines,
        NanGuard,
        Progress,
        ReduceOnPlateau,
        Statistics,
        TensorBoard,
        TimeLimit,
        WeightAverage,
    )
    from numbanet.training.checkpoint import Checkpoint
    from numbanet.training.history import History, TrainingInterrupted
    from numbanet.training.metrics import F1, R2, Accuracy, Metric, Precision, Recall, TopK
    from numbanet.training.step import TrainStep

__all__ = [
    "F1",
    "GRU",
    "LSTM",
    "R2",
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
    "Checkpoint",
    "Constant",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Cosine",
    "CosineRestarts",
    "CrossEntropy",
    "CsvLog",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "EarlyStopping",
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
    "InverseSquareRoot",
    "InverseTime",
    "JsonLog",
    "LastStep",
    "Layer",
    "LayerNorm",
    "Lines",
    "Loss",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Mix",
    "MultiStep",
    "NanGuard",
    "Normalize",
    "NumbanetError",
    "OneCycle",
    "Optimizer",
    "Parallel",
    "Polynomial",
    "Precision",
    "Progress",
    "RMSNorm",
    "RMSprop",
    "Recall",
    "ReduceOnPlateau",
    "Reshape",
    "Residual",
    "Schedule",
    "SelfAttention",
    "SeparableConv2D",
    "Sequential",
    "SimpleRNN",
    "Statistics",
    "Step",
    "TensorBoard",
    "TimeDistributed",
    "TimeLimit",
    "TopK",
    "TrainStep",
    "TrainingInterrupted",
    "UpSampling2D",
    "WeightAverage",
    "ZeroPad2D",
    "__version__",
    "data",
    "load",
    "zoo",
]

_MODULES = ("data", "zoo")
_HOMES = {
    "data.augment": ("Augment",),
    "data.mixing": ("Mix",),
    "errors": ("NumbanetError",),
    "layers": (
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
        "GRU",
        "GlobalAvgPool1D",
        "GlobalAvgPool2D",
        "GlobalMaxPool1D",
        "GlobalMaxPool2D",
        "GroupNorm",
        "LSTM",
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
    "schedules": (
        "Constant",
        "Cosine",
        "CosineRestarts",
        "Exponential",
        "InverseSquareRoot",
        "InverseTime",
        "MultiStep",
        "OneCycle",
        "Polynomial",
        "Schedule",
        "Step",
    ),
    "serialize": ("load",),
    "training.callbacks": (
        "Callback",
        "CsvLog",
        "EarlyStopping",
        "JsonLog",
        "Lines",
        "NanGuard",
        "Progress",
        "ReduceOnPlateau",
        "Statistics",
        "TensorBoard",
        "TimeLimit",
        "WeightAverage",
    ),
    "training.checkpoint": ("Checkpoint",),
    "training.history": ("History", "TrainingInterrupted"),
    "training.metrics": ("F1", "R2", "Accuracy", "Metric", "Precision", "Recall", "TopK"),
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
