"""Write docs/commands: a page for each command, from what its --help prints.

python tools/command_pages.py           # write them
python tools/command_pages.py --check   # exit with 1 where a page is not what it would be
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from numbanet.cli import cli

FOLDER = Path(__file__).parents[1] / "docs" / "commands"
WIDTH = 100
NOTE = "<!-- Written by tools/command_pages.py from the command's own help. -->"


def pages() -> dict[str, str]:
    """Each page's text by its file's name."""
    root = click.Context(cli, info_name="numbanet", terminal_width=WIDTH)
    found = {}
    index = ["# Commands", "", NOTE, "", "| command | what it does |", "|---|---|"]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        assert command is not None
        index.append(f"| [`numbanet {name}`]({name}.md) | {command.get_short_help_str(200)} |")
        sections = list(_sections(command, name, root))
        found[f"{name}.md"] = "\n".join([f"# numbanet {name}", "", NOTE, "", *sections]).rstrip() + "\n"
    found["README.md"] = "\n".join([*index, "", "```text", cli.get_help(root), "```", ""])
    return found


def _sections(command: click.Command, name: str, parent: click.Context, depth: int = 1) -> Iterator[str]:
    """The help of a command, then of the commands in it."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH)
    if depth > 1:
        yield from ("", f"{'#' * depth} {context.command_path}", "")
    yield from ("```text", command.get_help(context), "```")
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                yield from _sections(found, inner, context, depth + 1)


def main() -> int:
    """Write the pages, or compare them with what is there."""
    wanted = pages()
    there = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md")} if FOLDER.exists() else {}
    if "--check" in sys.argv[1:]:
        stale = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        print("".join(f"{FOLDER / name} is out of date\n" for name in stale), end="")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in there.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
