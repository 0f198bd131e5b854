"""Vector registers as values, for loops too short to be left to LLVM.

LLVM vectorizes a loop over hundreds of numbers well. With 6, 16 or 32 channels the loop is over before its vector
part has begun. These functions name the register itself. y += x, for n numbers:

    for k in range(0, n, vector_lanes(x)):
        sum = add(load(shift(y, k), n - k), load(shift(x, k), n - k))
        store(shift(y, k), sum, n - k)

`load` and `store` are told how many numbers there are from the address on, and touch no memory beyond those: where
there are fewer than lanes, the lanes left over are loaded as zeros and not stored. A whole register goes without a
mask, at the price of a branch: a load cannot take its data from a masked store that is still on its way to the cache,
which made sums in memory two to three times slower.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from numbanet.kernels.cpu.simd import INT32, lanes, llvm_vector
from numbanet.kernels.cpu.tilecode import Vectors, constant


class Vector(types.Type):
    """Numba's type of a register full of `dtype`."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


class Mask(types.Type):
    """Numba's type of a yes or no for each lane of a `Vector(dtype)`."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Mask({dtype})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A `Vector` is an LLVM vector, and lives in a register."""

    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, llvm_vector(kind.dtype)[1])


@register_model(Mask)
class MaskModel(models.PrimitiveModel):
    """A `Mask` is an LLVM vector of bits; on AVX-512 a mask register."""

    def __init__(self, manager: Any, kind: Mask) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), lanes(kind.dtype)))


def _vectors(builder: Any, dtype: Any) -> Vectors:
    """The operations on registers of `dtype`."""
    return Vectors(builder, llvm_vector(dtype)[1], dtype.bitwidth // 8)


def _is_whole(builder: Any, n: Any, dtype: Any) -> Any:
    """Whether n numbers fill a register of `dtype`."""
    return builder.icmp_signed(">=", n, constant(lanes(dtype)))


@intrinsic
def fill(typingctx: Any, base: Any, value: Any) -> Any:
    """fill(p, value): a register with the number `value`, in the type of what p points to, in each lane."""
    signature = Vector(base.dtype)(base, value)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        dtype = signature.return_type.dtype
        _, vector, width = llvm_vector(dtype)
        number = context.cast(builder, args[1], signature.args[1], dtype)
        undefined = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(undefined, number, ir.Constant(INT32, 0))
        return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, width), [0] * width))

    return signature, codegen


@intrinsic
def load(typingctx: Any, base: Any, n: Any) -> Any:
    """load(p, n): the register that begins at p, where there are n numbers; 0 in lanes beyond them."""
    signature = Vector(base.dtype)(base, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (address, n), dtype = args, signature.return_type.dtype
        unit = _vectors(builder, dtype)
        with builder.if_else(_is_whole(builder, n, dtype), likely=True) as (whole, part):
            with whole:
                all_lanes, after_whole = unit.load(address), builder.block
            with part:
                some_lanes, after_part = unit.masked_load(address, unit.mask(n)), builder.block
        result = builder.phi(unit.vector)
        result.add_incoming(all_lanes, after_whole)
        result.add_incoming(some_lanes, after_part)
        return result

    return signature, codegen


@intrinsic
def store(typingctx: Any, base: Any, value: Any, n: Any) -> Any:
    """store(p, v, n): write the register v to where p points, as far as there are numbers: n."""
    signature = types.void(base, value, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (address, value, n), dtype = args, signature.args[1].dtype
        unit = _vectors(builder, dtype)
        with builder.if_else(_is_whole(builder, n, dtype), likely=True) as (whole, part):
            with whole:
                unit.store(value, address)
            with part:
                unit.masked_store(value, address, unit.mask(n))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add(typingctx: Any, v: Any, u: Any) -> Any:
    """add(v, u): v + u, lane by lane."""
    return v(v, v), lambda context, builder, signature, args: builder.fadd(*args)


@intrinsic
def subtract(typingctx: Any, v: Any, u: Any) -> Any:
    """subtract(v, u): v - u, lane by lane."""
    return v(v, v), lambda context, builder, signature, args: builder.fsub(*args)


@intrinsic
def multiply(typingctx: Any, v: Any, u: Any) -> Any:
    """multiply(v, u): v * u, lane by lane."""
    return v(v, v), lambda context, builder, signature, args: builder.fmul(*args)


@intrinsic
def multiply_add(typingctx: Any, v: Any, u: Any, total: Any) -> Any:
    """multiply_add(v, u, total): v * u + total, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _vectors(builder, signature.return_type.dtype).multiply_add(*args)

    return v(v, v, v), codegen


# 2^r for |r| <= 1/2 by powers of r, from tools/coefficients.py.
_POWER_FLOAT32 = (1.0, 0.6931472, 0.2402265, 0.05550327, 0.009618057, 0.0013400455, 0.00015461468)
_POWER_FLOAT64 = (
    1.0, 0.6931471805599453, 0.2402265069591016, 0.055504108664821625, 0.00961812910758719, 0.0013333558146406436,
    0.00015403530463808858, 1.5252733841601815e-05, 1.3215432492460394e-06, 1.0178057064573359e-07,
    7.074202020682214e-09, 4.455822025014915e-10,
)  # fmt: skip


@intrinsic
def exp2(typingctx: Any, v: Any) -> Any:
    """exp2(v): 2^v, lane by lane, for v from -inf to 100; 0 where the result would be below all normal numbers.

    v = n + r with a whole n: the polynomial's 2^r, and n added to its exponent. Half the work of `vectormath.exp`,
    which needs no bounds and keeps denormals.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        dtype = signature.return_type.dtype
        _, vector, width = llvm_vector(dtype)
        single = dtype == types.float32
        integer, mantissa, bias = (ir.IntType(32), 23, 127) if single else (ir.IntType(64), 52, 1023)
        integers = ir.VectorType(integer, width)

        def everywhere(value: float) -> ir.Constant:
            return ir.Constant(vector, [value] * width)

        def whole(value: int) -> ir.Constant:
            return ir.Constant(integers, [value] * width)

        unit = _vectors(builder, dtype)
        # The lowest exponent is one below the normal numbers': with it, the factor 2^n is the number 0.
        lowest, magic = everywhere(-float(bias)), everywhere(1.5 * 2.0**mantissa)
        exponent = builder.select(builder.fcmp_ordered("<", args[0], lowest), lowest, args[0])
        # By an instruction: a helper may reorder sums, and would take the rounding by a sum with `magic` out again.
        nearest = unit.nearest(exponent)
        rest = builder.fsub(exponent, nearest)
        coefficients = _POWER_FLOAT32 if single else _POWER_FLOAT64
        power = everywhere(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            power = unit.multiply_add(power, rest, everywhere(coefficient))
        # The sum with `magic` has the whole number in its last bits.
        biased = builder.add(builder.bitcast(builder.fadd(nearest, magic), integers), whole(bias))
        return builder.fmul(power, builder.bitcast(builder.shl(biased, whole(mantissa)), vector))

    return v(v), codegen


@intrinsic
def same(typingctx: Any, v: Any, u: Any) -> Any:
    """same(v, u): where v == u."""
    return Mask(v.dtype)(v, v), lambda context, builder, signature, args: builder.fcmp_ordered("==", *args)


@intrinsic
def exceeds(typingctx: Any, v: Any, u: Any) -> Any:
    """exceeds(v, u): where v > u, or one of them is NaN."""
    return Mask(v.dtype)(v, v), lambda context, builder, signature, args: builder.fcmp_unordered(">", *args)


@intrinsic
def is_number(typingctx: Any, v: Any) -> Any:
    """is_number(v): where v is not NaN."""
    return Mask(v.dtype)(v), lambda context, builder, signature, args: builder.fcmp_ordered("ord", *args, *args)


@intrinsic
def both(typingctx: Any, one: Any, other: Any) -> Any:
    """both(one, other): the lanes that are in both masks."""
    return one(one, one), lambda context, builder, signature, args: builder.and_(*args)


@intrinsic
def larger(typingctx: Any, v: Any, u: Any) -> Any:
    """larger(v, u): v where v > u, else u. One instruction on x86, which is why a NaN in v is not seen."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return v(v, v), codegen


@intrinsic
def choose(typingctx: Any, mask: Any, v: Any, u: Any) -> Any:
    """choose(mask, v, u): v in the lanes of the mask, u in the others."""
    return v(mask, v, v), lambda context, builder, signature, args: builder.select(*args)
