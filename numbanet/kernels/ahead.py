"""Compile the kernels that a run is going to call, before it calls them, on several cores.

Numba compiles one function at a time in a process. So rehearse the run with kernels that only note what they are
called with; then several processes compile those into the cache on disk, from which the run loads them.

    rehearsal = Rehearsal(cpu)      # in place of the namespace `numbanet.kernels.cpu`
    ...                             # whatever is to run: outputs hold arbitrary numbers
    rehearsal.compile()
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from numba import typeof

from numbanet.kernels import jit

Call = tuple[str, tuple[Any, ...]]  # a kernel's name, and the types of its arguments
PROCESSES = 4  # at most; each takes some 200 MB


@dataclass
class Rehearsal:
    """A namespace of kernels that do nothing but note their calls; all else is the namespace's own."""

    kernels: Any
    calls: dict[Call, None] = field(default_factory=dict)  # in their order, each once

    def __getattr__(self, name: str) -> Any:
        """The kernel's stand-in."""
        found = getattr(self.kernels, name)
        if not hasattr(found, "py_func"):
            return found

        def note(*arguments: Any) -> None:
            self.calls[name, tuple(map(typeof, arguments))] = None

        return note

    def compile(self) -> None:
        """Compile the kernels called that never were compiled here. Any others are compiled when the run calls them."""
        groups = _groups(self.kernels, self.calls)
        if len(groups) < 2:
            return
        with tempfile.TemporaryDirectory() as claims:
            job = pickle.dumps((self.kernels.__name__, groups, claims))
            helpers = [_start(job) for _ in range(min(_cores(), len(groups), PROCESSES) - 1)]
            try:
                _compile(self.kernels, groups, Path(claims))
                for helper in helpers:
                    helper.wait()
            finally:
                for helper in helpers:
                    helper.kill()
                    helper.wait()


def _groups(kernels: Any, calls: Iterable[Call]) -> list[list[Call]]:
    """The calls of kernels that were never compiled; those that share a function compile it once, so together."""
    groups: list[tuple[set[str], list[Call]]] = []
    for call in calls:
        kernel = getattr(kernels, call[0])
        if jit.was_compiled(kernel):
            continue
        shared, members = {each.symbol for each in jit.shared_functions(kernel.py_func)} | {call[0]}, [call]
        for group in [group for group in groups if group[0] & shared]:
            groups.remove(group)
            shared, members = shared | group[0], group[1] + members
        groups.append((shared, members))
    largest_first = sorted(groups, key=lambda group: -len(group[0]))  # a large one begun last is waited for
    return [members for _, members in largest_first]


def _start(job: bytes) -> subprocess.Popen[bytes]:
    """Another process at the same job. Whatever goes wrong there is left for this one to do, and to report."""
    quiet = subprocess.DEVNULL
    helper = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
    assert helper.stdin is not None
    try:
        helper.stdin.write(job)
        helper.stdin.close()
    except BrokenPipeError:
        helper.stdin = None
    return helper


def _compile(kernels: Any, groups: Iterable[list[Call]], claims: Path) -> None:
    """Compile group after group, of those that no other process has claimed."""
    for number, group in enumerate(groups):
        try:
            (claims / str(number)).touch(exist_ok=False)
        except OSError:  # claimed; or the other process is done, and its folder gone
            continue
        for name, signature in group:
            getattr(kernels, name).compile(signature)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    namespace, jobs, folder = pickle.load(sys.stdin.buffer)  # from the process that started this one
    _compile(import_module(namespace), jobs, Path(folder))
