"""The picture of a forecast: what is drawn, and that it can be read."""

from __future__ import annotations

import numpy as np
import pytest

from numbanet.plots import Forecast, forecast

from .helpers import assert_good, texts

pytest.importorskip("matplotlib", reason="drawing needs matplotlib, which the extra `plot` brings")


def made(count: int, horizon: int, column: str = "demand (MW)") -> Forecast:
    """Forecasts at rows 100 .. of a series whose values are the numbers of its rows, one too high."""
    origin = 100 + np.arange(count)
    truth = (origin[:, None] + np.arange(1, horizon + 1)).astype(np.float64)
    return Forecast(column, origin, truth + 1, truth, origin.astype(np.float64))


@pytest.mark.parametrize(
    ("count", "horizon", "column"),
    [(500, 12, "demand (MW)"), (500, 1, "t [°C]"), (1, 1, "x"), (1, 5, "x"), (3, 400, "$ or $"), (40, 2, "long " * 20)],
)
def test_it_is_good(count: int, horizon: int, column: str) -> None:
    figure = forecast(made(count, horizon, column), "power: demand, lstm", "mean absolute error 1, of the last value 6")
    found = texts(figure)
    assert "row of the series" in found
    assert ("steps ahead" in found) == (horizon > 1)
    assert any(text == column or text.endswith("…") for text in found)
    assert "truth" in found
    assert_good(figure)


def test_each_row_is_forecast_once() -> None:
    curves = forecast(made(100, 10), "title").axes[0]
    truth, values, begun = curves.get_lines()
    x, y = (np.asarray(numbers, float) for numbers in values.get_data())
    np.testing.assert_array_equal(np.isnan(x), np.isnan(y))
    pieces = x.reshape(-1, 12)[:, :-1]  # eleven numbers and a gap: from the value known to ten steps ahead
    np.testing.assert_array_equal(pieces[1:, 0], pieces[:-1, -1])
    assert pieces.max() == 209  # the last row there is
    np.testing.assert_array_equal(y.reshape(-1, 12)[:, 1:-1], pieces[:, 1:] + 1)
    np.testing.assert_array_equal(begun.get_xdata(), pieces[:, 0])
    np.testing.assert_array_equal(*truth.get_data())


def test_the_error_of_each_step_beside_the_last_values() -> None:
    errors = forecast(made(100, 4), "title").axes[1]
    last, ours = errors.get_lines()
    np.testing.assert_allclose(last.get_ydata(), [1, 2, 3, 4])
    np.testing.assert_allclose(ours.get_ydata(), [1, 1, 1, 1])
