"""Run the program as a real process: in a pipe, or on a terminal of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "numbanet"]
QUICK = ["--limit", "600", "--epochs", "1", "--batch-size", "100", "--hidden", "32"]


def environment(**extra: str) -> dict[str, str]:
    """This process's variables without those that would change the program, and the checkout's numbanet."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "NUMBANET_DEBUG", "NUMBANET_DATA", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    # Passive: threads that wait by spinning make training dozens of times slower on a machine that is busy.
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "OMP_WAIT_POLICY": "passive"} | extra


def numbanet(*arguments: str, cwd: Path, timeout: float = 120, **extra: str) -> subprocess.CompletedProcess[str]:
    """The finished process, its stdout and stderr apart; `extra` are environment variables."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
    )


def start(*arguments: str, cwd: Path, **extra: str) -> subprocess.Popen[str]:
    """A running process, to be read from and signalled."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        bufsize=1,
        preexec_fn=_listen,
    )


def _listen() -> None:
    """Ctrl-C is ignored by whatever runs in a shell's background, and by its children, unless they ask for it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def assert_fails(process: subprocess.CompletedProcess[str], code: int, *fragments: str) -> None:
    """One error, with these words in it, without a traceback, with this exit code."""
    assert process.returncode == code, process.stderr
    assert process.stderr.count("Error: ") == 1, process.stderr
    assert "Traceback" not in process.stderr
    assert "has a bug" not in process.stderr
    for fragment in fragments:
        assert fragment in process.stderr, process.stderr


def on_terminal(*arguments: str, cwd: Path, columns: int = 80, timeout: float = 120, **extra: str) -> tuple[int, str]:
    """Exit code, and all that the process wrote to a terminal so wide."""
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = environment(**{"TERM": "xterm-256color"} | extra)
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, env=variables, stdin=slave, stdout=slave, stderr=slave
    ) as process:
        os.close(slave)
        written, deadline = bytearray(), time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # the other side is closed
                break
            if not chunk:
                break
            written += chunk
        os.close(master)
        return process.wait(10), written.decode()
