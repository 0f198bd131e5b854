"""`numbanet train`: a data set to classify, or a task with options of its own, `train text` and `train series`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from numbanet.cli.options import DataSetName

TASKS = {
    "text": "Learn to write like a text: a language model.",
    "series": "Forecast a column of numbers over time.",
}


DATA_SET_OR_TASK = DataSetName(also=TASKS)


class Train(click.Command):
    """The command for data sets, which hands over to the task's own where its first argument names one.

    That command lives in the module `train_<task>`, imported when it is asked for. A data set of such a name is
    still reached as a path: ./text.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command that is to run."""
        if not args or args[0] not in TASKS:
            return super().make_context(info_name, args, parent, **extra)
        task: click.Command = import_module(f"numbanet.cli.train_{args[0]}").command
        return task.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, and below them the tasks."""
        super().format_options(ctx, formatter)
        with formatter.section("Other tasks, each with options of its own"):
            formatter.write_dl([(f"{ctx.command_path} {name}", text) for name, text in TASKS.items()])
