"""What `numbanet kernels` prints."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from numbanet.bench import assembly, workloads
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import is_colored, make_console, say
from numbanet.kernels import cpu, jit


def list_kernels(as_json: bool) -> None:
    """All kernels, by the file that they stand in."""
    rows = [(name, *_place(getattr(cpu, name)), _first_line(getattr(cpu, name))) for name in workloads.known()]
    if as_json:
        keys = ("kernel", "file", "line", "does")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("kernel", "file", "what it does"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "what it does")
    for name, file, line, does in sorted(rows, key=lambda row: row[1:3]):
        table.add_row(name, Text(f"{Path(file).name}:{line}", "dim"), does)
    make_console().print(table)


def show_source(name: str) -> None:
    """The kernel as it is written, and where the functions are that it calls."""
    kernel = getattr(cpu, name)
    file, line = _place(kernel)
    notes = make_console(stderr=True)
    say(notes, f"{file}:{line}", "dim")
    _print_code(inspect.getsource(kernel.py_func), "python")
    for helper in jit.helpers(kernel.py_func):
        file, line = _place(helper)
        say(notes, f"calls {helper.__name__}  {file}:{line}", "dim")


def show_code(name: str, what: str, dtype: str, shape: workloads.Shape | None) -> None:
    """What the kernel was compiled to for these arguments: `what` is "llvm" or "asm"."""
    arguments = workloads.workload(name, shape, dtype).arguments
    notes = make_console(stderr=True)
    with compilation_shown(notes):
        codes = assembly.compiled(getattr(cpu, name), arguments)
    for code in codes:
        if len(codes) > 1:
            say(notes, f"{code.name}:", "bold")
        _print_code(code.llvm if what == "llvm" else code.assembly, "llvm" if what == "llvm" else "gas")
    for code in codes:
        found = assembly.inner_loop(code)
        say(notes, f"{code.name}: inner loop of {found}" if found else f"{code.name}: no loop")


def _print_code(code: str, language: str) -> None:
    console: Console = make_console()
    if is_colored(console):
        console.print(Syntax(code, language, theme="ansi_dark", background_color="default"), soft_wrap=True)
    else:
        click.echo(code)


def _place(function: Any) -> tuple[str, int]:
    """The file and line of a compiled function's source."""
    code = function.py_func.__code__
    return code.co_filename, code.co_firstlineno


def _first_line(kernel: Any) -> str:
    return inspect.getdoc(kernel.py_func).partition("\n")[0]  # type: ignore[union-attr]  # every kernel has one
