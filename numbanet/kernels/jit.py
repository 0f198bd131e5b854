"""How every CPU kernel is compiled, and where the compiled code is kept.

Numba's own cache looks only at the file a function stands in: a helper edited in another file, or a changed
decorator, would give a stale hit. So the compiled kernels live in a folder named after a hash of all kernel
sources and of everything else that changes the generated code. The folder is per user, which also serves an
installation that cannot be written to; a user's own NUMBA_CACHE_DIR is respected.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
import platformdirs
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

# Neither `nnan` nor `ninf`: with those LLVM may delete the code that notices a diverged training.
FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
# For code whose order of operations is its accuracy (error-compensated range reduction, rounding tricks).
EXACT = {"contract", "nsz"}

# Typed as anything: its settings are made at run time from the environment.
config: Any = numba.config
module_function: Any = cgutils.get_or_insert_function

_shared: dict[str, Callable[[Any], None]] = {}  # by name: what loads a shared function for one type of element
_compiled_and_in_use: list[Any] = []  # machine code that others call by address must not be collected


def cache_root() -> Path:
    """The folder that holds one sub-folder of compiled kernels for each version of their sources."""
    return Path(platformdirs.user_cache_dir("numbanet", appauthor=False)) / "kernels"


@functools.cache
def cache_folder() -> Path:
    """Where this version's compiled CPU kernels are kept."""
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR)
    here = Path(__file__).parent
    digest = hashlib.sha256()
    plain = (here / name for name in ("codes.py", "distortion.py", "geometry.py"))
    for source in (Path(__file__), *plain, *sorted((here / "cpu").glob("*.py"))):
        digest.update(source.read_bytes())
    facts = (
        numba.__version__,
        llvmlite.__version__,
        platform.python_version(),
        platform.machine(),
        os.environ.get("NUMBANET_SIMD", ""),
    )
    digest.update(repr(facts).encode())
    folder = cache_root() / digest.hexdigest()[:16]
    if not folder.exists():
        _drop_old_caches()
    return folder


def is_cached() -> bool:
    """Whether kernels have been compiled before: tells a first run, which takes seconds, from the others."""
    return any(cache_folder().rglob("*.nbc")) if cache_folder().exists() else False


def _drop_old_caches(keep: int = 12) -> None:
    """Remove all but the `keep` most recently made folders of compiled kernels, lest they pile up."""
    root = cache_root()
    if not root.exists():
        return
    folders = sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime)
    for folder in folders[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _cache_in_our_folder() -> Iterator[None]:
    """Numba picks a function's cache folder when it is decorated, from a global: set it for that moment."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        yield
    finally:
        config.CACHE_DIR = before


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a public kernel: parallel loops (`prange`), cached on disk, the GIL released while it runs."""
    with _cache_in_our_folder():
        compiled = numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy", fastmath=FAST)(function)
    return _shared_before_cached(compiled, function)


def _shared_before_cached(compiled: Any, function: Callable[..., Any]) -> Any:
    """Let a kernel that comes from the cache find the shared functions it calls: they are loaded before it.

    They are found by name: whatever the kernel's own helpers call, in their modules.
    """
    if config.DISABLE_JIT:  # then it is the plain function, and nothing is cached
        return compiled
    load = compiled._cache.load_overload
    needed = [_shared[name] for name in _reachable_names(function) & _shared.keys()]

    def load_overload(signature: Any, target_context: Any) -> Any:
        elements = {a.dtype for a in signature if isinstance(a, types.Array) and isinstance(a.dtype, types.Float)}
        for provide in needed:
            for element in elements:
                provide(element)
        return load(signature, target_context)

    compiled._cache.load_overload = load_overload
    return compiled


def _reachable_names(function: Callable[..., Any]) -> set[str]:
    """The names of the functions that a kernel calls, and that those call."""
    found: set[str] = set()
    waiting: list[Any] = [function]
    while waiting:
        inside = waiting.pop()
        for name in inside.__code__.co_names:
            if name in found:
                continue
            found.add(name)
            callee: Any = inside.__globals__.get(name)
            if hasattr(callee, "py_func"):
                waiting.append(callee.py_func)
    return found


def serial_kernel(function: Callable[..., Any]) -> Any:
    """Compile a public kernel with too little to do for a second thread; otherwise like `kernel`."""
    with _cache_in_our_folder():
        return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)(function)


def helper(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call. It may be inlined; it is not cached by itself."""
    return numba.njit(nogil=True, error_model="numpy", fastmath=FAST)(function)


def plain_helper(function: Callable[..., Any], *called: Callable[..., Any]) -> Any:
    """A `helper` from a plain function of another module, which calls other plain ones: `called`, all of them."""
    for callee in called:
        register_jitable(callee)
    return helper(function)


def exact_helper(function: Callable[..., Any]) -> Any:
    """Like `helper`, for code that LLVM must not reorder."""
    return numba.njit(nogil=True, error_model="numpy", fastmath=EXACT)(function)


def strict_kernel(function: Callable[..., Any]) -> Any:
    """Like `kernel`, for results that must be the same bits on every machine: plain IEEE arithmetic."""
    with _cache_in_our_folder():
        return numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy")(function)


def strict_helper(function: Callable[..., Any]) -> Any:
    """Like `helper`, for a `strict_kernel`."""
    return numba.njit(nogil=True, error_model="numpy")(function)


def shared(symbol: str, signature_of: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function once for all kernels that call it, for float32 and for float64.

    A helper is compiled anew into each kernel that uses it, which takes seconds where the helper is large. A
    shared function is compiled by itself, when the first kernel that calls it is compiled or loaded for a type
    of element, and kernels call it by its symbol.
    `signature_of(element)` is its signature for one type of element: pointers and int64 alone, returning int64.
    What the decorator returns is an intrinsic: the type of its first argument, a pointer, picks the version.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        available = set()

        def provide(element: Any) -> None:
            if element in available:
                return
            with _cache_in_our_folder():
                compiled = numba.cfunc(
                    signature_of(element), cache=True, nogil=True, error_model="numpy", fastmath=FAST
                )(function)
            llvm.add_symbol(f"{symbol}_{element}", compiled.address)
            _compiled_and_in_use.append(compiled)
            available.add(element)

        _shared[function.__name__] = provide

        def call(typingctx: Any, *arguments: Any) -> Any:
            element = arguments[0].dtype

            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                provide(element)
                values = [context.get_value_type(t) for t in signature.args]
                function_type = ir.FunctionType(context.get_value_type(signature.return_type), values)
                target = module_function(builder.module, function_type, f"{symbol}_{element}")
                return builder.call(target, args)

            return signature_of(element), codegen

        # Numba takes an intrinsic's parameters from its signature: those of the function it stands for.
        context = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(function).parameters.values()
        call.__signature__ = inspect.Signature([context, *parameters])  # type: ignore[attr-defined]
        return intrinsic(call)

    return decorate
