"""What `numbanet train` does: load, build, warm up, train, save, report."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from numbanet import backend
from numbanet.backend import HostBackend
from numbanet.cli.compiling import compilation_shown
from numbanet.cli.console import make_console, say
from numbanet.cli.destination import check_destination, default_destination
from numbanet.cli.failures import INTERRUPTED
from numbanet.cli.loading import described, load_data
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import note_augmentation, note_data_set
from numbanet.cli.training_display import TrainingDisplay
from numbanet.cli.training_plan import Plan, TrainOptions, make_plan
from numbanet.cli.training_result import Result, as_json, show_result
from numbanet.data import Dataset
from numbanet.errors import ModelFileError, TrainingError
from numbanet.kernels.ahead import Rehearsal
from numbanet.model import Sequential
from numbanet.serialize import load
from numbanet.training.history import TrainingInterrupted


def train(options: TrainOptions) -> None:
    """Run the command."""
    console = make_console(stderr=options.as_json)
    if options.out and not options.dry_run:
        check_destination(Path(options.out))  # before data are fetched
    device = set_up(console, options.threads, options.device)
    dataset = load_data(console, options.data_set, options.data_dir, options.limit)
    plan = make_plan(options, dataset, device)
    destination = Path(options.out) if options.out else default_destination(options.data_set, plan.model)
    if not options.dry_run:
        check_destination(destination)
    if options.dry_run:
        plan = replace(plan, dataset=dataset.first(plan.batch_size), epochs=1)
    model = plan.build()
    _announce(console, plan, model)
    _warm_up(console, plan)
    console.print()
    if not options.dry_run:
        result = _train(console, plan, model, destination)
    else:
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / destination.name
            result = _train(console, plan, model, temporary)
            _check_saved(model, temporary, plan.dataset)
    show_result(console, result)
    if options.as_json:
        click.echo(json.dumps(as_json(result)))


def _announce(console: Console, plan: Plan, model: Sequential) -> None:
    say(console, f"{plan.dataset.name}: {described(plan.dataset)}")
    say(console, f"{plan.model}: {model.arena.parameters:,} parameters")
    say(
        console,
        f"{plan.optimizer_name} at {plan.optimizer.lr:g}, {plan.options.loss}, batches of {plan.batch_size}, "
        f"seed {plan.options.seed}; {plan.device}, {_threads()}",
        "dim",
    )
    if plan.augment:
        say(console, f"training images distorted by {plan.augment}", "dim")


def _threads() -> str:
    count = backend.threads()
    return "1 thread" if count == 1 else f"{count} threads"


def _warm_up(console: Console, plan: Plan) -> None:
    """Train a twin for one batch: whatever must be compiled is, and training's clock sees none of it."""
    short, examples = replace(plan, epochs=1), plan.dataset.first(plan.batch_size)
    device = backend.get(plan.device)
    with compilation_shown(console):
        if isinstance(device, HostBackend):
            rehearsal = Rehearsal(device.kernels)
            with suppress(TrainingError):  # no kernel runs, so the loss is whatever was in memory
                short.fit(plan.build(replace(device, kernels=rehearsal)), examples, [])
            rehearsal.compile()
        short.fit(plan.build(), examples, [])


def _train(console: Console, plan: Plan, model: Sequential, destination: Path) -> Result:
    note_data_set(model, plan.dataset)
    note_augmentation(model, plan.augment)
    display = TrainingDisplay(console)
    try:
        history = plan.fit(model, plan.dataset, [display])
    except TrainingInterrupted as interruption:
        model.save(destination)
        say(
            make_console(stderr=True),
            f"Interrupted after {interruption.history.epochs} of {plan.epochs} epochs. "
            f"The model so far is saved: {destination}",
        )
        click.get_current_context().exit(INTERRUPTED)
    except BrokenPipeError:  # nobody reads on; what was learned is kept all the same
        model.save(destination)
        raise
    model.save(destination)
    return Result(plan, model, history, display.seconds_to_first_step, destination)


def _check_saved(model: Sequential, file: Path, dataset: Dataset) -> None:
    """Load a saved model and compare its outputs with the original's."""
    x = dataset.test[0]
    if not np.array_equal(load(file).predict(x), model.predict(x)):
        raise ModelFileError(f"{file}: the model that was loaded back differs from the one that was saved.")
