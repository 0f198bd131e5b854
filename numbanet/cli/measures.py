"""Losses and metrics as people read them."""

from __future__ import annotations

from collections.abc import Mapping

SHARES = ("accuracy", "top3", "top5", "precision", "recall", "f1")


def shown(name: str, value: float) -> str:
    """A share as a percentage, any other number with four digits: 97.12%, 0.1234, 1.235e+07."""
    if name.removeprefix("val_") in SHARES:
        return f"{100 * value:.2f}%"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"


def main_metric(metrics: Mapping[str, float]) -> str | None:
    """The number to look at first: accuracy for classes, mae for numbers; None where there is neither."""
    return next((name for name in ("accuracy", "mae") if name in metrics), None)
