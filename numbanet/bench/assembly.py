"""What became of a kernel: LLVM's code and the processor's, and what its inner loop is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numba

from numbanet.kernels import jit

LABEL = re.compile(r"^([\w.$\"@<>]+):")
JUMP = re.compile(r"^\s+(?:j\w+|b|b\.\w+|cbn?z|tbn?z)\s+(?:.*,\s*)?([\w.$]+)\s*$")
FMA = re.compile(r"^\s+(?:vfn?m(?:add|sub)\w*|fml[as])\b")
REGISTER_BITS = (("zmm", 512), ("ymm", 256), ("xmm", 128))
ARM_VECTOR = re.compile(r"\bv\d+\.\d+[bhsd]\b")
SCALAR = re.compile(r"^\s+v?\w+s[sd]\s")  # x86: a name that ends so works on one number in a vector register
ON_STACK = re.compile(r"\(%[re]sp\)|\[sp\b")


@dataclass(frozen=True)
class Code:
    """The code of one compiled function: a kernel, or a shared function that it calls."""

    name: str
    llvm: str
    assembly: str


@dataclass(frozen=True)
class Loop:
    """An innermost loop: its instructions, and how many of them are multiply-adds, or go to the stack."""

    instructions: int
    multiply_adds: int
    on_stack: int
    vector_bits: int  # of the registers in its arithmetic; 0: one number at a time

    def __str__(self) -> str:
        """As a line."""
        vectors = f"vectors of {self.vector_bits} bits" if self.vector_bits else "one number at a time"
        spills = "nothing on the stack" if not self.on_stack else f"{self.on_stack} on the stack"
        return f"{self.instructions} instructions, {vectors}, {self.multiply_adds} multiply-adds, {spills}"


def compiled(kernel: Any, arguments: tuple[Any, ...]) -> list[Code]:
    """The kernel's code for arguments of these types, then that of the shared functions it calls.

    Compiled anew, which takes seconds: what comes from the cache is machine code alone.
    """
    options = {name: value for name, value in kernel.targetoptions.items() if name != "nopython"}
    fresh = numba.njit(**options)(kernel.py_func)
    signature = tuple(map(numba.typeof, arguments))
    fresh.compile(signature)
    found = [Code(kernel.__name__, fresh.inspect_llvm(signature), fresh.inspect_asm(signature))]
    elements = {
        t.dtype for t in signature if isinstance(t, numba.types.Array) and isinstance(t.dtype, numba.types.Float)
    }
    for shared in jit.shared_functions(kernel.py_func):
        for element in elements:
            library = shared.compile(element, False).library
            found.append(Code(shared.function.__name__, library.get_llvm_str(), library.get_asm_str()))
    return found


def loops(assembly: str) -> Iterator[Loop]:
    """The innermost loops: from a label to the jump back to it, with no other such between."""
    lines = assembly.splitlines()
    labels = {match[1]: number for number, line in enumerate(lines) if (match := LABEL.match(line))}
    spans = []
    for number, line in enumerate(lines):
        match = JUMP.match(line)
        if match and labels.get(match[1], number) < number:
            spans.append((labels[match[1]], number))
    for start, stop in spans:
        if not any(start <= a and b <= stop and (a, b) != (start, stop) for a, b in spans):
            yield _loop([line for line in lines[start : stop + 1] if line.startswith("\t") and line[1:2] != "."])


def _loop(body: list[str]) -> Loop:
    products = [line for line in body if FMA.match(line)]
    bits = max((_vector_bits(line) for line in products or body), default=0)
    return Loop(len(body), len(products), sum(map(bool, map(ON_STACK.search, body))), bits)


def _vector_bits(line: str) -> int:
    if ARM_VECTOR.search(line):
        return 128
    if SCALAR.match(line):
        return 0
    return next((bits for name, bits in REGISTER_BITS if name in line), 0)


def inner_loop(code: Code) -> Loop | None:
    """The loop that does the work: that with most arithmetic, then the widest, then the shortest."""

    def weight(loop: Loop) -> tuple[int, int, int]:
        return loop.multiply_adds * max(1, loop.vector_bits), loop.vector_bits, -loop.instructions

    return max(loops(code.assembly), key=weight, default=None)
