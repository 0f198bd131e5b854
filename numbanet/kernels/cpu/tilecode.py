"""Pieces of the micro-kernels, as LLVM instructions: operations on whole registers, and storing a row of a tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from numbanet.kernels.cpu.simd import INT32, INT64


def constant(value: int) -> ir.Constant:
    """A 64-bit integer."""
    return ir.Constant(INT64, value)


class Vectors:
    """The vector operations of one element type, as LLVM instructions."""

    def __init__(self, builder: Any, vector: ir.VectorType, item_bytes: int) -> None:
        self.builder, self.vector, self.align = builder, vector, item_bytes
        suffix = f"v{vector.count}f{item_bytes * 8}"
        # fmuladd, not fma: on a unit without fused multiply-add it becomes a product and a sum, not a call.
        self._fma = self._function(f"llvm.fmuladd.{suffix}", vector, [vector] * 3)
        self._suffix = suffix

    def _function(self, name: str, result: ir.Type, arguments: list[ir.Type]) -> Any:
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)

    def load(self, address: Any) -> Any:
        """A whole register from `address`, which need not be aligned."""
        return self.builder.load(self.builder.bitcast(address, self.vector.as_pointer()), align=self.align)

    def store(self, value: Any, address: Any) -> None:
        """A whole register to `address`."""
        self.builder.store(value, self.builder.bitcast(address, self.vector.as_pointer()), align=self.align)

    def broadcast(self, address: Any) -> Any:
        """The element at `address`, in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(
            undefined, self.builder.load(address, align=self.align), ir.Constant(INT32, 0)
        )
        everywhere = ir.Constant(ir.VectorType(INT32, self.vector.count), [0] * self.vector.count)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """x * y + z."""
        return self.builder.call(self._fma, [x, y, z])

    def nearest(self, x: Any) -> Any:
        """The whole number nearest to x, lane by lane."""
        return self.builder.call(self._function(f"llvm.rint.{self._suffix}", self.vector, [self.vector]), [x])

    def prefetch(self, address: Any) -> None:
        """Bring the cache line of `address` near."""
        byte = ir.IntType(8).as_pointer()
        function = self._function("llvm.prefetch.p0", ir.VoidType(), [byte, INT32, INT32, INT32])
        read, near, data = (ir.Constant(INT32, value) for value in (0, 2, 1))
        self.builder.call(function, [self.builder.bitcast(address, byte), read, near, data])

    def mask(self, valid: Any) -> Any:
        """True in the first `valid` lanes."""
        count = self.vector.count
        integers = ir.VectorType(INT64, count)
        undefined = ir.Constant(integers, ir.Undefined)
        first = self.builder.insert_element(undefined, valid, ir.Constant(INT32, 0))
        everywhere = ir.Constant(ir.VectorType(INT32, count), [0] * count)
        limit = self.builder.shuffle_vector(first, undefined, everywhere)
        return self.builder.icmp_signed("<", ir.Constant(integers, list(range(count))), limit)

    def masked_load(self, address: Any, mask: Any) -> Any:
        """The lanes of `mask` from `address`; zero in the others, which are not read."""
        pointer = self.vector.as_pointer()
        function = self._function(
            f"llvm.masked.load.{self._suffix}.p0", self.vector, [pointer, INT32, mask.type, self.vector]
        )
        zero = ir.Constant(self.vector, [0.0] * self.vector.count)
        align = ir.Constant(INT32, self.align)
        return self.builder.call(function, [self.builder.bitcast(address, pointer), align, mask, zero])

    def masked_store(self, value: Any, address: Any, mask: Any) -> None:
        """The lanes of `mask` to `address`; nothing else is written."""
        pointer = self.vector.as_pointer()
        function = self._function(
            f"llvm.masked.store.{self._suffix}.p0", ir.VoidType(), [self.vector, pointer, INT32, mask.type]
        )
        align = ir.Constant(INT32, self.align)
        self.builder.call(function, [value, self.builder.bitcast(address, pointer), align, mask])


def store_row(
    builder: Any, unit: Vectors, row: Any, sums: list[Any], width: int, n: Any, full: Any, accumulate: Any,
    finish: Callable[[Any], Any] = lambda value: value,
) -> None:  # fmt: skip
    """row[0:n] = finish(sums), or finish(row[0:n] + sums) where `accumulate`."""
    addresses = [builder.gep(row, [constant(j * width)]) for j in range(len(sums))]
    with builder.if_else(full, likely=True) as (whole, edge):
        with whole, builder.if_else(accumulate) as (add, overwrite):
            with add:
                for value, address in zip(sums, addresses, strict=True):
                    unit.store(finish(builder.fadd(unit.load(address), value)), address)
            with overwrite:
                for value, address in zip(sums, addresses, strict=True):
                    unit.store(finish(value), address)
        with edge:
            for j, (value, address) in enumerate(zip(sums, addresses, strict=True)):
                mask = unit.mask(builder.sub(n, constant(j * width)))
                old = unit.masked_load(address, mask)
                total = builder.select(accumulate, builder.fadd(old, value), value)
                unit.masked_store(finish(total), address, mask)
