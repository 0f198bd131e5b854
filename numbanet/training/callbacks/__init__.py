"""Whom training tells. Training prints nothing: progress bars, logs and checkpoints are callbacks.

model.fit(x, y, validation_data=..., callbacks=[WeightAverage(), EarlyStopping(patience=3), CsvLog("log.csv")])
"""

from __future__ import annotations

from numbanet.training.callbacks.averaging import WeightAverage
from numbanet.training.callbacks.base import Callback, Callbacks, Progress
from numbanet.training.callbacks.early_stopping import EarlyStopping
from numbanet.training.callbacks.lines import Lines
from numbanet.training.callbacks.logs import CsvLog, JsonLog
from numbanet.training.callbacks.monitor import Monitor
from numbanet.training.callbacks.nan_guard import NanGuard
from numbanet.training.callbacks.plateau import ReduceOnPlateau
from numbanet.training.callbacks.statistics import Statistics, StatisticsLog, TensorStatistics
from numbanet.training.callbacks.tensorboard import TensorBoard
from numbanet.training.callbacks.time_limit import TimeLimit

__all__ = [
    "Callback",
    "Callbacks",
    "CsvLog",
    "EarlyStopping",
    "JsonLog",
    "Lines",
    "Monitor",
    "NanGuard",
    "Progress",
    "ReduceOnPlateau",
    "Statistics",
    "StatisticsLog",
    "TensorBoard",
    "TensorStatistics",
    "TimeLimit",
    "WeightAverage",
]
