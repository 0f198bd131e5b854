"""`numbanet kernels`: the kernels themselves, as they are written and as Numba compiled them."""

from __future__ import annotations

import click

from numbanet.cli.options import DTYPE, KERNEL, SHAPE, debug_option, json_option

SOURCE, LLVM, ASM = "source", "llvm", "asm"


@click.group(
    epilog="""\b
Examples:
  numbanet kernels list
  numbanet kernels show dense_forward           its source
  numbanet kernels show adam --asm | less       what the processor runs
  numbanet kernels show gemm --llvm --dtype float64"""
)
@debug_option
def command() -> None:
    """List the kernels, and show their source or what it was compiled to."""


@command.command("list")
@json_option
@debug_option
def list_command(as_json: bool) -> None:
    """List the kernels, what each does and where it stands."""
    from numbanet.cli.kernel_views import list_kernels

    list_kernels(as_json)


@command.command(
    epilog="""\b
Examples:
  numbanet kernels show conv2d_forward
  numbanet kernels show exp --asm
  numbanet kernels show dense_forward --asm --shape 1x784x128"""
)
@click.argument("kernel", type=KERNEL)
@click.option("--source", "what", flag_value=SOURCE, default=True, help="The source. [default]")
@click.option("--llvm", "what", flag_value=LLVM, help="The code of LLVM, after its optimizer.")
@click.option("--asm", "what", flag_value=ASM, help="The processor's code.")
@click.option("--dtype", type=DTYPE, default="float32", show_default=True, help="The type of its arrays.")
@click.option("--shape", type=SHAPE, help="Compile for a call of this shape: see `numbanet bench kernels --help`.")
@debug_option
def show(kernel: str, what: str, dtype: str, shape: tuple[int, ...] | None) -> None:
    """Show one kernel: its source, or what became of it on this machine.

    A line on stderr says what the inner loop is made of. Functions that several kernels share, such as the
    micro-kernel, are compiled by themselves and follow.
    """
    from numbanet.cli.kernel_views import show_code, show_source

    if what == SOURCE:
        show_source(kernel)
    else:
        show_code(kernel, what, dtype, shape)
