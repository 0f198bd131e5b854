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
from numbanet.cli.configuration.text import to_toml
from numbanet.cli.configuration.values import Configuration
from numbanet.cli.console import make_console, say
from numbanet.cli.destination import check_destination, check_runs, runs_folder
from numbanet.cli.loading import described, load_data
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import note_augmentation, note_data_set
from numbanet.cli.outputs import ModelFile, Output, RunFolder, new_run, train_into
from numbanet.cli.training_display import TrainingDisplay
from numbanet.cli.training_options import TrainOptions, configured
from numbanet.cli.training_plan import Plan, make_plan
from numbanet.cli.training_result import Result, as_json, show_result
from numbanet.data import Dataset
from numbanet.data.examples import hold_out
from numbanet.errors import ModelFileError
from numbanet.kernels.ahead import Rehearsal
from numbanet.model import Sequential
from numbanet.serialize import load
from numbanet.training.callbacks import TimeLimit, WeightAverage
from numbanet.training.snapshot import Snapshot


def train(options: TrainOptions) -> None:
    """Run the command."""
    console = make_console(stderr=options.as_json or options.print_config)
    configuration = configured(options)
    _check_place(options)  # before data are fetched
    plan = load_plan(console, configuration)
    if options.print_config:
        click.echo(to_toml(plan.resolved), nl=False)
        return
    if options.dry_run:
        plan = replace(plan, dataset=plan.dataset.first(plan.batch_size), epochs=1)
    model = plan.build()
    announce(console, plan, model)
    warm_up(console, plan)
    console.print()
    note_data_set(model, plan.dataset, plan.resolved["data"])
    note_augmentation(model, plan.augment)
    if not options.dry_run:
        result = train_plan(console, plan, model, _output(options, configuration, plan))
    else:
        with tempfile.TemporaryDirectory() as folder:
            temporary = ModelFile(Path(folder) / "model.safetensors", plan.epochs)
            result = replace(train_plan(console, plan, model, temporary), output=None)
            _check_saved(model, temporary.file, plan.dataset)
    report(console, result, options.as_json)


def load_plan(console: Console, configuration: Configuration) -> Plan:
    """Set up the machine, load the data, and decide all that is open."""
    compute, data = configuration.section("compute"), configuration.section("data")
    device = set_up(console, compute.get("threads"), compute.get("device", "auto"))
    dataset = load_data(console, data["name"], data.get("folder"), data.get("limit"), reading=data)
    if "validation" in data:
        dataset = hold_out(dataset, data["validation"], configuration.section("train").get("seed", 0))
    return make_plan(configuration, dataset, device)


def train_plan(
    console: Console, plan: Plan, model: Sequential, output: Output, resume: Snapshot | None = None
) -> Result:
    """Train the model, watched, and test it."""
    display = TrainingDisplay(console, "test" if plan.dataset.validation is None else "validation")
    place = output.run.path if isinstance(output, RunFolder) else output.file
    watching = plan.callbacks(place, again=resume is not None)
    history = train_into(
        output, model, lambda callbacks: plan.fit(model, plan.dataset, [*watching, *callbacks], resume), display
    )
    limit = next((callback for callback in watching if isinstance(callback, TimeLimit) and callback.over), None)
    if limit is not None:
        go_on = f"Go on with: numbanet resume {place}" if isinstance(output, RunFolder) else "It is saved as it is."
        say(console, f"The time limit of {limit.words} is over. {go_on}", "yellow")
    return Result(plan, model, history, display.seconds_to_first_step, output, plan.test(model))


def report(console: Console, result: Result, json_wanted: bool) -> None:
    """The closing table, or one object for a program."""
    show_result(console, result, hints=not json_wanted)
    if json_wanted:
        click.echo(json.dumps(as_json(result)))


def announce(console: Console, plan: Plan, model: Sequential) -> None:
    """What will be trained, and how."""
    say(console, f"{plan.dataset.name}: {described(plan.dataset)}")
    say(console, f"{plan.model}: {model.arena.parameters:,} parameters")
    say(
        console,
        f"{plan.optimizer_name} at {plan.optimizer.lr:g}, {plan.loss.name}, batches of {plan.batch_size}, "
        f"seed {plan.seed}; {plan.device}, {_threads()}",
        "dim",
    )
    if plan.augment:
        say(console, f"training images distorted by {plan.augment}", "dim")
    if plan.mix:
        say(console, f"training examples mixed by {plan.mix}", "dim")


def _threads() -> str:
    count = backend.threads()
    return "1 thread" if count == 1 else f"{count} threads"


def warm_up(console: Console, plan: Plan) -> None:
    """Train a twin for one batch: whatever must be compiled is, and training's clock sees none of it."""
    averages = [WeightAverage()] if plan.watching["average"] else []  # the one callback with a kernel of its own
    short, examples = replace(plan, epochs=1), plan.dataset.first(plan.batch_size)
    device = backend.get(plan.device)
    with compilation_shown(console):
        if isinstance(device, HostBackend):
            rehearsal = Rehearsal(device.kernels)
            # No kernel runs, so all numbers are whatever was in memory. What is truly wrong is told right below.
            with suppress(Exception):
                short.fit(plan.build(replace(device, kernels=rehearsal)), examples, averages)
            rehearsal.compile()
        short.fit(plan.build(), examples, averages)


def _check_place(options: TrainOptions) -> None:
    if options.dry_run or options.print_config:
        return
    if options.out:
        check_destination(Path(options.out), options.overwrite)
    else:
        check_runs(runs_folder(options.runs), options.name, options.overwrite)


def _output(options: TrainOptions, configuration: Configuration, plan: Plan) -> Output:
    if options.out:
        check_destination(Path(options.out), options.overwrite)
        return ModelFile(Path(options.out), plan.epochs)
    run, status = new_run(
        runs_folder(options.runs),
        configuration.get("data", "name"),
        plan.model,
        to_toml(plan.resolved),
        plan.dataset,
        plan.epochs,
        options.name,
        options.overwrite,
    )
    return RunFolder(run, status, plan.checkpoint)


def _check_saved(model: Sequential, file: Path, dataset: Dataset) -> None:
    """Load a saved model and compare its outputs with the original's."""
    x = dataset.test[0]
    if not np.array_equal(load(file).predict(x), model.predict(x)):
        raise ModelFileError(f"{file}: the model that was loaded back differs from the one that was saved.")
