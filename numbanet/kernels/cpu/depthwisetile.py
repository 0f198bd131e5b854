"""The register tiles of a depthwise convolution: channels never meet, so they are the lanes of a register.

Where a convolution broadcasts a number of x to a register of filters, here a register of one pixel's channels meets
a register of one tap's weights, lane by lane. Every product needs a register of x from memory, two of which a cycle is
what a processor can load; all else stays in registers while a tile walks over the pixels of a plane (see `plane.py`):
the weights of its taps for y and dx, the sums of its taps for dw. Sums of several pixels instead of several taps were
slower by half: their loops are short, and rows have to be a multiple of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numbanet.kernels.cpu.simd import llvm_vector
from numbanet.kernels.cpu.tilecode import Vectors, constant, store_row
from numbanet.kernels.cpu.windowtile import loop

TAPS = 9  # of a tile: all those of a 3 x 3 window
FEW_TAPS = 3


def make_output_tile(taps: int) -> Any:
    """Generate the tile of so many taps, whose weights stay in registers while it walks over the pixels.

    Returns `tile(c, c_row, c_col, a, a_row, a_col, rows, cols, a_taps, w, w_taps, bias, add, least, n)`:

        C[i, j] = bias + the sum over t < taps of A[i, j, a_taps[t]] * W[w_taps[t]]      for i < rows, j < cols

    or, where `add` is not 0, C + that sum. Lane by lane, but at least the number `least`, for the first n lanes. A, W
    and the bias are read in whole registers, C is read and written in n lanes alone.
    """

    @intrinsic
    def tile(
        typingctx: Any,
        c: Any, c_row: Any, c_col: Any, a: Any, a_row: Any, a_col: Any, rows: Any, cols: Any, a_taps: Any,
        w: Any, w_taps: Any, bias: Any, add: Any, least: Any, n: Any,
    ) -> Any:  # fmt: skip
        i, table = types.int64, types.CPointer(types.int64)
        signature = types.void(c, i, i, a, i, i, i, i, table, w, table, bias, i, least, i)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            c, c_row, c_col, a, a_row, a_col, rows, cols, a_taps, w, w_taps, bias, add, least, n = args
            dtype = signature.args[0].dtype
            _, vector, width = llvm_vector(dtype)
            unit = Vectors(builder, vector, dtype.bitwidth // 8)

            def entry(table: Any, t: int) -> Any:
                return builder.load(builder.gep(table, [constant(t)]))

            places = [entry(a_taps, t) for t in range(taps)]
            weights = [unit.load(builder.gep(w, [entry(w_taps, t)])) for t in range(taps)]
            start, floor, mask = unit.load(bias), unit.broadcast(least), unit.mask(n)

            def walk(load_start: Callable[[Any], Any], store: Callable[[Any, Any], None]) -> None:
                def pixel(values: list[Any]) -> list[Any]:
                    c, a = values
                    total = load_start(c)
                    for place, weight in zip(places, weights, strict=True):
                        total = unit.multiply_add(unit.load(builder.gep(a, [place])), weight, total)
                    store(builder.select(builder.fcmp_ordered("<", total, floor), floor, total), c)
                    return [builder.gep(c, [c_col]), builder.gep(a, [a_col])]

                def line(values: list[Any]) -> list[Any]:
                    c, a = values
                    loop(builder, cols, [c, a], pixel)
                    return [builder.gep(c, [c_row]), builder.gep(a, [a_row])]

                loop(builder, rows, [c, a], line)

            def walk_anew_or_add(load: Callable[[Any], Any], store: Callable[[Any, Any], None]) -> None:
                with builder.if_else(builder.icmp_signed("!=", add, constant(0))) as (further, anew):
                    with further:
                        walk(load, store)
                    with anew:
                        walk(lambda _: start, store)

            with builder.if_else(builder.icmp_signed(">=", n, constant(width)), likely=True) as (whole, part):
                with whole:
                    walk_anew_or_add(unit.load, unit.store)
                with part:
                    walk_anew_or_add(
                        lambda address: unit.masked_load(address, mask),
                        lambda value, address: unit.masked_store(value, address, mask),
                    )
            return context.get_dummy_value()

        return signature, codegen

    return tile


many_taps, few_taps, one_tap = make_output_tile(TAPS), make_output_tile(FEW_TAPS), make_output_tile(1)


@intrinsic
def gradient_tile(
    typingctx: Any,
    sums: Any, sums_tap: Any, bias: Any, x: Any, x_row: Any, x_col: Any, dy: Any, rows: Any, cols: Any, first: Any,
    taps: Any, kernel_w: Any, tap_h: Any, tap_w: Any, n: Any,
) -> Any:  # fmt: skip
    """gradient_tile(sums, sums_tap, bias, x, x_row, x_col, dy, rows, cols, first, taps, kernel_w, tap_h, tap_w, n):

        sums[t * sums_tap] += the sum over i < rows, j < cols of x[i * x_row + j * x_col + place of the tap] * dy[i, j]
        bias               += the sum over i < rows, j < cols of dy[i, j]

    lane by lane, for t < taps <= TAPS and the first n lanes. The tap is number first + t of the window, in rows of
    kernel_w taps; rows are tap_h and columns tap_w apart in x. The registers of dy follow one another. x and dy are
    read in whole registers, sums and bias in n lanes.
    """
    i = types.int64
    signature = types.void(sums, i, bias, x, i, i, dy, i, i, i, i, i, i, i, i)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        sums, sums_tap, bias, x, x_row, x_col, dy, rows, cols, first, taps, kernel_w, tap_h, tap_w, n = args
        dtype = signature.args[0].dtype
        _, vector, width = llvm_vector(dtype)
        unit = Vectors(builder, vector, dtype.bitwidth // 8)
        row, column, places = builder.sdiv(first, kernel_w), builder.srem(first, kernel_w), []
        for t in range(TAPS):  # the taps that the window does not have repeat its last one
            places.append(builder.add(builder.mul(row, tap_h), builder.mul(column, tap_w)))
            further = builder.icmp_signed("<", constant(t + 1), taps)
            following = builder.add(column, constant(1))
            wraps = builder.icmp_signed("==", following, kernel_w)
            row_after = builder.select(wraps, builder.add(row, constant(1)), row)
            column_after = builder.select(wraps, constant(0), following)
            row, column = builder.select(further, row_after, row), builder.select(further, column_after, column)

        def pixel(values: list[Any]) -> list[Any]:
            x, dy, of_bias, *totals = values
            gradient = unit.load(dy)
            totals = [
                unit.multiply_add(unit.load(builder.gep(x, [place])), gradient, total)
                for place, total in zip(places, totals, strict=True)
            ]
            return [
                builder.gep(x, [x_col]),
                builder.gep(dy, [constant(width)]),
                builder.fadd(of_bias, gradient),
                *totals,
            ]

        def line(values: list[Any]) -> list[Any]:
            x, *rest = values
            _, *rest = loop(builder, cols, [x, *rest], pixel)
            return [builder.gep(x, [x_row]), *rest]

        zero = ir.Constant(vector, [0.0] * width)
        _, _, of_bias, *totals = loop(builder, rows, [x, dy, *([zero] * (1 + TAPS))], line)
        whole, always = builder.icmp_signed(">=", n, constant(width)), ir.Constant(ir.IntType(1), 1)
        store_row(builder, unit, bias, [of_bias], width, n, whole, always)
        for t, total in enumerate(totals):
            with builder.if_then(builder.icmp_signed("<", constant(t), taps), likely=True):
                target = builder.gep(sums, [builder.mul(sums_tap, constant(t))])
                store_row(builder, unit, target, [total], width, n, whole, always)
        return context.get_dummy_value()

    return signature, codegen
