"""How the program ends: a failure is one message on stderr and an exit code; `--debug` adds a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from numbanet.errors import NumbanetError

DEBUG = "NUMBANET_DEBUG"
FAILURE, INTERRUPTED = 1, 130  # 130 = 128 + SIGINT, as shells report it; wrong usage is click's 2


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return the exit code of the process."""
    try:
        result = command.main(list(arguments), prog_name="numbanet", standalone_mode=False)
        sys.stdout.flush()  # here, where a broken pipe can still be caught
        return result if isinstance(result, int) else 0
    except (click.Abort, KeyboardInterrupt):
        _say_last_words()
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return FAILURE
    except click.ClickException as error:
        _say_last_words()
        error.show()
        return error.exit_code
    except NumbanetError as error:
        _fail(str(error))
    except MemoryError as error:
        _fail(f"not enough memory: {error}. Try a smaller --batch-size or --limit.")
    except OSError as error:
        _fail(str(error))
    except ImportError as error:  # a broken installation, or NUMBANET_SIMD asks for what is not there
        _fail(f"{error} See: numbanet doctor.")
    except Exception as error:  # a bug: still one message, and a way to more
        _fail(f"numbanet has a bug: {type(error).__name__}: {error}. Run again with --debug to see where.")
    return FAILURE


def debugging() -> bool:
    """Whether tracebacks are wanted: `--debug` anywhere on the command line, or NUMBANET_DEBUG=1."""
    return os.environ.get(DEBUG, "") not in ("", "0")


def _fail(message: str) -> None:
    _say_last_words()
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {message}", err=True, color=_wants_color())


def _say_last_words() -> None:
    if debugging():
        traceback.print_exc()


def _wants_color() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None  # None: click looks whether stderr is a terminal


def _silence_stdout() -> None:
    """Point stdout at nothing, or Python would complain again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
