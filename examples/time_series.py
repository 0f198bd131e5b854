"""Forecast a series with an LSTM, and compare with the forecast that tomorrow will be like today."""

import numpy as np

import numbanet as nn

WINDOW, TRAINED = 48, 2000

# A series with a daily and a weekly season, a trend, and noise: hourly values over four months.
hours = np.arange(24 * 120)
rng = np.random.default_rng(0)
series = 20 + 0.002 * hours + 5 * np.sin(2 * np.pi * hours / 24) + 2 * np.sin(2 * np.pi * hours / 168)
series += 0.5 * rng.standard_normal(len(hours))

# Normalized by the training part alone: the future is not known.
mean, deviation = series[:TRAINED].mean(), series[:TRAINED].std()
scaled = ((series - mean) / deviation).astype(np.float32)
windows = np.lib.stride_tricks.sliding_window_view(scaled, WINDOW)[:-1, :, None]
following = scaled[WINDOW:, None]
split = TRAINED - WINDOW
train, test = (windows[:split].copy(), following[:split]), (windows[split:].copy(), following[split:])

model = nn.Sequential(nn.LSTM(32), nn.Dense(1), input_shape=(WINDOW, 1), seed=0)
model.fit(*train, epochs=8, batch_size=64, optimizer=nn.Adam(3e-3, clip_norm=1.0), loss="mse")


def mean_error(forecast: np.ndarray) -> float:
    """The mean absolute error in the units of the series."""
    return float(np.abs(forecast - test[1]).mean() * deviation)


network, naive = mean_error(model.predict(test[0])), mean_error(test[0][:, -1])
print(f"mean absolute error: network {network:.3f}, last value {naive:.3f}; noise alone would give 0.4")
assert network < naive
