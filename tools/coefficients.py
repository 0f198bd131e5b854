"""Where the polynomial coefficients in numbanet/kernels/cpu/vectormath.py and registers.py come from.

    pip install mpmath && python tools/coefficients.py

Near-minimax polynomials (Chebyshev interpolation, 60 digits), printed lowest power first and rounded to the type
they are used in. Each line also gives the polynomial's own largest error, before any rounding in its evaluation.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np

mp.mp.dps = 60


def print_fit(name: str, f: Callable[[mp.mpf], mp.mpf], low: float, high: float, float32: int, float64: int) -> None:
    """Print the polynomials with `float32` and `float64` coefficients that fit f on [low, high]."""
    for dtype, count in ((np.float32, float32), (np.float64, float64)):
        highest_first, error = mp.chebyfit(f, [low, high], count, error=True)
        values = ", ".join(repr(float(dtype(float(c)))) if dtype is np.float64 else str(dtype(float(c)))
                           for c in reversed(highest_first))  # fmt: skip
        print(f"{name} {dtype.__name__} (error {float(error):.1e})\n    ({values})\n")


def without_cancellation(near_zero: Callable[[mp.mpf], mp.mpf], f: Callable[[mp.mpf], mp.mpf]) -> Callable:
    """f, replaced by its series where its formula would divide zero by zero."""
    return lambda x: near_zero(x) if abs(x) < mp.mpf("1e-15") else f(x)


if __name__ == "__main__":
    half = float(mp.log(2) / 2) * 1.0001
    print_fit("exp: (e^r - 1 - r) / r^2",
              without_cancellation(lambda r: mp.mpf(1) / 2 + r / 6, lambda r: (mp.expm1(r) - r) / r**2),
              -half, half, 5, 11)  # fmt: skip
    print_fit("exp2: 2^r, |r| <= 1/2", lambda r: mp.mpf(2) ** r, -0.5001, 0.5001, 7, 12)
    print_fit("log1p: (atanh(s) / s - 1) / s^2 in z = s^2",
              without_cancellation(lambda z: mp.mpf(1) / 3 + z / 5,
                                   lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z),
              0, 1 / 9 * 1.0001, 5, 12)  # fmt: skip
    print_fit("erf: erf(x) / x - 1 in z = x^2, |x| < 1",
              without_cancellation(lambda z: 2 / mp.sqrt(mp.pi) - 1, lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1),
              0, 1.0001, 7, 13)  # fmt: skip

    def scaled_erfc(t: mp.mpf) -> mp.mpf:
        """Erfc(a) e^(a^2), a from t."""
        a = 2 * (1 + t) / (1 - t)
        return mp.erfc(a) * mp.exp(a * a)

    print_fit("erfc: erfc(a) e^(a^2) in t = (a - 2) / (a + 2), 1 <= a <= 6", scaled_erfc, -1 / 3, 0.5, 9, 20)
