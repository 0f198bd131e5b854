"""The vector unit: what this processor has, and the few operations that Numba has no word for.

Everything heavy is written with the intrinsics of this file (and `microkernel.py`); everything else is plain
loops that LLVM vectorizes. Pointers are typed (`CPointer(float32)`), count in elements and carry no bounds.

The widths are chosen from the host once, at import. NUMBANET_SIMD = avx512 | avx2 | sse | neon overrides the
choice, to test a narrower variant on a wider machine.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT32, INT64 = ir.IntType(32), ir.IntType(64)


class VectorUnit(NamedTuple):
    """A kind of vector unit: its name, the bytes of a register, and how many registers there are."""

    name: str
    bytes: int
    registers: int
    feature: str  # LLVM's name of the processor feature it needs


UNITS = {
    "avx512": VectorUnit("avx512", 64, 32, "avx512f"),
    "avx2": VectorUnit("avx2", 32, 16, "avx2"),
    "neon": VectorUnit("neon", 16, 32, "neon"),
    "sse": VectorUnit("sse", 16, 16, "sse2"),
}


def host_features() -> set[str]:
    """The processor features that LLVM sees on this machine."""
    return {name for name, present in llvm.get_host_cpu_features().items() if present}


def _choose_unit() -> VectorUnit:
    present = host_features()
    if llvm.get_default_triple().startswith(("aarch64", "arm64")):
        present.add("neon")  # part of the base architecture, not always listed
    forced = os.environ.get("NUMBANET_SIMD", "")
    if forced:
        if forced not in UNITS:
            raise ImportError(f"NUMBANET_SIMD={forced!r} is unknown. Expected one of {', '.join(UNITS)}.")
        if UNITS[forced].feature not in present:
            raise ImportError(f"NUMBANET_SIMD={forced} needs {UNITS[forced].feature}, which this processor lacks.")
        return UNITS[forced]
    for unit in UNITS.values():
        if unit.feature in present:
            return unit
    return UNITS["sse"]  # 16-byte vectors; LLVM splits them where even those are missing


UNIT = _choose_unit()


def lanes(dtype: Any) -> int:
    """Elements of `dtype` (a Numba float type) in one vector register."""
    return UNIT.bytes * 8 // dtype.bitwidth


def llvm_vector(dtype: Any) -> tuple[ir.Type, ir.VectorType, int]:
    """LLVM's scalar type, vector type and the number of lanes for a Numba float type."""
    scalar = ir.FloatType() if dtype == types.float32 else ir.DoubleType()
    width = lanes(dtype)
    return scalar, ir.VectorType(scalar, width), width


@intrinsic
def pointer(typingctx: Any, array: Any) -> Any:
    """pointer(array): the address of its first element."""
    signature = types.CPointer(array.dtype)(array)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return signature, codegen


@intrinsic
def keep(typingctx: Any, array: Any) -> Any:
    """keep(array): it is in use up to here. Numba frees an array after its last mention, not its pointer's."""
    signature = types.void(array)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def shift(typingctx: Any, base: Any, elements: Any) -> Any:
    """shift(base, n): the address n elements further on."""
    signature = base(base, types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return signature, codegen


@intrinsic
def aligned(typingctx: Any, base: Any) -> Any:
    """aligned(p): the first address from p on that is a multiple of a register's size."""
    signature = base(base)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = builder.ptrtoint(args[0], INT64)
        up = builder.and_(builder.add(address, ir.Constant(INT64, UNIT.bytes - 1)), ir.Constant(INT64, -UNIT.bytes))
        return builder.inttoptr(up, args[0].type)

    return signature, codegen


@intrinsic
def dtype_of(typingctx: Any, base: Any) -> Any:
    """dtype_of(p): the element type of what p points to, for np.empty and constants."""
    signature = types.DType(base.dtype)(base)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def vector_lanes(typingctx: Any, base: Any) -> Any:
    """vector_lanes(p): elements of what p points to in one register, a constant."""
    signature = types.int64(base)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(INT64, lanes(signature.args[0].dtype))

    return signature, codegen


@intrinsic(prefer_literal=True)
def stack_array(typingctx: Any, like: Any, elements: Any) -> Any:
    """stack_array(like, n): n uninitialized elements (n a constant) of `like`'s type on this thread's stack.

    Scratch that a thread owns without anyone allocating it. Call it only at the top of a function that is
    not inlined into a loop: the room is given back when the function returns.
    """
    if not isinstance(elements, types.IntegerLiteral):
        return None
    count = elements.literal_value
    signature = like(like, elements)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = context.get_data_type(signature.return_type.dtype)
        return _room(builder, element, count)

    return signature, codegen


@intrinsic(prefer_literal=True)
def stack_integers(typingctx: Any, elements: Any) -> Any:
    """stack_integers(n): like `stack_array`, of int32."""
    if not isinstance(elements, types.IntegerLiteral):
        return None
    count = elements.literal_value
    signature = types.CPointer(types.int32)(elements)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _room(builder, INT32, count)

    return signature, codegen


def _room(builder: Any, element: Any, count: int) -> Any:
    # Not cgutils.alloca_once: it stores a zero of the whole type, which LLVM unrolls element by element.
    with builder.goto_entry_block():
        room = builder.alloca(ir.ArrayType(element, count))
        room.align = 64
    return builder.bitcast(room, element.as_pointer())


@intrinsic
def thread_count(typingctx: Any) -> Any:
    """thread_count(): the threads that the next parallel loop will use.

    Numba's own get_num_threads() makes its caller uncacheable; the function behind it, called by its symbol,
    does not. Only ever used to divide work: the result of a kernel must not depend on it.
    """
    signature = types.int64()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numba.get_num_threads()  # loads the threading layer, which registers the symbol
        function_type = ir.FunctionType(INT32, [])
        function = cgutils.get_or_insert_function(builder.module, function_type, "get_num_threads")
        return builder.sext(builder.call(function, []), INT64)

    return signature, codegen


# Decaying numbers (the moments of an optimizer whose unit has died) end as denormals, on which x86 computes up
# to a hundred times slower. The two functions below switch the calling thread to flush-to-zero and back.
_X86_FLUSH = 0x8040  # MXCSR: flush-to-zero (bit 15) and denormals-are-zero (bit 6)
_ARM_FLUSH = 1 << 24  # FPCR: FZ


def _is_x86() -> bool:
    return llvm.get_default_triple().startswith(("x86_64", "i686", "i386"))


def _is_arm64() -> bool:
    return llvm.get_default_triple().startswith(("aarch64", "arm64"))


@intrinsic
def flush_denormals(typingctx: Any) -> Any:
    """flush_denormals(): from here on this thread treats denormals as zero; returns the mode to restore."""
    signature = types.int64()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _is_x86():
            old = _read_mxcsr(builder)
            _write_mxcsr(builder, builder.or_(old, ir.Constant(INT32, _X86_FLUSH)))
            return builder.zext(old, INT64)
        if _is_arm64():
            read = ir.InlineAsm(ir.FunctionType(INT64, []), "mrs $0, fpcr", "=r", side_effect=True)
            old = builder.call(read, [])
            _write_fpcr(builder, builder.or_(old, ir.Constant(INT64, _ARM_FLUSH)))
            return old
        return ir.Constant(INT64, 0)  # no such mode: results are the same, only slower on denormals

    return signature, codegen


@intrinsic
def restore_denormals(typingctx: Any, mode: Any) -> Any:
    """restore_denormals(mode): undo `flush_denormals` on this thread."""
    signature = types.void(types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _is_x86():
            _write_mxcsr(builder, builder.trunc(args[0], INT32))
        elif _is_arm64():
            _write_fpcr(builder, args[0])
        return context.get_dummy_value()

    return signature, codegen


def _read_mxcsr(builder: Any) -> Any:
    slot = cgutils.alloca_once(builder, INT32)
    _call_with_slot(builder, "llvm.x86.sse.stmxcsr", slot)
    return builder.load(slot)


def _write_mxcsr(builder: Any, value: Any) -> None:
    slot = cgutils.alloca_once(builder, INT32)
    builder.store(value, slot)
    _call_with_slot(builder, "llvm.x86.sse.ldmxcsr", slot)


def _call_with_slot(builder: Any, name: str, slot: Any) -> None:
    byte_pointer = ir.IntType(8).as_pointer()
    function_type = ir.FunctionType(ir.VoidType(), [byte_pointer])
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    builder.call(function, [builder.bitcast(slot, byte_pointer)])


def _write_fpcr(builder: Any, value: Any) -> None:
    write = ir.InlineAsm(ir.FunctionType(ir.VoidType(), [INT64]), "msr fpcr, $0", "r", side_effect=True)
    builder.call(write, [value])
