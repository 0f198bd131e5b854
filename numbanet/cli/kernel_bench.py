"""What `numbanet bench kernels` does: measure, print as it goes, and save."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console

from numbanet import backend as backends
from numbanet import plots
from numbanet.bench import workloads
from numbanet.bench.measure import Measurement, measure
from numbanet.bench.peak import Peak
from numbanet.bench.peak import measure as measure_peak
from numbanet.bench.workloads import Shape, Workload, text_of
from numbanet.cli.bench_files import check_file, save_csv
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import make_console, say
from numbanet.cli.picture_files import save_picture
from numbanet.errors import DeviceError

HEAD = f"{'kernel':<28} {'shape':<22} {'threads':>7} {'time':>10} {'GFLOP/s':>8} {'GB/s':>6} {'of peak':>8}"


@dataclass(frozen=True)
class KernelBench:
    """The command line's options."""

    kernels: tuple[str, ...]
    devices: str
    dtype: str
    shapes: tuple[Shape, ...] | None
    threads: tuple[int, ...] | None
    csv_file: str | None
    plot_file: str | None
    overwrite: bool
    as_json: bool


@dataclass(frozen=True)
class Row:
    """A measurement and the peak of the threads or the device it was made with."""

    measurement: Measurement
    peak: Peak

    @property
    def share(self) -> float:
        """The share of the machine's peak: of arithmetic or of streaming memory, whichever the kernel is nearer to."""
        found, peak = self.measurement, self.peak
        return max(found.operations_per_second / peak.operations, found.bytes_per_second / peak.bytes)

    def figures(self) -> dict[str, Any]:
        """All of it, for files."""
        found = self.measurement
        return {
            "kernel": found.workload.kernel,
            "shape": text_of(found.workload.shape),
            "dtype": found.workload.dtype,
            "device": found.device,
            "threads": found.threads,
            "seconds": found.seconds,
            "operations": found.workload.operations,
            "bytes": found.workload.bytes,
            "share_of_peak": self.share,
            "largest_error": found.error,
        }


def bench_kernels(options: KernelBench) -> None:
    """Run the command. What was measured until Ctrl-C is saved all the same."""
    console = make_console(stderr=options.as_json)
    csv_file = check_file(options.csv_file, "--csv", ".csv", options.overwrite)
    picture = check_file(options.plot_file, "--plot", ".png", options.overwrite)
    if picture:
        plots.require_matplotlib()
    cases = list(_cases(options))
    why_no_cuda = _check_devices(options.devices)
    rows: list[Row] = []
    try:
        for threads in options.threads or (backends.threads(),):
            _measure_all(console, cases, options.dtype, threads, rows)
    finally:
        if why_no_cuda:
            say(console, f"CUDA was not measured: {why_no_cuda}", "dim")
        if csv_file and rows:
            save_csv(console, [row.figures() for row in rows], csv_file)
        if picture and rows:
            save_picture(console, _roofline(rows), picture)
    if options.as_json:
        click.echo(json.dumps([row.figures() for row in rows]))


def _cases(options: KernelBench) -> Iterator[tuple[str, Shape]]:
    """Kernels and shapes, in the order of the families. Raises `BenchError` for a shape that does not fit."""
    for name in options.kernels or workloads.known():
        family = workloads.family_of(name)
        for shape in options.shapes or family.shapes:
            family.check(shape)
            yield name, shape


def _check_devices(devices: str) -> str | None:
    """Why CUDA is not measured, if it is not; raises `DeviceError` where it was asked for."""
    if devices == "cpu":
        return None
    try:
        backends.get("cuda")
    except DeviceError as error:
        if "cuda" in devices:
            raise
        return str(error).partition(". ")[0]
    return None


def _measure_all(console: Console, cases: list[tuple[str, Shape]], dtype: str, threads: int, rows: list[Row]) -> None:
    """Measure each case with so many threads, print it and add it to the rows."""
    backends.set_threads(threads)
    backend = backends.get("cpu")
    with compilation_shown(console):
        peak = measure_peak(dtype, threads)
    say(
        console,
        f"peak of {threads} thread{'s' * (threads > 1)}: {peak.operations / 1e9:.0f} GFLOP/s in {dtype}, "
        f"{peak.bytes / 1e9:.0f} GB/s streaming",
    )
    say(console, HEAD, "bold")
    for name, shape in cases:
        workload: Workload = workloads.workload(name, shape, dtype)
        with compilation_shown(console):
            getattr(backend.kernels, name).compile(_types(workload))
        row = Row(measure(workload, backend, threads), peak)
        rows.append(row)
        say(console, _line(row))


def _types(workload: Workload) -> tuple[Any, ...]:
    from numba import typeof

    return tuple(map(typeof, workload.arguments))


def _line(row: Row) -> str:
    found = row.measurement
    rate = f"{found.operations_per_second / 1e9:.1f}" if found.workload.operations else "-"
    return (
        f"{found.workload.kernel:<28} {text_of(found.workload.shape):<22} {found.threads:>7} "
        f"{1e6 * found.seconds:>7,.1f} us {rate:>8} {found.bytes_per_second / 1e9:>6.1f} {row.share:>8.0%}"
    )


def _roofline(rows: list[Row]) -> bytes:
    """The picture of what was measured with the last number of threads."""
    threads, peak = rows[-1].measurement.threads, rows[-1].peak
    points = []
    for found in (row.measurement for row in rows if row.measurement.threads == threads):
        work = found.workload
        points.append(plots.Point(work.kernel, text_of(work.shape), work.operations, work.bytes, found.seconds))
    title = f"Kernels on {threads} thread{'s' * (threads > 1)}, {rows[-1].measurement.workload.dtype}"
    return plots.to_png(plots.roofline(points, peak.operations, peak.bytes, title))
