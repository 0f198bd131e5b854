"""`numbanet doctor`: what this machine has, what numbanet makes of it, and what to do about anything bad."""

from __future__ import annotations

import click

from numbanet.cli.options import data_dir_option, debug_option


@click.command(
    epilog="""\b
Examples:
  numbanet doctor
  NUMBA_THREADING_LAYER=workqueue numbanet doctor
  NUMBANET_SIMD=avx2 numbanet doctor"""
)
@data_dir_option
@debug_option
def command(data_dir: str | None) -> None:
    """Show versions, processor, threads, caches and CUDA, with advice.

    The exit code is 1 where something keeps numbanet from working.
    """
    from numbanet.cli.doctor_report import print_report

    if not print_report(data_dir):
        click.get_current_context().exit(1)
