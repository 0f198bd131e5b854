"""What a model consists of: a row for each layer, and the same as a table of text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numbanet.layers.base import size
from numbanet.model import Sequential


@dataclass(frozen=True)
class Row:
    """One layer. `multiply_adds` are of the forward pass for one example.

    `memory`, in bytes: parameters with their gradients, state, and the buffers of one batch.
    """

    name: str
    layer: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    memory: int


def summary_rows(model: Sequential, batch_size: int = 128) -> list[Row]:
    """A row for each layer, with buffers for batches of `batch_size`."""
    rows = []
    for layer in model.layers:
        parameters = sum(size(spec.shape) for spec in layer.parameters)
        state = sum(size(spec.shape) for spec in layer.state)
        buffers = batch_size * sum(size(shape) for shape in layer.buffers.values())
        scratch = sum(size(shape) for shape in layer.scratch.values())
        memory = (2 * parameters + state + buffers + scratch) * np.dtype(model.dtype).itemsize
        rows.append(Row(layer.name, repr(layer), layer.out_shape, parameters, layer.multiply_adds(), memory))
    return rows


def total(rows: list[Row]) -> Row:
    """The sums, under the name `total`; its output is the last layer's."""
    return Row(
        "total",
        "",
        rows[-1].output_shape,
        sum(row.parameters for row in rows),
        sum(row.multiply_adds for row in rows),
        sum(row.memory for row in rows),
    )


def bytes_in_words(count: int) -> str:
    """513024 -> "501 KiB"."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


def summary(model: Sequential, batch_size: int = 128) -> str:
    """The table as text, with totals."""
    rows = summary_rows(model, batch_size)
    header = ("layer", "", "output", "parameters", "multiply-adds", "memory")
    cells = [header] + [
        (
            row.name,
            row.layer,
            str(row.output_shape),
            f"{row.parameters:,}",
            f"{row.multiply_adds:,}",
            bytes_in_words(row.memory),
        )
        for row in (*rows, total(rows))
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            text.ljust(width) if column < 3 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    rule = "-" * max(len(line) for line in lines)
    note = f"input {model.input_shape}, {model.dtype}; memory without the optimizer, batches of {batch_size}"
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], note])
