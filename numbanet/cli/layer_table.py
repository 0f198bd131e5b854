"""What `numbanet summary` prints: a table of layers."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from numbanet import zoo
from numbanet.cli.console import make_console, say
from numbanet.cli.loading import described, load_data
from numbanet.cli.model_files import DATA_SET, open_model
from numbanet.model import Sequential
from numbanet.summary import bytes_in_words, summary_rows, total


def print_file_summary(path: str) -> None:
    """The layers of a saved model."""
    model = open_model(path)
    origin = model.meta.get(DATA_SET)
    _print(model, f"{path}, trained on {origin}" if origin else path)


def print_named_summary(name: str, data_set: str, options: dict[str, Any], data_dir: str | None) -> None:
    """The layers of an untrained model, as they would be for a data set; of its `options` those that are not None."""
    console = make_console()
    dataset = load_data(console, data_set, data_dir)
    given = {key: value for key, value in options.items() if value is not None}
    _print(zoo.build(name, dataset, **given), f"{name} for {dataset.name}: {described(dataset)}")


def _print(model: Sequential, title: str, batch_size: int = 128) -> None:
    console = make_console()
    say(console, title, "bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    rows = summary_rows(model, batch_size)
    sums = total(rows)
    table.add_column("layer", "total", overflow="fold")
    table.add_column("output", no_wrap=True)
    for name, number in (
        ("parameters", f"{sums.parameters:,}"),
        ("multiply-adds", f"{sums.multiply_adds:,}"),
    ):
        table.add_column(name, number, justify="right", no_wrap=True)
    table.add_column("memory", bytes_in_words(sums.memory), justify="right", no_wrap=True)
    for row in rows:
        shape = "x".join(str(size) for size in row.output_shape)
        numbers = [f"{number:,}" if number else "" for number in (row.parameters, row.multiply_adds)]
        memory = bytes_in_words(row.memory) if row.memory else ""
        layer = Text.assemble("  " * row.depth, row.layer, (f"  {row.short_name}", "dim"))
        table.add_row(layer, shape, *numbers, memory)
    console.print(table)
    shape = "x".join(str(size) for size in model.input_shape)
    note = f"input {shape}, {model.dtype}; memory for batches of {batch_size}, without the optimizer's"
    say(console, note, "dim")
