"""The register tile of a convolution: the micro-kernel with a table in place of strides.

In a matrix product the rows of A are evenly spaced, and so are its columns. In a convolution neither holds: the
rows of a tile are pixels, which wrap at the end of an image's row, and what is summed over is a window, whose rows
lie apart. So this tile reads the places of its rows from a table, and sums in three nested loops:

    for s1 < count1:  for s2 < count2:  for s3 < count3:
        C[i, :] += A[rows[i] + s1 * step1 + s2 * step2 + s3] * B[next row, :]     for all rows i at once

The accumulators stay in registers throughout, and no window is ever copied (im2col). The table is the idea of
Dukhan, "The Indirect Convolution Algorithm" (arXiv 1907.02129).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numbanet.kernels.cpu.microkernel import ROWS, VECTORS
from numbanet.kernels.cpu.simd import INT64, llvm_vector
from numbanet.kernels.cpu.tilecode import Vectors, constant, store_row

ACCUMULATE, RELU = 1, 2  # what a tile does with C, besides writing it: add to it, clip it at 0 after that


@intrinsic
def stack_table(typingctx: Any) -> Any:
    """stack_table(): room for the places of a tile's rows, int64[ROWS], on this thread's stack."""
    signature = types.CPointer(types.int64)()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        with builder.goto_entry_block():
            room = builder.alloca(ir.ArrayType(INT64, ROWS))
        return builder.bitcast(room, INT64.as_pointer())

    return signature, codegen


def loop(builder: Any, count: Any, start: list[Any], body: Any) -> list[Any]:
    """`values = body(values)`, count times, which is at least once; the values stay in registers."""
    before, inside, after = builder.block, builder.append_basic_block("body"), builder.append_basic_block("after")
    builder.branch(inside)
    builder.position_at_end(inside)
    left, *now = (builder.phi(value.type) for value in (count, *start))
    result = body(now)
    fewer = builder.sub(left, constant(1))
    for phi, first, following in zip((left, *now), (count, *start), (fewer, *result), strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed(">", fewer, constant(0)), inside, after)
    builder.position_at_end(after)
    return result


def make_window_tile(rows: int, vectors: int) -> Any:
    """Generate the tile of `rows` x `vectors` registers.

    Returns `tile(c, c_rows, a, a_rows, count1, step1, count2, step2, count3, step3, b, b_row, bias, m, n, mode)`:
    C[0:m, 0:n] = bias + the sum above, 1 <= m <= rows and 1 <= n <= vectors * lanes; `mode`: ACCUMULATE and RELU.
    Row i of C begins at c + c_rows[i], of A at a + a_rows[i]. Both tables hold `rows` places, and
    what A has at those beyond m is read too. `bias` and each row of B are read up to the tile's full width.
    """

    @intrinsic
    def tile(
        typingctx: Any,
        c: Any, c_rows: Any, a: Any, a_rows: Any, count1: Any, step1: Any, count2: Any, step2: Any, count3: Any,
        step3: Any, b: Any, b_row: Any, bias: Any, m: Any, n: Any, mode: Any,
    ) -> Any:  # fmt: skip
        i, table = types.int64, types.CPointer(types.int64)
        signature = types.void(c, table, a, table, i, i, i, i, i, i, b, i, bias, i, i, i)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            c, c_rows, a, a_rows, count1, step1, count2, step2, count3, step3, b, b_row, bias, m, n, mode = args
            dtype = signature.args[0].dtype
            _, vector, width = llvm_vector(dtype)
            unit = Vectors(builder, vector, dtype.bitwidth // 8)
            places = [builder.load(builder.gep(a_rows, [constant(i)])) for i in range(rows)]
            start = [unit.load(builder.gep(bias, [constant(j * width)])) for j in range(vectors)]

            def step(sums: list[Any], a: Any, b: Any) -> list[Any]:
                b_vectors = [unit.load(builder.gep(b, [constant(j * width)])) for j in range(vectors)]
                result = []
                for i in range(rows):
                    a_vector = unit.broadcast(builder.gep(a, [places[i]]))
                    result += [unit.multiply_add(a_vector, b_vectors[j], sums[i * vectors + j]) for j in range(vectors)]
                return result

            def innermost(values: list[Any]) -> list[Any]:
                a, b, *sums = values
                return [builder.gep(a, [step3]), builder.gep(b, [b_row]), *step(sums, a, b)]

            def inner(values: list[Any]) -> list[Any]:
                a, b, *sums = values
                _, next_b, *sums = loop(builder, count3, [a, b, *sums], innermost)
                return [builder.gep(a, [step2]), next_b, *sums]

            def outer(values: list[Any]) -> list[Any]:
                a, b, *sums = values
                _, next_b, *sums = loop(builder, count2, [a, b, *sums], inner)
                return [builder.gep(a, [step1]), next_b, *sums]

            _, _, *sums = loop(builder, count1, [a, b, *(start * rows)], outer)
            zero = ir.Constant(vector, [0.0] * width)
            accumulate = builder.icmp_signed("!=", builder.and_(mode, constant(ACCUMULATE)), constant(0))
            relu = builder.icmp_signed("!=", builder.and_(mode, constant(RELU)), constant(0))

            def finish(value: Any) -> Any:
                low = builder.select(builder.fcmp_ordered("<", value, zero), zero, value)
                return builder.select(relu, low, value)

            full = builder.icmp_signed("==", n, constant(vectors * width))
            for i in range(rows):
                with builder.if_then(builder.icmp_signed("<", constant(i), m), likely=True):
                    row = builder.gep(c, [builder.load(builder.gep(c_rows, [constant(i)]))])
                    store_row(
                        builder, unit, row, sums[i * vectors : (i + 1) * vectors], width, n, full, accumulate, finish
                    )
            return context.get_dummy_value()

        return signature, codegen

    return tile


full_window_tile = make_window_tile(ROWS, VECTORS)
half_window_tile = make_window_tile(ROWS, 1)
