"""exp, tanh, sigmoid, erf and log1p that LLVM turns into vector code, for float32 and float64.

Numba from PyPI has no vector library behind np.exp and its kin: each element is a call. These are branch-free
chains of multiply-adds, so a loop over them runs at the width of the vector unit. All are accurate to 2 ulp or
better over the whole range, with gradual underflow, infinities and NaN (the measured maxima are in
benchmarks/README.md). The coefficients come from tools/coefficients.py.

Every function takes and returns a scalar of either float type. A bare literal would be a float64 and drag a
float32 loop to half its width: hence `number(x, 0.5)`, the number 0.5 in the type of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numbanet.kernels.jit import exact_helper


@intrinsic
def number(typingctx: Any, x: Any, value: Any) -> Any:
    """number(x, value): value in the type of x."""
    signature = x(x, types.float64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[1], types.float64, signature.return_type)

    return signature, codegen


def constant(float32: float, float64: float) -> Any:
    """An intrinsic `f(x)`: a constant that differs between the two float types."""

    @intrinsic
    def value(typingctx: Any, x: Any) -> Any:
        signature = x(x)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return ir.Constant(args[0].type, float32 if signature.return_type == types.float32 else float64)

        return signature, codegen

    return value


def polynomial(float32: Sequence[float], float64: Sequence[float]) -> Any:
    """An intrinsic `f(x)`: c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule in fused multiply-adds."""

    @intrinsic
    def horner(typingctx: Any, x: Any) -> Any:
        signature = x(x)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            (x,) = args
            single = signature.return_type == types.float32
            *lower, total = (ir.Constant(x.type, c) for c in (float32 if single else float64))
            for coefficient in reversed(lower):
                total = builder.call(
                    _llvm_function(builder, f"llvm.fmuladd.{'f32' if single else 'f64'}", x.type, 3),
                    [total, x, coefficient],
                )
            return total

        return signature, codegen

    return horner


def _llvm_function(builder: Any, name: str, scalar: ir.Type, arguments: int) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(scalar, [scalar] * arguments), name)


@intrinsic
def with_sign(typingctx: Any, magnitude: Any, sign: Any) -> Any:
    """with_sign(magnitude, sign): the first number with the sign of the second."""
    signature = magnitude(magnitude, magnitude)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        suffix = "f32" if signature.return_type == types.float32 else "f64"
        return builder.call(_llvm_function(builder, f"llvm.copysign.{suffix}", args[0].type, 2), args)

    return signature, codegen


# Adding this to a small number pushes its fraction out of the mantissa: what stays is the nearest integer, as a
# float after subtracting it again, and as an integer in the low bits.
_round_magic = constant(1.5 * 2.0**23, 1.5 * 2.0**52)


@exact_helper
def nearest(x):
    """The integer nearest to x, for |x| < 2^22 (float32) or 2^51 (float64)."""
    return (x + _round_magic(x)) - _round_magic(x)


@intrinsic
def two_to_the(typingctx: Any, n: Any) -> Any:
    """two_to_the(n): 2^n for an integral n whose power is a normal number."""
    signature = n(n)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = signature.return_type == types.float32
        integer, mantissa, bias = (ir.IntType(32), 23, 127) if single else (ir.IntType(64), 52, 1023)
        magic = ir.Constant(args[0].type, 1.5 * 2.0**mantissa)
        bits = builder.bitcast(builder.fadd(args[0], magic), integer)
        exponent = builder.add(bits, ir.Constant(integer, bias))
        return builder.bitcast(builder.shl(exponent, ir.Constant(integer, mantissa)), args[0].type)

    return signature, codegen


_log2_e = constant(1.4426950408889634, 1.4426950408889634)
# ln 2 in two parts: the first has so few bits that its product with a small integer is exact.
_ln2_high = constant(0.693359375, 6.93147180369123816490e-01)
_ln2_low = constant(-2.12194440e-4, 1.90821492927058770002e-10)
_exp_lowest = constant(-104.0, -746.0)  # e^x is zero below, and beyond
_exp_highest = constant(89.0, 710.0)  # this, infinite
_exp_tail = polynomial(
    (0.5, 0.16666576, 0.041666556, 0.008363179, 0.0013926184),
    (
        0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326136, 0.0013888888888883748,
        0.00019841269874820627, 2.4801587325547743e-05, 2.7557255400206422e-06, 2.75572736431103e-07,
        2.5105217004720745e-08, 2.0914686968086876e-09,
    ),
)  # fmt: skip


@exact_helper
def _exp_minus_1_reduced(x, n):
    """e^r - 1 for r = x - n ln 2, |r| <= ln 2 / 2."""
    r = (x - n * _ln2_high(x)) - n * _ln2_low(x)
    return r + r * r * _exp_tail(r)


@exact_helper
def exp(x):
    """e^x. x = n ln 2 + r; e^x = 2^n e^r."""
    x = _exp_lowest(x) if x < _exp_lowest(x) else x
    x = _exp_highest(x) if x > _exp_highest(x) else x
    n = nearest(x * _log2_e(x))
    p = number(x, 1) + _exp_minus_1_reduced(x, n)
    half = nearest(n * number(x, 0.5))  # 2^n in two factors: it may itself be no normal number
    return p * two_to_the(half) * two_to_the(n - half)


_tanh_saturates = constant(10.0, 22.0)


@exact_helper
def tanh(x):
    """tanh x = -t / (2 + t) with t = e^(-2|x|) - 1, which keeps its digits near zero."""
    a = abs(x)
    a = _tanh_saturates(x) if a > _tanh_saturates(x) else a
    y = number(x, -2) * a
    n = nearest(y * _log2_e(x))
    power = two_to_the(n)
    part = _exp_minus_1_reduced(y, n) * power
    t = part + (power - number(x, 1))
    # What the two sums lose is known exactly, and put back to first order: without it the error is 2.5 ulp.
    lost_above = ((power - number(x, 1)) - t) + part
    below = number(x, 2) + t
    lost_below = (number(x, 2) - below) + t
    q = -t / below
    half = number(x, 0.5) + number(x, 0.5) * q  # 1 / below
    return with_sign(q - half * (q * lost_below + (number(x, 1) + q) * lost_above), x)


@exact_helper
def sigmoid(x):
    """1 / (1 + e^-x), by e^-|x| so that nothing overflows and the lower tail keeps its digits."""
    e = exp(-abs(x))
    below = number(x, 1) + e
    lost = (number(x, 1) - below) + e  # what that sum loses is put back: without it the error is 2.3 ulp
    q = (e if x < number(x, 0) else number(x, 1)) / below
    return q - q * lost * (number(x, 1) - q if x < number(x, 0) else q)


_erf_tail = polynomial(
    (0.12837917, -0.37612626, 0.11283594, -0.026854208, 0.005189078, -0.00080167735, 7.875546e-05),
    (
        0.1283791670955126, -0.3761263890318375, 0.11283791670954878, -0.02686617064507674,
        0.0052239776248174784, -0.0008548326980801447, 0.00012055331110409494, -1.4925595235970651e-05,
        1.6460999970345427e-06, -1.6350307065234626e-07, 1.4659736155673959e-08, -1.1372693191126323e-09,
        5.956905633653031e-11,
    ),
)  # fmt: skip
_erfc_scaled = polynomial(
    (
        0.25539568, -0.42718583, 0.24165814, -0.07897866, 0.0037352555, 0.0069974707, -0.0008781812,
        -0.0009579566, 0.0001776153,
    ),
    (
        0.25539567631050575, -0.4271858474139584, 0.24165819424246635, -0.07897858101573312,
        0.0037328924043450165, 0.006997461739294057, -0.0008471432520133931, -0.0009819770302602721,
        4.355563777487973e-05, 0.000174361235301249, 2.7524819609205997e-05, -2.758046502798232e-05,
        -1.3960863250756434e-05, 1.393439667993715e-06, 3.7443735332653078e-06, 1.1995052231035317e-06,
        -3.903573204492444e-07, -5.494144104124559e-07, -1.6320658346679423e-07, 1.8927635062490272e-07,
    ),
)  # fmt: skip


@exact_helper
def erfc_above_1(a):
    """1 - erf a for a >= 1 (from a = 6 on, its value there: 2e-17)."""
    b = number(a, 6) if a > number(a, 6) else a
    t = (b - number(a, 2)) / (b + number(a, 2))
    return exp(-a * a) * _erfc_scaled(t)


@exact_helper
def minus(x, y):
    """x - y, which the compiler may not regroup with what x and y are computed from."""
    return x - y


@exact_helper
def log_share(x, top, log_total):
    """(x - top) - log_total, in that order: x - (top + log_total) would lose log_total's digits to a large top."""
    return (x - top) - log_total


@exact_helper
def erf(x):
    """The error function: x + x P(x^2) below 1, 1 - erfc above."""
    a = abs(x)
    near = x + x * _erf_tail(x * x)
    far = with_sign(number(x, 1) - erfc_above_1(a), x)
    return near if a < number(x, 1) else far


_log1p_tail = polynomial(
    (0.33333334, 0.19999853, 0.14296183, 0.1085323, 0.11612461),
    (
        0.3333333333333333, 0.20000000000000007, 0.14285714285710968, 0.1111111111166653, 0.090909090429613,
        0.07692310128767053, 0.06666588422577407, 0.058839998109544975, 0.05240189027529958,
        0.049710873134276815, 0.03166757128761552, 0.07616143318731823,
    ),
)  # fmt: skip


@exact_helper
def log1p01(x):
    """log(1 + x) for 0 <= x <= 1: 2 atanh(s) with s = x / (2 + x)."""
    s = x / (number(x, 2) + x)
    z = s * s
    s2 = s + s
    return s2 + s2 * z * _log1p_tail(z)


@intrinsic
def exponent_and_fraction(typingctx: Any, x: Any) -> Any:
    """exponent_and_fraction(x): (n, f) with x = 2^n (1 + f), 0 <= f < 1, for a normal x above 0."""
    signature = types.UniTuple(x, 2)(x)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = signature.args[0] == types.float32
        integer, mantissa, bias = (ir.IntType(32), 23, 127) if single else (ir.IntType(64), 52, 1023)
        bits = builder.bitcast(args[0], integer)
        n = builder.sub(builder.lshr(bits, ir.Constant(integer, mantissa)), ir.Constant(integer, bias))
        fraction = builder.and_(bits, ir.Constant(integer, (1 << mantissa) - 1))
        one_and_fraction = builder.or_(fraction, ir.Constant(integer, bias << mantissa))
        f = builder.fsub(builder.bitcast(one_and_fraction, args[0].type), ir.Constant(args[0].type, 1.0))
        return context.make_tuple(builder, signature.return_type, [builder.sitofp(n, args[0].type), f])

    return signature, codegen


@exact_helper
def log_normal(x):
    """log x for a normal x above 0: n ln 2 + log(1 + f)."""
    n, f = exponent_and_fraction(x)
    return n * _ln2_high(x) + (log1p01(f) + n * _ln2_low(x))
