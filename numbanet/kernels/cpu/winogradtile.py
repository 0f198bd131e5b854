"""Winograd's convolution, the pieces: the transforms of small squares, and the register tile between them.

F(2x2, 3x3) computes 2 x 2 outputs of a 3 x 3 window from a 4 x 4 patch with 16 multiplications instead of 36:

    Y = A^T [(G g G^T) * (B^T d B)] A        g weights, d patch, * element by element

A square is one register (of channels or filters) in each place, so that its transforms are additions of whole
registers. For the gradient of the weights the same patch meets 2 x 2 numbers and gives 3 x 3: F(3x3, 2x2).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numbanet.kernels.cpu.microkernel import ROWS, VECTORS
from numbanet.kernels.cpu.simd import llvm_vector
from numbanet.kernels.cpu.tilecode import Vectors, constant
from numbanet.kernels.cpu.windowtile import loop

Matrix = tuple[tuple[float, ...], ...]

PATCH: Matrix = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # B^T
WEIGHTS: Matrix = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G
OUTPUTS: Matrix = ((1, 1, 1, 0), (0, 1, -1, -1))  # A^T
GRADIENTS: Matrix = ((1, 0), (0.5, 0.5), (0.5, -0.5), (0, -1))  # G of F(3x3, 2x2), with the same B
WEIGHT_GRADIENTS: Matrix = ((1, 1, 1, 0), (0, 1, -1, 0), (0, 1, 1, 1))  # and its A^T

NARROW = VECTORS * ROWS  # rows of a tile of one register
UNROLL = 4  # elements of a row at a time; divides the lanes of every unit and type


def _combine(builder: Any, unit: Vectors, factors: tuple[float, ...], values: list[Any]) -> Any:
    """The sum of factors times registers; a factor of 0 or 1 costs nothing, the first that is not 0 is positive."""
    total = None
    for factor, value in zip(factors, values, strict=True):
        if factor == 0:
            continue
        if abs(factor) != 1:
            value = builder.fmul(value, ir.Constant(unit.vector, [abs(factor)] * unit.vector.count))
        if total is None:
            total = value if factor > 0 else builder.fsub(ir.Constant(unit.vector, [0.0] * unit.vector.count), value)
        else:
            total = builder.fadd(total, value) if factor > 0 else builder.fsub(total, value)
    return total


def _both_sides(builder: Any, unit: Vectors, matrix: Matrix, square: list[list[Any]]) -> list[list[Any]]:
    """matrix @ square @ matrix^T, each element of the square a register."""
    columns = [list(column) for column in zip(*square, strict=True)]
    half = [[_combine(builder, unit, factors, column) for column in columns] for factors in matrix]
    return [[_combine(builder, unit, factors, row) for factors in matrix] for row in half]


def make_transform(matrix: Matrix) -> Any:
    """Generate `transform(out, out_step, source, row, col, top, bottom, left, right, zeros)`.

    It reads a square of registers, whose rows lie `row` elements apart and whose columns `col`, and writes those of
    matrix @ square @ matrix^T one after the other, `out_step` apart. Of the square there are only the rows from `top`
    to `bottom` and the columns from `left` to `right`; instead of the others it reads `zeros`, one register.
    """
    size = len(matrix[0])

    @intrinsic
    def transform(
        typingctx: Any,
        out: Any, out_step: Any, source: Any, row: Any, col: Any, top: Any, bottom: Any, left: Any, right: Any,
        zeros: Any,
    ) -> Any:  # fmt: skip
        i = types.int64
        signature = types.void(out, i, source, i, i, i, i, i, i, zeros)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            out, out_step, source, row, col, top, bottom, left, right, zeros = args
            dtype = signature.args[0].dtype
            unit = Vectors(builder, llvm_vector(dtype)[1], dtype.bitwidth // 8)

            def within(index: int, first: Any, end: Any) -> Any:
                number = constant(index)
                return builder.and_(builder.icmp_signed("<=", first, number), builder.icmp_signed("<", number, end))

            square: list[list[Any]] = []
            for i in range(size):
                line = builder.gep(source, [builder.mul(row, constant(i))])
                square.append([])
                for j in range(size):
                    place = builder.gep(line, [builder.mul(col, constant(j))])
                    there = builder.and_(within(i, top, bottom), within(j, left, right))
                    square[i].append(unit.load(builder.select(there, place, zeros)))
            result = _both_sides(builder, unit, matrix, square)
            for p, value in enumerate(value for line in result for value in line):
                unit.store(value, builder.gep(out, [builder.mul(out_step, constant(p))]))
            return context.get_dummy_value()

        return signature, codegen

    return transform


transform_patch = make_transform(PATCH)
transform_weights = make_transform(WEIGHTS)
transform_gradients = make_transform(GRADIENTS)
transform_sums = make_transform(WEIGHT_GRADIENTS)


@intrinsic
def finish_outputs(
    typingctx: Any, y: Any, row: Any, col: Any, rows: Any, cols: Any, m: Any, m_step: Any, bias: Any, relu: Any
) -> Any:
    """finish_outputs(y, row, col, rows, cols, m, m_step, bias, relu): 2 x 2 pixels of y from 16 products.

    y = bias + A^T m A, clipped at 0 where `relu`. Products lie m_step apart, pixels `row` and `col`; of these only the
    first `rows` rows and `cols` columns (1 or 2) are written.
    """
    i = types.int64
    signature = types.void(y, i, i, i, i, m, i, bias, i)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        y, row, col, rows, cols, m, m_step, bias, relu = args
        dtype = signature.args[0].dtype
        _, vector, width = llvm_vector(dtype)
        unit = Vectors(builder, vector, dtype.bitwidth // 8)
        products = [unit.load(builder.gep(m, [builder.mul(m_step, constant(p))])) for p in range(16)]
        result = _both_sides(builder, unit, OUTPUTS, [products[p : p + 4] for p in range(0, 16, 4)])
        bias, zero = unit.load(bias), ir.Constant(vector, [0.0] * width)
        clip = builder.icmp_signed("!=", relu, constant(0))
        for i in range(2):
            for j in range(2):
                value = builder.fadd(result[i][j], bias)
                low = builder.select(builder.fcmp_ordered("<", value, zero), zero, value)
                place = builder.gep(y, [builder.add(row if i else constant(0), col if j else constant(0))])
                there = builder.and_(
                    builder.icmp_signed("<", constant(i), rows), builder.icmp_signed("<", constant(j), cols)
                )
                with builder.if_then(there, likely=True):
                    unit.store(builder.select(clip, low, value), place)
        return context.get_dummy_value()

    return signature, codegen


def make_block_tile(rows: int, vectors: int) -> Any:
    """Generate the register tile over matrices in blocks: each block holds one register of every row.

    Returns `tile(c, c_block, a, a_block, blocks, b)`: C = A @ B, for `rows` rows of A in `blocks` blocks, and
    `vectors` blocks of C. Row i of a block of A or C begins i registers after it, so that all places in the tile are
    constants; B is contiguous, `vectors` registers for each element of a row of A.
    """

    @intrinsic
    def tile(typingctx: Any, c: Any, c_block: Any, a: Any, a_block: Any, blocks: Any, b: Any) -> Any:
        i = types.int64
        signature = types.void(c, i, a, i, i, b)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            c, c_block, a, a_block, blocks, b = args
            dtype = signature.args[0].dtype
            _, vector, width = llvm_vector(dtype)
            unit = Vectors(builder, vector, dtype.bitwidth // 8)

            def steps(values: list[Any]) -> list[Any]:
                """A few elements of each row: as many as keep the loop's own instructions out of the way."""
                a, b, *sums = values
                for k in range(UNROLL):
                    b_vectors = [
                        unit.load(builder.gep(b, [constant((k * vectors + j) * width)])) for j in range(vectors)
                    ]
                    for i in range(rows):
                        a_vector = unit.broadcast(builder.gep(a, [constant(i * width + k)]))
                        for j in range(vectors):
                            at = i * vectors + j
                            sums[at] = unit.multiply_add(a_vector, b_vectors[j], sums[at])
                return [builder.gep(a, [constant(UNROLL)]), builder.gep(b, [constant(UNROLL * vectors * width)]), *sums]

            def block(values: list[Any]) -> list[Any]:
                a, *rest = values
                _, *rest = loop(builder, constant(width // UNROLL), [a, *rest], steps)
                return [builder.gep(a, [a_block]), *rest]

            zeros = [ir.Constant(vector, [0.0] * width)] * (rows * vectors)
            _, _, *sums = loop(builder, blocks, [a, b, *zeros], block)
            for i in range(rows):
                for j in range(vectors):
                    place = builder.gep(c, [builder.add(constant(i * width), builder.mul(c_block, constant(j)))])
                    unit.store(sums[i * vectors + j], place)
            return context.get_dummy_value()

        return signature, codegen

    return tile


wide_block_tile = make_block_tile(ROWS, VECTORS)
narrow_block_tile = make_block_tile(NARROW, 1)
