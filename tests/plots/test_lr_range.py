"""The picture of the range test: both curves, a mark at the suggestion, and axes that say what they are."""

from __future__ import annotations

import numpy as np
import pytest

from numbanet.plots import lr_range

from .helpers import assert_good, texts

pytest.importorskip("matplotlib", reason="drawing needs matplotlib, which the extra `plot` brings")


@pytest.mark.parametrize("suggestion", [2e-6, 1e-3, 5.0])
def test_both_curves_and_the_mark(suggestion: float) -> None:
    rates = np.geomspace(1e-6, 10, 150)
    smoothed = 2.3 - 2 / (1 + (1e-3 / rates)) + 50 * np.maximum(rates - 0.5, 0)
    losses = smoothed + np.random.default_rng(0).normal(0, 0.1, 150)
    figure = lr_range(rates, losses, smoothed, suggestion, "digits, mlp", "adam")
    [axes] = figure.axes
    assert axes.get_xscale() == "log"
    assert [len(line.get_xdata()) for line in axes.lines[:2]] == [150, 150]
    assert list(axes.lines[3].get_xdata()) == [suggestion]
    assert {"learning rate", "loss of a batch", "digits, mlp", f"{suggestion:.2g}"} <= set(texts(figure))
    assert axes.get_ylim()[1] < 5, "the climb at the end is cut off"
    assert not any("$" in text for text in texts(figure))
    assert_good(figure)
