"""The one building block: a register tile of C (+)= A @ B, and the transposition that feeds it.

A tile of ROWS x (VECTORS registers) of C stays in vector registers while k runs. For each k the micro-kernel
loads VECTORS registers of B, broadcasts ROWS elements of A, one after the other, and does ROWS x VECTORS fused
multiply-adds:

            B[k, 0:16]  B[k, 16:32]
    A[0,k]   acc[0,0]    acc[0,1]
    A[1,k]   acc[1,0]    acc[1,1]          ROWS * VECTORS accumulators + VECTORS + 1 registers
     ...                                   are all that the unit has, or less
    A[7,k]   acc[7,0]    acc[7,1]

Every accumulator is its own chain, so ROWS * VECTORS must exceed the latency (4) times the multiply-adds a
cycle (2) to keep the unit busy; the larger the tile, the fewer loads there are for each multiply-add.

After Georganas et al., "High-Performance Deep Learning via a Single Building Block" (arXiv 1906.06440) and
Van Zee and van de Geijn, "BLIS" (doi 10.1145/2764454).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numbanet.kernels.cpu.simd import INT32, UNIT, lanes, llvm_vector
from numbanet.kernels.cpu.tilecode import Vectors, constant, store_row

ROWS = 8 if UNIT.registers >= 32 else 6
VECTORS = 2


def tile_columns(dtype: Any) -> int:
    """The width of a full tile, in elements of a Numba float type."""
    return VECTORS * lanes(dtype)


def make_tile(rows: int, vectors: int) -> Any:
    """Generate the micro-kernel for a tile of `rows` x `vectors` registers.

    Returns `tile(c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate)`: C[0:m, 0:n] (+)= A @ B, where
    1 <= m <= rows and 1 <= n <= vectors * lanes. Strides are in elements; C and B run along their last axis.
    The rows of A beyond m are never read (row m - 1 is read again instead); B must be readable, and should be
    zero, up to the full width. C is touched only inside [0:m, 0:n].
    """

    @intrinsic
    def tile(
        typingctx: Any,
        c: Any, c_row: Any, a: Any, a_row: Any, a_col: Any, b: Any, b_row: Any, k: Any, m: Any, n: Any,
        accumulate: Any,
    ) -> Any:  # fmt: skip
        integer = types.int64
        signature = types.void(c, integer, a, integer, integer, b, integer, integer, integer, integer, types.boolean)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            c, c_row, a, a_row, a_col, b, b_row, k, m, n, accumulate = args
            dtype = signature.args[0].dtype
            _, vector, width = llvm_vector(dtype)
            unit = Vectors(builder, vector, dtype.bitwidth // 8)
            last = builder.sub(m, constant(1))
            rows_of_a = [
                builder.mul(a_row, builder.select(builder.icmp_signed("<", last, constant(i)), last, constant(i)))
                for i in range(rows)
            ]

            def step(sums: list[Any], a: Any, b: Any) -> list[Any]:
                b_vectors = [unit.load(builder.gep(b, [constant(j * width)])) for j in range(vectors)]
                result = []
                for i in range(rows):
                    a_vector = unit.broadcast(builder.gep(a, [rows_of_a[i]]))
                    result += [unit.multiply_add(a_vector, b_vectors[j], sums[i * vectors + j]) for j in range(vectors)]
                return result

            for i in range(rows):  # C is needed only after the loop: let it come while k runs
                unit.prefetch(builder.gep(c, [builder.mul(c_row, constant(i))]))
            zeros = [ir.Constant(vector, [0.0] * width)] * (rows * vectors)
            sums = _loop_over_k(builder, k, zeros, a, a_col, b, b_row, step)
            full = builder.icmp_signed("==", n, constant(vectors * width))
            for i in range(rows):
                with builder.if_then(builder.icmp_signed("<", constant(i), m), likely=True):
                    row = builder.gep(c, [builder.mul(c_row, constant(i))])
                    store_row(builder, unit, row, sums[i * vectors : (i + 1) * vectors], width, n, full, accumulate)
            return context.get_dummy_value()

        return signature, codegen

    return tile


def _loop_over_k(builder: Any, k: Any, sums: list[Any], a: Any, a_col: Any, b: Any, b_row: Any, step: Any) -> list[Any]:
    """for k times: sums = step(sums, a, b); a += a_col; b += b_row. All of it in registers."""
    before = builder.block
    body, after = builder.append_basic_block("k.body"), builder.append_basic_block("k.after")
    builder.cbranch(builder.icmp_signed(">", k, constant(0)), body, after)

    builder.position_at_end(body)
    carried = [(builder.phi(start.type), start) for start in (k, a, b, *sums)]
    for phi, start in carried:
        phi.add_incoming(start, before)
    left, at_a, at_b, *now = (phi for phi, _ in carried)
    result = step(now, at_a, at_b)
    fewer = builder.sub(left, constant(1))
    following = (fewer, builder.gep(at_a, [a_col]), builder.gep(at_b, [b_row]), *result)
    for (phi, _), value in zip(carried, following, strict=True):
        phi.add_incoming(value, builder.block)
    builder.cbranch(builder.icmp_signed(">", fewer, constant(0)), body, after)
    body_end = builder.block

    builder.position_at_end(after)
    final = []
    for start, end in zip(sums, result, strict=True):
        phi = builder.phi(start.type)
        phi.add_incoming(start, before)
        phi.add_incoming(end, body_end)
        final.append(phi)
    return final


@intrinsic
def copy_padded(typingctx: Any, out: Any, source: Any, n: Any) -> Any:
    """copy_padded(out, source, n): out[0:n] = source[0:n] and zero up to the width of a full tile."""
    signature = types.void(out, source, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, source, n = args
        dtype = signature.args[0].dtype
        _, vector, width = llvm_vector(dtype)
        unit = Vectors(builder, vector, dtype.bitwidth // 8)
        for j in range(VECTORS):
            mask = unit.mask(builder.sub(n, constant(j * width)))
            value = unit.masked_load(builder.gep(source, [constant(j * width)]), mask)
            unit.store(value, builder.gep(out, [constant(j * width)]))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def copy_half(typingctx: Any, out: Any, source: Any) -> Any:
    """copy_half(out, source): half a register's elements, whatever lies there.

    Where runs are short: half as many stores as of whole registers reach over the end of a cache line.
    """
    signature = types.void(out, source)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, source = args
        dtype = signature.args[0].dtype
        scalar, _, width = llvm_vector(dtype)
        half, align = ir.VectorType(scalar, width // 2).as_pointer(), dtype.bitwidth // 8
        value = builder.load(builder.bitcast(source, half), align=align)
        builder.store(value, builder.bitcast(out, half), align=align)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add_run(typingctx: Any, target: Any, source: Any, n: Any) -> Any:
    """add_run(target, source, n): target[0:n] += source[0:n], 1 <= n <= the width of a full tile.

    For the short runs that a loop, with what is left over one by one, is slow at.
    """
    signature = types.void(target, source, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, source, n = args
        dtype = signature.args[0].dtype
        _, vector, width = llvm_vector(dtype)
        unit = Vectors(builder, vector, dtype.bitwidth // 8)
        for j in range(VECTORS):
            with builder.if_then(builder.icmp_signed(">", n, constant(j * width))):
                mask = unit.mask(builder.sub(n, constant(j * width)))
                to, at = builder.gep(target, [constant(j * width)]), builder.gep(source, [constant(j * width)])
                total = builder.fadd(unit.masked_load(to, mask), unit.masked_load(at, mask))
                unit.masked_store(total, to, mask)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def transpose_square(typingctx: Any, out: Any, out_row: Any, source: Any, source_row: Any) -> Any:
    """transpose_square(out, out_row, source, source_row): out[j, i] = source[i, j], lanes x lanes elements.

    log2(lanes) rounds of shuffles in registers: in round s, rows whose numbers differ in bit s swap the columns
    that differ in bit s (Eklundh's algorithm, doi 10.1109/T-C.1972.223584).
    """
    signature = types.void(out, types.int64, source, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, out_row, source, source_row = args
        dtype = signature.args[0].dtype
        _, vector, width = llvm_vector(dtype)
        unit = Vectors(builder, vector, dtype.bitwidth // 8)
        rows = [unit.load(builder.gep(source, [builder.mul(source_row, constant(i))])) for i in range(width)]

        def pick(x: Any, y: Any, lanes_of: list[int]) -> Any:
            return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT32, width), lanes_of))

        bit = 1
        while bit < width:
            for i in range(width):
                if i & bit:
                    continue
                x, y = rows[i], rows[i | bit]
                upper = [j if not j & bit else width + (j ^ bit) for j in range(width)]
                lower = [j | bit if not j & bit else width + j for j in range(width)]
                rows[i], rows[i | bit] = pick(x, y, upper), pick(x, y, lower)
            bit *= 2
        for i in range(width):
            unit.store(rows[i], builder.gep(out, [builder.mul(out_row, constant(i))]))
        return context.get_dummy_value()

    return signature, codegen
