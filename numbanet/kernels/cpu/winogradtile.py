"""Winograd's convolution, the pieces: the transforms of small squares, and the register tile between them.

F(4x4, 3x3) computes 4 x 4 outputs of a 3 x 3 window from a 6 x 6 patch with 36 multiplications instead of 144:

    Y = A^T [(G g G^T) * (B^T d B)] A        g weights, d patch, * element by element

A square is one register (of channels or filters) in each place, so that its transforms are additions of whole
registers. For the gradient of the weights the same patch meets 4 x 4 numbers and gives 3 x 3: F(3x3, 4x4).

Both multiply polynomials by way of their values in six points: 0, four that differ in sign by pairs, and infinity.
The usual four, 1, -1, 2 and -2, lose three times as many digits as these, whose powers stay near 1.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308); on the choice of the points
Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution" (arXiv 1803.10986).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numbanet.kernels.cpu.microkernel import ROWS, VECTORS
from numbanet.kernels.cpu.simd import llvm_vector, shift, vector_lanes
from numbanet.kernels.cpu.tilecode import Vectors, constant
from numbanet.kernels.cpu.windowtile import loop
from numbanet.kernels.jit import helper

Matrix = tuple[tuple[float, ...], ...]

OUT, PATCH = 4, 6  # outputs of a tile and pixels of its patch, along each axis
PLACES = PATCH * PATCH  # as geometry.WINOGRAD_PLACES says
P, Q = 0.5**0.5, 2**0.5  # the points are 0, P, -P, Q, -Q and infinity: P^2 = 1/2, Q^2 = 2
OF_P, OF_Q = -2 / 3, 1 / 6  # 1 over the product of the distances from P, and from Q, to the other finite points

PATCHES: Matrix = (  # B^T: the coefficients of the polynomial that is zero in the other finite points
    (1, 0, -2.5, 0, 1, 0),
    (0, -2 * P, -2, P, 1, 0),
    (0, 2 * P, -2, -P, 1, 0),
    (0, -Q / 2, -0.5, Q, 1, 0),
    (0, Q / 2, -0.5, -Q, 1, 0),
    (0, 1, 0, -2.5, 0, 1),
)
WEIGHTS: Matrix = (  # G: the values in the points, over those products
    (1, 0, 0),
    (OF_P, OF_P * P, OF_P / 2),
    (OF_P, -OF_P * P, OF_P / 2),
    (OF_Q, OF_Q * Q, OF_Q * 2),
    (OF_Q, -OF_Q * Q, OF_Q * 2),
    (0, 0, 1),
)
OUTPUTS: Matrix = (  # A^T: the powers of the points
    (1, 1, 1, 1, 1, 0),
    (0, P, -P, Q, -Q, 0),
    (0, 0.5, 0.5, 2, 2, 0),
    (0, P / 2, -P / 2, 2 * Q, -2 * Q, 1),
)
GRADIENTS: Matrix = (  # G of F(3x3, 4x4), whose products are in the A^T: that is applied once, this to every tile
    (1, 0, 0, 0),
    (1, P, 0.5, P / 2),
    (1, -P, 0.5, -P / 2),
    (1, Q, 2, 2 * Q),
    (1, -Q, 2, -2 * Q),
    (0, 0, 0, 1),
)
WEIGHT_GRADIENTS: Matrix = (
    (1, OF_P, OF_P, OF_Q, OF_Q, 0),
    (0, OF_P * P, -OF_P * P, OF_Q * Q, -OF_Q * Q, 0),
    (0, OF_P / 2, OF_P / 2, OF_Q * 2, OF_Q * 2, 1),
)

NARROW = VECTORS * ROWS  # rows of a tile of one register
UNROLL = 4  # elements of a row at a time; divides the lanes of every unit and type


def _mirrored(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two rows or columns of a matrix differ in signs alone: those of opposite points do."""
    return one != other and any(one) and all(abs(x) == abs(y) for x, y in zip(one, other, strict=True))


class _Squares:
    """Products of small constant matrices and columns of registers, with as few instructions as their signs allow."""

    def __init__(self, builder: Any, unit: Vectors) -> None:
        self.builder, self.unit = builder, unit

    def everywhere(self, factor: float) -> Any:
        """A register full of a constant."""
        return ir.Constant(self.unit.vector, [factor] * self.unit.vector.count)

    def sum(self, factors: Sequence[float], values: list[Any]) -> Any:
        """The sum of factors times registers; a factor of 1 costs nothing where the sum begins with it."""
        terms = sorted(
            ((f, v) for f, v in zip(factors, values, strict=True) if f), key=lambda term: term[0] != 1
        )  # fmt: skip
        (factor, total), *rest = terms
        if factor != 1:
            total = self.builder.fmul(total, self.everywhere(factor))
        for factor, value in rest:
            total = self.plus(total, factor, value)
        return total

    def plus(self, total: Any, factor: float, value: Any) -> Any:
        """Total + factor * value."""
        if abs(factor) == 1:
            return (self.builder.fadd if factor > 0 else self.builder.fsub)(total, value)
        return self.unit.multiply_add(value, self.everywhere(factor), total)

    def column(self, matrix: Matrix, values: list[Any]) -> list[Any]:
        """matrix @ values. What two opposite points share, in rows or in columns, is worked out once."""
        values, rows = list(values), [list(row) for row in matrix]
        for j in range(len(values) - 1):
            if _mirrored([row[j] for row in matrix], [row[j + 1] for row in matrix]):
                one, other = values[j : j + 2]
                values[j : j + 2] = self.builder.fadd(one, other), self.builder.fsub(one, other)
                for row in rows:
                    row[j : j + 2] = (row[j], 0) if row[j] == row[j + 1] else (0, row[j])
        result: list[Any] = []
        while len(result) < len(rows):
            row, following = rows[len(result)], rows[min(len(result) + 1, len(rows) - 1)]
            if not _mirrored(row, following):
                result.append(self.sum(row, values))
                continue
            factor = next(x for x, y in zip(row, following, strict=True) if x != y)
            even = self.sum([x if x == y else 0 for x, y in zip(row, following, strict=True)], values)
            odd = self.sum([x / factor if x != y else 0 for x, y in zip(row, following, strict=True)], values)
            result += [self.plus(even, factor, odd), self.plus(even, -factor, odd)]
        return result


def make_line(matrix: Matrix) -> Any:
    """Generate `line(out, out_step, source, step, first, end)`: out = matrix @ source, both a column of registers.

    The registers of each lie a step apart. Of the source's there are those from `first` to before `end`; the others
    are not read, but are zeros.
    """

    @intrinsic
    def line(typingctx: Any, out: Any, out_step: Any, source: Any, step: Any, first: Any, end: Any) -> Any:
        i = types.int64
        signature = types.void(out, i, source, i, i, i)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            out, out_step, source, step, first, end = args
            dtype = signature.args[0].dtype
            unit = Vectors(builder, llvm_vector(dtype)[1], dtype.bitwidth // 8)
            squares, size = _Squares(builder, unit), len(matrix[0])
            places = [builder.gep(source, [builder.mul(step, constant(j))]) for j in range(size)]

            def write(values: list[Any]) -> None:
                for j, value in enumerate(squares.column(matrix, values)):
                    unit.store(value, builder.gep(out, [builder.mul(out_step, constant(j))]))

            all_there = builder.and_(
                builder.icmp_signed("<=", first, constant(0)), builder.icmp_signed(">=", end, constant(size))
            )
            with builder.if_else(all_there, likely=True) as (whole, part):
                with whole:
                    write([unit.load(place) for place in places])
                with part:
                    values = []
                    for j, place in enumerate(places):
                        there = builder.and_(
                            builder.icmp_signed("<=", first, constant(j)), builder.icmp_signed("<", constant(j), end)
                        )
                        values.append(unit.masked_load(place, unit.mask(builder.select(there, constant(64), constant(0)))))
                    write(values)
            return context.get_dummy_value()

        return signature, codegen

    return line


def make_transform(matrix: Matrix) -> Any:
    """Generate `transform(out, out_step, source, row, col, top, bottom, left, right, half)`.

    It reads a square of registers, whose rows lie `row` elements apart and whose columns `col`, and writes those of
    matrix @ square @ matrix^T one after the other, `out_step` apart. Of the square there are only the rows from `top`
    to before `bottom` and the columns from `left` to before `right`; the others are zeros. `half`, room for the
    36 registers of matrix @ square, keeps what is under way at a time within the registers there are.
    """
    line = make_line(matrix)
    results, size = len(matrix), len(matrix[0])

    @helper
    def transform(out, out_step, source, row, col, top, bottom, left, right, half):
        lanes = vector_lanes(out)
        before, after = min(max(left, 0), size), max(min(right, size), 0)
        for j in range(before * lanes):
            for i in range(results):
                half[i * size * lanes + j] = 0
        for j in range(max(before, after) * lanes, size * lanes):
            for i in range(results):
                half[i * size * lanes + j] = 0
        for j in range(before, after):
            line(shift(half, j * lanes), size * lanes, shift(source, j * col), row, top, bottom)
        for i in range(results):
            line(shift(out, i * results * out_step), out_step, shift(half, i * size * lanes), lanes, 0, size)

    return transform


transform_patch = make_transform(PATCHES)
transform_weights = make_transform(WEIGHTS)
transform_gradients = make_transform(GRADIENTS)
transform_sums = make_transform(WEIGHT_GRADIENTS)

output_line = make_line(OUTPUTS)


@intrinsic
def finish_line(typingctx: Any, y: Any, col: Any, cols: Any, source: Any, bias: Any, floor: Any) -> Any:
    """finish_line(y, col, cols, source, bias, floor): 4 pixels of a row of y, `col` apart, of which `cols` are there.

    y = bias + A^T source, and `floor` where it is less than that; source, bias and floor are registers in memory.
    """
    i = types.int64
    signature = types.void(y, i, i, source, bias, floor)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        y, col, cols, source, bias, floor = args
        dtype = signature.args[0].dtype
        _, vector, width = llvm_vector(dtype)
        unit = Vectors(builder, vector, dtype.bitwidth // 8)
        values = [unit.load(builder.gep(source, [constant(j * width)])) for j in range(PATCH)]
        bias, floor = unit.load(bias), unit.load(floor)
        result = []
        for value in _Squares(builder, unit).column(OUTPUTS, values):
            value = builder.fadd(value, bias)
            result.append(builder.select(builder.fcmp_ordered(">", floor, value), floor, value))
        places = [builder.gep(y, [builder.mul(col, constant(j))]) for j in range(OUT)]
        with builder.if_else(builder.icmp_signed(">=", cols, constant(OUT)), likely=True) as (whole, part):
            with whole:
                for value, place in zip(result, places, strict=True):
                    unit.store(value, place)
            with part:
                for j in range(OUT - 1):
                    with builder.if_then(builder.icmp_signed("<", constant(j), cols)):
                        unit.store(result[j], places[j])
        return context.get_dummy_value()

    return signature, codegen


@helper
def finish_outputs(y, row, col, rows, cols, m, m_step, bias, floor, half):
    """4 x 4 pixels of y from 36 products: y = bias + A^T m A, and `floor` where it is less.

    Products lie m_step apart, pixels `row` and `col`; of these only the first `rows` rows and `cols` columns are
    written. bias and floor are registers in memory; `half` as for the transforms.
    """
    lanes = vector_lanes(y)
    for j in range(PATCH):
        output_line(shift(half, j * lanes), PATCH * lanes, shift(m, j * m_step), PATCH * m_step, 0, PATCH)
    for i in range(min(rows, OUT)):
        finish_line(shift(y, i * row), col, cols, shift(half, i * PATCH * lanes), bias, floor)


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
