"""What a model consists of: a row for each layer, and the same as a table of text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from numbanet.layers.base import Buffer, Layer, size
from numbanet.layers.chain import walk
from numbanet.model import Sequential


@dataclass(frozen=True)
class Row:
    """One layer, without the layers inside it, which have rows of their own.

    `multiply_adds` are of the forward pass for one example. `memory`, in bytes: parameters with their gradients,
    state, and the buffers of one batch.
    """

    name: str
    layer: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    memory: int

    @property
    def depth(self) -> int:
        """In how many other layers it lies. Each puts two parts before the name: its own and the chain's."""
        return self.name.count(".") // 2

    @property
    def short_name(self) -> str:
        """The name inside the layer that it lies in: body.0_dense for 3_residual.body.0_dense."""
        return ".".join(self.name.split(".")[-2:])


def summary_rows(model: Sequential, batch_size: int = 128) -> list[Row]:
    """A row for each layer, those inside another below it; with buffers for batches of `batch_size`."""
    rows = []
    for layer in walk(model.layers):
        parameters = sum(size(spec.shape) for spec in layer.parameters)
        state = sum(size(spec.shape) for spec in layer.state)
        memory = (2 * parameters + state) * np.dtype(model.dtype).itemsize
        memory += batch_size * layer.times * _bytes(layer.buffers.values(), model.dtype)
        memory += _bytes(layer.scratch.values(), model.dtype)
        multiply_adds = layer.times * layer.multiply_adds()
        rows.append(Row(layer.name, _call(layer), layer.out_shape, parameters, multiply_adds, memory))
    return rows


def _bytes(buffers: Iterable[Buffer], dtype: str) -> int:
    """Of all together; `dtype` is the model's."""
    return sum(size(buffer.shape) * np.dtype(buffer.dtype or dtype).itemsize for buffer in buffers)


def _call(layer: Layer) -> str:
    """Its repr; for a layer that holds layers, its options alone."""
    if not layer.chains:
        return repr(layer)
    options = [f"{name}={value!r}" for name, value in layer.config().items() if isinstance(value, str)]
    return f"{type(layer).__name__}({', '.join(options)})"


def total(rows: list[Row]) -> Row:
    """The sums, under the name `total`; its output is the last layer's."""
    return Row(
        "total",
        "",
        [row.output_shape for row in rows if row.depth == 0][-1],
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
            "  " * row.depth + row.short_name,
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
