"""The findings of `numbanet doctor`: each a line, some with advice."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import llvmlite.binding as llvm
import numba
from rich.console import Console
from rich.text import Text

from numbanet import __version__, backend, data
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import facts, make_console, say, size_in_words
from numbanet.cli.data_views import folder_size
from numbanet.cli.versions import version_of
from numbanet.data.datasets import SOURCES
from numbanet.data.digits import is_exact
from numbanet.data.files import idx_folder
from numbanet.errors import DeviceError
from numbanet.kernels import jit

PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "numba-cuda",
    "safetensors",
    "click",
    "rich",
    "pooch",
    "matplotlib",
    "pillow",
)
OPTIONAL = {"numba-cuda": "cuda12 or cuda13", "matplotlib": "plot", "pillow": "plot"}
VECTOR_FEATURES = (
    "sse4.2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512bf16", "amx-bf16", "neon", "sve",
)  # fmt: skip
OK, NOTE, BAD = "ok", "note", "bad"
STYLES = {OK: "green", NOTE: "yellow", BAD: "bold red"}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says what to do about a note or a fault."""

    name: str
    value: str
    state: str = OK
    advice: str = ""


def print_report(data_dir: str | None) -> bool:
    """Print all findings; whether numbanet can work here."""
    console = make_console()
    findings: list[Finding] = []
    with compilation_shown(console):
        layer = list(_threading())
    sections = {
        "versions": list(_versions()),
        "processor": list(_processor()),
        "threads": layer,
        "caches": list(_caches(data_dir)),
        "cuda": list(_cuda()),
    }
    for title, section in sections.items():
        say(console, title, "bold")
        console.print(facts((finding.name, _value(finding)) for finding in section))
        findings += section
    _print_advice(console, findings)
    return all(finding.state != BAD for finding in findings)


def _value(finding: Finding) -> Text:
    if finding.state == OK:
        return Text(finding.value)
    return Text.assemble(finding.value, "  ", (f"[{finding.state}]", STYLES[finding.state]))


def _print_advice(console: Console, findings: list[Finding]) -> None:
    console.print()
    concerns = [finding for finding in findings if finding.advice]
    if not concerns:
        say(console, "all is well", "green")
    for finding in concerns:
        console.print(Text.assemble((finding.name, STYLES[finding.state]), f": {finding.advice}"), soft_wrap=True)


def _versions() -> Iterator[Finding]:
    yield Finding("numbanet", __version__)
    yield Finding("python", f"{platform.python_version()} ({platform.python_implementation()})")
    yield Finding("executable", sys.executable)
    yield Finding("system", platform.platform())
    for package in PACKAGES:
        version = version_of(package)
        missing = f"not installed (extra: {OPTIONAL[package]})" if package in OPTIONAL else "unknown version"
        yield Finding(package, version or missing)


def _processor() -> Iterator[Finding]:
    yield Finding("processor", f"{llvm.get_host_cpu_name()}, {os.cpu_count()} logical cores")
    try:
        from numbanet.kernels.cpu.simd import UNIT, host_features
    except ImportError as error:  # NUMBANET_SIMD asks for what this processor lacks
        yield Finding("vector unit", "none", BAD, str(error))
        return
    present = host_features()
    yield Finding("features", " ".join(name for name in VECTOR_FEATURES if name in present) or "none known")
    forced = " (forced by NUMBANET_SIMD)" if os.environ.get("NUMBANET_SIMD") else ""
    width = f"{UNIT.name}: {UNIT.bytes * 8} bits, {UNIT.bytes // 4} float32 in each of {UNIT.registers} registers"
    yield Finding("vector unit", width + forced)


def _threading() -> Iterator[Finding]:
    """Runs one small parallel kernel: Numba picks its threading layer only then."""
    try:
        exact = is_exact()
        layer = numba.threading_layer()  # type: ignore[attr-defined]
    except (ImportError, ValueError) as error:  # no layer can be loaded, or one was asked for that is absent
        yield Finding("threading layer", "none", BAD, f"parallel kernels cannot run: {error}")
        return
    slow = (
        "each parallel step costs about 0.15 ms instead of 0.002, and concurrent threads abort. Install "
        "OpenMP's runtime (Linux: libgomp, e.g. apt install libgomp1; macOS: brew install libomp), or "
        "pip install tbb; NUMBA_THREADING_LAYER must not force workqueue."
    )
    yield _noted("threading layer", layer, layer == "workqueue", slow)
    threads = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    crowded = "more threads than cores slow each other down: set NUMBA_NUM_THREADS lower, or not at all."
    use = f"{numba.get_num_threads()} of {threads}"
    yield _noted("threads", use, threads > (os.cpu_count() or threads), crowded)
    wrong = "the built-in digits differ from other machines': please report this with the processor's name."
    yield _noted("arithmetic", "as on other machines" if exact else "differs", not exact, wrong)


def _noted(name: str, value: str, concern: bool, advice: str) -> Finding:
    return Finding(name, value, NOTE, advice) if concern else Finding(name, value)


def _caches(data_dir: str | None) -> Iterator[Finding]:
    folder = jit.cache_folder()
    ours, all_versions = size_in_words(folder_size(folder)), size_in_words(folder_size(jit.cache_root()))
    consequence = "kernels are compiled again at every start; set NUMBA_CACHE_DIR"
    yield _writable("kernels", folder, f"{folder} ({ours}; all versions {all_versions})", consequence)
    root = data.data_root(data_dir)
    here = [name for name, source in SOURCES.items() if idx_folder(source, root)]
    held = f"{root} ({size_in_words(folder_size(root))}: {', '.join(here) or 'nothing fetched yet'})"
    yield _writable("data sets", root, held, "nothing can be fetched; set NUMBANET_DATA or use --data-dir")


def _writable(name: str, folder: Path, value: str, consequence: str) -> Finding:
    """A finding about a folder that may not exist yet: then its nearest existing parent decides."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return Finding(name, value)
    return Finding(name, value, NOTE, f"{existing} is not a folder that can be written to: {consequence}.")


def _cuda() -> Iterator[Finding]:
    yield Finding("driver", backend.device_state())
    try:
        backend.get("cuda")
    except DeviceError as error:
        yield Finding("usable", f"no: {error}")
    else:
        yield Finding("usable", "yes")
