"""Finding runs by what a user writes."""

from __future__ import annotations

from numbanet.cli.destination import runs_folder
from numbanet.errors import RunError, unknown_name
from numbanet.training.run import Run, all_runs, find_run


def open_run(text: str, runs: str | None) -> Run:
    """The run at a path or of a name. Raises `RunError`, with the nearest name."""
    root = runs_folder(runs)
    run = find_run(text, root)
    if run is not None:
        return run
    names = [found.name for found in all_runs(root)]
    if not names:
        raise RunError(f"{text}: no run is there, and there are none in {root}. Name the place with --runs FOLDER.")
    raise RunError(f"{root}: {unknown_name('run', text, names)}")
