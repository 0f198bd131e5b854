"""What `numbanet lr-find` does: a range test on a fresh model, a picture, and a suggestion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click

from numbanet import plots, zoo
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import facts, make_console, say
from numbanet.cli.loading import described, load_data
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import loss_for, targets_for
from numbanet.cli.picture_files import picture_file, save_picture
from numbanet.data import augment
from numbanet.data.augment import Augment
from numbanet.data.mixing import Mix
from numbanet.training.lr_range import lr_range


@dataclass(frozen=True)
class RangeOptions:
    """The command line's options; None where the model's recipe decides."""

    data_set: str
    model_name: str | None
    batch_size: int | None
    optimizer: str | None
    loss: str | None
    hidden: tuple[int, ...] | None
    dropout: float | None
    augment: Augment | None
    mixup: float | None
    cutmix: float | None
    seed: int
    low: float
    high: float
    steps: int
    no_plot: bool
    out: str | None
    overwrite: bool
    limit: int | None
    data_dir: str | None
    as_json: bool
    threads: int | None
    device: str


def find_rate(options: RangeOptions) -> None:
    """Run the command."""
    console = make_console(stderr=options.as_json)
    stem = Path(options.data_set).stem or "data"
    file = None
    if not options.no_plot:
        file = picture_file(f"{stem}-{options.model_name or 'model'}", "lr", options.out, options.overwrite)
    elif options.out:
        raise click.UsageError("--out names the picture that --no-plot leaves out.")
    device = set_up(console, options.threads, options.device)
    dataset = load_data(console, options.data_set, options.data_dir, options.limit)
    given = {"hidden": options.hidden, "dropout": options.dropout}
    given = {name: value for name, value in given.items() if value is not None}
    name = options.model_name or zoo.default_for(dataset, given)
    recipe = zoo.recipe(name)
    model = zoo.build(name, dataset, seed=options.seed, device=device, **given)
    loss = loss_for(dataset, options.loss)
    optimizer, batch_size = options.optimizer or recipe.optimizer, options.batch_size or recipe.batch_size
    say(console, f"{dataset.name}: {described(dataset)}")
    say(console, f"{name}: {model.arena.parameters:,} parameters; {optimizer}, {loss.name}, batches of {batch_size}")
    with compilation_shown(console):
        result = lr_range(
            model,
            dataset.train[0],
            targets_for(loss, dataset.train[1], dataset.num_classes),
            optimizer=optimizer,
            loss=loss,
            batch_size=batch_size,
            low=options.low,
            high=options.high,
            steps=options.steps,
            augment=augment.get(recipe.augment if options.augment is None else options.augment),
            mix=Mix(options.mixup or 0.0, options.cutmix or 0.0),
        )
    end = "the loss diverged at" if result.diverged else "tried up to"
    rows = [
        ("suggestion", f"--lr {result.suggestion:.2g}  (the loss falls fastest there)"),
        ("lowest loss", f"at {result.lowest:.2g}"),
        ("range", f"{len(result.rates)} steps from {options.low:g} on; {end} {result.rates[-1]:.2g}"),
        ("the recipe's", f"{recipe.lr:g} with {recipe.optimizer}"),
    ]
    console.print()
    console.print(facts(rows))
    if file is not None:
        note = f"{optimizer}, {loss.name}, batches of {batch_size}; suggested where the loss falls fastest"
        figure = plots.lr_range(
            result.rates, result.losses, result.smoothed, result.suggestion, f"{dataset.name}, {name}", note
        )
        save_picture(console, plots.to_png(figure), file)
    if options.as_json:
        found = {
            "data_set": dataset.name,
            "model": name,
            "optimizer": optimizer,
            "suggestion": result.suggestion,
            "lowest": result.lowest,
            "diverged": result.diverged,
            "rates": result.rates.tolist(),
            "losses": result.losses.tolist(),
            "smoothed": result.smoothed.tolist(),
            "file": None if file is None else str(file),
        }
        click.echo(json.dumps(found))
