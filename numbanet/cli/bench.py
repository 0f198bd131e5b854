"""`numbanet bench`: how fast the kernels are on this machine, and how near to what it can do."""

from __future__ import annotations

from typing import Any

import click

from numbanet.cli.options import DTYPE, KERNEL, SHAPES, Numbers, debug_option, json_option


@click.group(
    epilog="""\b
Examples:
  numbanet bench kernels gemm exp adam
  numbanet bench kernels --plot roofline.png"""
)
@debug_option
def command() -> None:
    """Measure the kernels."""


@command.command(
    epilog="""\b
Examples:
  numbanet bench kernels                                    all of them: some minutes
  numbanet bench kernels gemm --shapes 128x784x128,64x64x64
  numbanet bench kernels conv2d_forward --threads 1,2
  numbanet bench kernels --csv kernels.csv --plot roofline.png"""
)
@click.argument("kernels", nargs=-1, type=KERNEL)
@click.option(
    "--device",
    "devices",
    type=click.Choice(["auto", "cpu", "cuda", "cpu,cuda"]),
    default="auto",
    show_default=True,
    help="Where to measure; auto: everywhere possible.",
)
@click.option("--dtype", type=DTYPE, default="float32", show_default=True, help="The type of the arrays.")
@click.option("--shapes", type=SHAPES, help="Instead of the usual ones; for kernels that take the same.")
@click.option("--threads", type=Numbers("thread counts"), help="Measure with each of these. [default: all]")
@click.option("--csv", "csv_file", type=click.Path(), metavar="FILE.csv", help="Save the figures as a table too.")
@click.option("--plot", "plot_file", type=click.Path(), metavar="FILE.png", help="Draw them under the roofline.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
@json_option
@debug_option
def kernels(**options: Any) -> None:
    """Time kernels, and compare with what this machine can do at most.

    Each is first compared with the float64 oracle, then called on arrays that are in no cache. What the machine
    can do is measured too, in arithmetic and in streaming memory; `of peak` is the share of whichever a kernel is
    nearer to. Winograd's convolutions save arithmetic, and so may pass 100%.
    """
    from numbanet.cli.kernel_bench import KernelBench, bench_kernels

    bench_kernels(KernelBench(**options))
