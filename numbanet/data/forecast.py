"""Forecasting as a task: from a series to windows of the past and what came after them, in time's own order.

    past        rows t - window + 1 .. t, each column less its mean, over its standard deviation
    target      the changes from row t to rows t + 1 .. t + horizon, over their root mean square

All these numbers are fitted on the training part alone. Targets are changes, so that a network that has learned
nothing and gives 0 forecasts the last value, and one that has need not know how high the series stands: a trend
leaves the range of the training part sooner or later. In their unit the last value's mean squared error is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.data.series import Series
from numbanet.errors import DataError

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scale:
    """The training part's: `mean` and `deviation` [columns]; `change`, the unit of the targets."""

    mean: Numbers
    deviation: Numbers
    change: float

    def inputs(self, values: Numbers) -> NDArray[np.float32]:
        """The columns [..., columns] as the network takes them."""
        return ((values - self.mean) / self.deviation).astype(np.float32)

    def forecast(self, last: Numbers, outputs: NDArray[Any]) -> Numbers:
        """What outputs [n, horizon] mean in the data's own unit, where the last known values are `last` [n]."""
        return np.asarray(last[:, None] + self.change * outputs.astype(np.float64))

    def describe(self) -> dict[str, Any]:
        """What a model file keeps."""
        return {"mean": self.mean.tolist(), "deviation": self.deviation.tolist(), "change": self.change}


@dataclass(frozen=True, eq=False)
class Part:
    """Windows of one part: x float32 [n, window, columns], y float32 [n, horizon].

    In the data's own unit: `last` [n], the last value known, and `truth` [n, horizon]. `origin` int64 [n]: the row
    of the last value.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    last: Numbers
    truth: Numbers
    origin: NDArray[np.int64]

    def __len__(self) -> int:
        """Forecasts to make."""
        return len(self.origin)


@dataclass(frozen=True, eq=False)
class Forecasting:
    """A series as a task. Every value forecast in `test` lies behind row `cut`, none in `train` does."""

    series: Series
    window: int
    horizon: int
    cut: int
    scale: Scale
    train: Part
    test: Part


def make_task(series: Series, window: int, horizon: int, test: float) -> Forecasting:
    """Windows of `window` rows, to forecast `horizon` more; the last share `test` of the rows is not trained on.

    A window of the test may reach back into the training part: that past is known when the forecast is made.
    Raises `DataError` where there are too few rows, or the target never changes.
    """
    rows = len(series.values)
    cut = rows - round(rows * test)
    _check_length(series, window, horizon, cut)
    known = series.values[:cut]
    deviation = known.std(axis=0)
    varies = deviation > 1e-12 * np.abs(known).max(axis=0)  # else what is left is rounding
    if not varies[0]:
        raise DataError(
            f"{series.name}: {series.target} is {known[0, 0]:g} in all {cut:,} rows of the training part: there is "
            "nothing to learn."
        )
    origins = np.arange(window - 1, cut - horizon)
    changes = _ahead(series, origins, horizon) - series.values[origins, :1]
    # A constant within reach of each window would leave no unit: the series' own spread is one then.
    change = float(np.sqrt(np.mean(changes**2))) or float(deviation[0])
    scale = Scale(known.mean(axis=0), np.where(varies, deviation, 1.0), change)
    later = np.arange(cut - 1, rows - horizon)
    return Forecasting(
        series,
        window,
        horizon,
        cut,
        scale,
        _part(series, scale, window, horizon, origins),
        _part(series, scale, window, horizon, later),
    )


def _check_length(series: Series, window: int, horizon: int, cut: int) -> None:
    rows = len(series.values)
    if window + horizon > rows:
        raise DataError(
            f"{series.name}: expected at least {window + horizon:,} rows, for a window of {window:,} and a horizon of "
            f"{horizon:,}, found {rows:,}. Use a shorter --window or --horizon."
        )
    for part, needed, found in (("training", window + horizon, cut), ("test", horizon, rows - cut)):
        if found < needed:
            raise DataError(
                f"{series.name}: too few rows: expected at least {needed:,} in the {part} part, found {found:,} of "
                f"{rows:,}. Use a shorter --window or --horizon, or another --test share."
            )


def _ahead(series: Series, origins: NDArray[np.int64], horizon: int) -> Numbers:
    """The target's values [n, horizon] after each origin."""
    return np.asarray(series.values[origins[:, None] + np.arange(1, horizon + 1), 0])


def _part(series: Series, scale: Scale, window: int, horizon: int, origins: NDArray[np.int64]) -> Part:
    truth, last = _ahead(series, origins, horizon), series.values[origins, 0]
    past = scale.inputs(series.values)[origins[:, None] + np.arange(1 - window, 1)]
    y = ((truth - last[:, None]) / scale.change).astype(np.float32)
    return Part(past, y, last, truth, origins)


@dataclass(frozen=True)
class Errors:
    """How far forecasts lie from the truth, in the data's own unit: over all of them, and for each step ahead."""

    mae: float
    mse: float
    mae_ahead: tuple[float, ...]

    @property
    def rmse(self) -> float:
        """The root of the mean squared error, in the unit of the data and not its square."""
        return float(np.sqrt(self.mse))


def errors(forecast: Numbers, truth: Numbers) -> Errors:
    """Of forecasts [n, horizon]."""
    distance = np.abs(forecast - truth)
    ahead = distance.mean(axis=0)
    return Errors(float(distance.mean()), float(np.square(distance).mean()), tuple(float(error) for error in ahead))


def naive(part: Part) -> Numbers:
    """The forecast [n, horizon] to beat: the last value known, whatever the horizon."""
    return np.repeat(part.last[:, None], part.truth.shape[1], axis=1)
