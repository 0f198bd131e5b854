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
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numba
import platformdirs
from numba import types
from numba.core import cgutils
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic, register_jitable

# Neither `nnan` nor `ninf`: with those LLVM may delete the code that notices a diverged training.
FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
# For code whose order of operations is its accuracy (error-compensated range reduction, rounding tricks).
EXACT = {"contract", "nsz"}

# Typed as anything: its settings are made at run time from the environment.
config: Any = numba.config
module_function: Any = cgutils.get_or_insert_function


class Shared(NamedTuple):
    """A shared function (see `shared`): compile it for a type of element, and make it known to kernels."""

    symbol: str
    function: Callable[..., Any]
    compile: Callable[[Any, bool], Any]  # element, whether from and to the cache
    provide: Callable[[Any], None]


class Inside(CPUDispatcher):
    """A function that only compiled functions can call: what Python would need is not compiled, a fifth of the time."""

    def __call__(self, *arguments: Any) -> Any:
        """Raise `TypeError`, where Numba would jump to nowhere."""
        name = self.py_func.__name__
        raise TypeError(
            f"{name} is a helper, which kernels call. Call it from a function of your own under @numba.njit."
        )


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
    plain = (here / name for name in ("codes.py", "distortion.py", "geometry.py", "heads.py", "mixing.py"))
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
    try:
        os.utime(folder)  # in use: among the last to be dropped
    except FileNotFoundError:
        _drop_old_caches()
    except OSError:
        pass  # not ours to touch: a cache for all users, say
    return folder


def is_cached() -> bool:
    """Whether kernels have been compiled before: tells a first run, which takes seconds, from the others."""
    return any(cache_folder().rglob("*.nbc")) if cache_folder().exists() else False


def was_compiled(kernel: Any) -> bool:
    """Whether this kernel has been compiled before, for whatever types. A quick look: nothing is loaded."""
    name = f"{kernel.py_func.__module__.rpartition('.')[2]}.{kernel.py_func.__qualname__}"
    return any(Path(kernel._cache.cache_path).glob(f"{name}-*.nbi"))


def shared_functions(function: Callable[..., Any]) -> list[Shared]:
    """The shared functions (see `shared`) that a kernel's function calls, and those that they call."""
    return [found.shared for found in _called(function) if hasattr(found, "shared")]


def helpers(function: Callable[..., Any]) -> list[Any]:
    """The helpers that a kernel's function calls, and those that they call."""
    return [found for found in _called(function) if hasattr(found, "py_func")]


def _drop_old_caches(keep: int = 12) -> None:
    """Remove all but the `keep` most recently used folders of compiled kernels, lest they pile up."""
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
    """Let a kernel that comes from the cache find the shared functions it calls: they are loaded before it."""
    if config.DISABLE_JIT:  # then it is the plain function, and nothing is cached
        return compiled
    load = compiled._cache.load_overload

    def load_overload(signature: Any, target_context: Any) -> Any:
        elements = {a.dtype for a in signature if isinstance(a, types.Array) and isinstance(a.dtype, types.Float)}
        for shared in shared_functions(function):
            for element in elements:
                shared.provide(element)
        return load(signature, target_context)

    compiled._cache.load_overload = load_overload
    return compiled


def _called(function: Callable[..., Any]) -> list[Any]:
    """The helpers and shared functions that a function names, and those that they name, each once.

    By what stands behind a name in the module at hand: another module's function may have the same one.
    """
    found: list[Any] = []
    waiting: list[Any] = [function]
    while waiting:
        inside = waiting.pop(0)
        for name in inside.__code__.co_names:
            callee: Any = inside.__globals__.get(name)
            shared = getattr(callee, "shared", None)
            source = shared.function if isinstance(shared, Shared) else getattr(callee, "py_func", None)
            if source is not None and not any(callee is other for other in found):
                found.append(callee)
                waiting.append(source)
    return found


def serial_kernel(function: Callable[..., Any]) -> Any:
    """Compile a public kernel with too little to do for a second thread; otherwise like `kernel`."""
    with _cache_in_our_folder():
        return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)(function)


def helper(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call. It may be inlined; it is not cached by itself."""
    return _inside(function, fastmath=FAST)


def _inside(function: Callable[..., Any], **options: Any) -> Any:
    """Compile for the use of compiled functions alone."""
    bare: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled: Any = numba.njit(nogil=True, error_model="numpy", **bare, **options)(function)
    if not config.DISABLE_JIT:
        compiled.__class__ = Inside
    return compiled


def plain_helper(function: Callable[..., Any], *called: Callable[..., Any]) -> Any:
    """A `helper` from a plain function of another module, which calls other plain ones: `called`, all of them."""
    for callee in called:
        register_jitable(callee)
    return helper(function)


def exact_helper(function: Callable[..., Any]) -> Any:
    """Like `helper`, for code that LLVM must not reorder."""
    return _inside(function, fastmath=EXACT)


def strict_kernel(function: Callable[..., Any]) -> Any:
    """Like `kernel`, for results that must be the same bits on every machine: plain IEEE arithmetic."""
    with _cache_in_our_folder():
        return numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy")(function)


def strict_helper(function: Callable[..., Any]) -> Any:
    """Like `helper`, for a `strict_kernel`."""
    return _inside(function)


def shared(symbol: str, signature_of: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function once for all kernels that call it, for float32 and for float64.

    A helper is compiled anew into each function that uses it, and a loop's body three times over: by itself, for the
    threads, and into its kernel. Where it is large, that takes seconds. A shared function is compiled by itself, when
    the first kernel that calls it is compiled or loaded for a type of element, and kernels call it by its symbol.
    `signature_of(element)` is its signature for one type of element; it returns nothing. What the decorator returns is
    an intrinsic: the type of its first argument, a pointer or an array, picks the version.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        available = set()

        def compile(element: Any, cache: bool) -> Any:
            for other in shared_functions(function):
                other.provide(element)
            signature = signature_of(element)
            compiled = _inside(function, fastmath=FAST, cache=cache)
            compiled.compile(signature.args)
            return compiled.overloads[signature.args]

        def provide(element: Any) -> None:
            if element in available:
                return
            with _cache_in_our_folder():
                compiled = compile(element, True)
            address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
            llvm.add_symbol(f"{symbol}_{element}", address)
            _compiled_and_in_use.append(compiled)
            available.add(element)

        def call(typingctx: Any, *arguments: Any) -> Any:
            element = arguments[0].dtype

            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                provide(element)
                calling, returned, taken = context.call_conv, signature.return_type, signature.args
                target = module_function(
                    builder.module, calling.get_function_type(returned, taken), f"{symbol}_{element}"
                )
                status, result = calling.call_function(builder, target, returned, taken, args)
                with builder.if_then(status.is_error, likely=False):
                    calling.return_status_propagate(builder, status)
                return result

            return signature_of(element), codegen

        # Numba takes an intrinsic's parameters from its signature: those of the function it stands for.
        context = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(function).parameters.values()
        call.__signature__ = inspect.Signature([context, *parameters])  # type: ignore[attr-defined]
        found: Any = intrinsic(call)
        found.shared = Shared(symbol, function, compile, provide)
        return found

    return decorate
