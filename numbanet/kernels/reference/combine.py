"""Where branches meet: sums, shares, and arrays side by side. Outputs are overwritten (`=`); `y` may be an input."""

from __future__ import annotations

from numbanet.kernels.reference.activation import activation_forward
from numbanet.kernels.reference.arrays import Array, quiet, wide


@quiet
def add_activation(y: Array, a: Array, b: Array, activation: int) -> None:
    """y = act(a + b); act one of codes.FUSED; all flat."""
    activation_forward(y, wide(a) + wide(b), activation, 0.0)


@quiet
def scale(y: Array, x: Array, factor: float) -> None:
    """y = x * factor; both flat."""
    y[...] = wide(x) * factor


def copy_columns(y: Array, x: Array, y_first: int, x_first: int, columns: int) -> None:
    """`columns` columns of x (n, q), from x_first on, become those of y (n, p), from y_first on."""
    y[:, y_first : y_first + columns] = x[:, x_first : x_first + columns]
