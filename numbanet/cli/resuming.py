"""What `numbanet resume` does: find the last checkpoint that is whole, and train on from there."""

from __future__ import annotations

import json

import click
from rich.console import Console

from numbanet import __version__
from numbanet.cli.configuration.text import to_toml
from numbanet.cli.configuration.values import Configuration
from numbanet.cli.console import make_console, say
from numbanet.cli.model_files import note_augmentation, note_data_set
from numbanet.cli.outputs import RunFolder, environment, fingerprint, warn
from numbanet.cli.run_files import open_run, view
from numbanet.cli.training import announce, load_plan, report, train_plan, warm_up
from numbanet.cli.training_plan import Plan
from numbanet.errors import RunError
from numbanet.model import Sequential
from numbanet.serialize import load
from numbanet.training.checkpoint import latest
from numbanet.training.run import CONFIG, ENVIRONMENT, FINISHED, RUNNING, STOPPED_EARLY, Run, Status
from numbanet.training.snapshot import Snapshot

MATTERS = ("numbanet", "vector_unit")  # of the environment: with another one, the last bits may be others


def resume(
    text: str,
    epochs: int | None,
    runs: str | None,
    data_dir: str | None,
    as_json: bool,
    threads: int | None,
    device: str | None,
) -> None:
    """Run the command."""
    console = make_console(stderr=as_json)
    run = open_run(text, runs)
    status = run.status
    run.hold()
    run.tidy()
    if _is_over(console, run, status, epochs):
        if as_json:
            click.echo(json.dumps(view(run).as_json()))
        return
    configuration = Configuration()
    configuration.add(run.config, str(run.path / CONFIG))
    for section, key, value in (
        ("train", "epochs", epochs),
        ("data", "folder", data_dir),
        ("compute", "threads", threads),
        ("compute", "device", device),
    ):
        if value is not None:
            configuration.add({section: {key: value}}, "command line")
    plan = load_plan(console, configuration)
    if status.data != fingerprint(plan.dataset):
        raise RunError(
            f"{run.path}: its data have changed since it began: {plan.dataset.name} is another now. Bring the old data "
            "back, or train anew."
        )
    model, snapshot = _last(run, plan)
    announce(console, plan, model)
    _say_where(console, run, plan, snapshot)
    warm_up(console, plan)
    console.print()
    _begin(run, status, plan)
    output = RunFolder(run, status, plan.checkpoint)
    report(console, train_plan(console, plan, model, output, snapshot), as_json)


def _is_over(console: Console, run: Run, status: Status, epochs: int | None) -> bool:
    """Whether nothing is left to do, which is then said."""
    if status.state == STOPPED_EARLY:
        say(console, f"{run.path} stopped early: {status.reason}. There is nothing to go on with.")
        return True
    if status.state == FINISHED and (epochs is None or epochs <= status.epochs):
        done = f"{run.path} is finished: all {status.epochs} epochs are done"
        say(console, f"{done}. For more: numbanet resume {run.path} --epochs {2 * status.epochs}")
        return True
    return False


def _last(run: Run, plan: Plan) -> tuple[Sequential, Snapshot | None]:
    """The model of the last whole checkpoint, and that; a new model where the run was killed before the first."""
    if run.checkpoints.is_dir() and any(not path.name.startswith(".") for path in run.checkpoints.iterdir()):
        snapshot, file = latest(run.checkpoints, warn)
        return load(file, device=plan.device), snapshot
    model = plan.build()
    note_data_set(model, plan.dataset, plan.resolved["data"])
    note_augmentation(model, plan.augment)
    return model, None


def _say_where(console: Console, run: Run, plan: Plan, snapshot: Snapshot | None) -> None:
    if snapshot is None:
        say(console, f"{run.path}: begins anew, since it was ended before its first checkpoint")
        return
    batch = f" and {snapshot.batch} batches" if snapshot.batch else ""
    say(console, f"{run.path}: goes on after {snapshot.epoch}{batch} of {plan.epochs} epochs")
    try:
        before = json.loads((run.path / ENVIRONMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    now = {"numbanet": __version__, **environment()}
    for name in MATTERS:
        if name in before and before[name] != now[name]:
            warn(f"{name} was {before[name]} when the run began, and is {now[name]}: the last bits may be others.")


def _begin(run: Run, status: Status, plan: Plan) -> None:
    """Note that it goes on. The configuration first: should this be killed, the next resume knows how far to go."""
    run.write(CONFIG, to_toml(plan.resolved).encode())
    status.state, status.reason, status.epochs = RUNNING, "", plan.epochs
    status.sessions += 1
    run.note(status)
