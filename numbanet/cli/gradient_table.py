"""What `numbanet gradcheck` does: a table of tensors, each with its worst element."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from numbanet import losses, zoo
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import make_console, say
from numbanet.cli.loading import load_data
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import DATA_SET, check_fits, loss_for, open_model, targets_for
from numbanet.training.gradcheck import TOLERANCE, GradientCheck, gradcheck
from numbanet.twin import twin


def check_gradients(
    named: str,
    is_file: bool,
    given: dict[str, Any],
    data_set: str | None,
    loss: str | None,
    samples: int,
    batch_size: int,
    seed: int,
    data_dir: str | None,
    as_json: bool,
    threads: int | None,
    device: str,
) -> bool:
    """Check a file's model, or a new one of that name with the options `given`; whether all is right."""
    console = make_console(stderr=as_json)
    device = set_up(console, threads, device)
    saved = open_model(named, device) if is_file else None
    noted = saved.meta.get(DATA_SET) if saved is not None else None
    dataset = load_data(console, data_set or noted or "digits", data_dir)
    if saved is not None:
        check_fits(saved, named, dataset)
        model = twin(saved, dtype="float64")
    else:
        model = zoo.build(named, dataset, seed=seed, device=device, dtype="float64", **given)
    trained_with = saved.loss if saved is not None else None
    chosen = losses.get(loss) if loss else trained_with or loss_for(dataset, None)
    x, y = dataset.train[0][:batch_size], dataset.train[1][:batch_size]
    model.adapt(dataset.train[0], always=False)
    with compilation_shown(console):
        targets = targets_for(chosen, y, dataset.num_classes)
        found = gradcheck(model, x, targets, loss=chosen, samples=samples, seed=seed)
    _show(console, f"{named} on {len(x)} examples of {dataset.name}, {chosen.name}, float64", found)
    right = all(check.good for check in found)
    if as_json:
        tensors = [{**vars(check), "good": check.good} for check in found]
        click.echo(json.dumps({"model": named, "good": right, "tolerance": TOLERANCE, "tensors": tensors}))
    return right


def _show(console: Console, title: str, found: Sequence[GradientCheck]) -> None:
    say(console, title, "bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("tensor", overflow="fold")
    table.add_column("shape", no_wrap=True)
    for name in ("checked", "gradient", "difference", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for check in found:
        shape = "x".join(str(size) for size in check.shape)
        numbers = (f"{check.checked:,}", f"{check.analytic:.6g}", f"{check.numeric:.6g}", f"{check.error:.1e}")
        style = "" if check.good else "bold red"
        table.add_row(check.name, shape, *numbers, "right" if check.good else "wrong", style=style)
    console.print(table)
    wrong = [check.name for check in found if not check.good]
    if wrong:
        say(console, f"wrong: {', '.join(wrong)}", "red")
    else:
        say(
            console,
            f"all right; shown is the worst element of each, and an error up to {TOLERANCE:g} is rounding",
            "dim",
        )
