"""Writing in a thread of its own, so that training need not wait for the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """Something to be written. `names`: the files it makes, beside the one that every job makes."""

    write: Callable[[], None]
    names: frozenset[str]


class Writer:
    """Does jobs one after another. Where the disk is slow, a job is left out whose files a later one makes anew, but
    never before another has been written: after two jobs there are two checkpoints, the last and the one before.

    `error`: the last job's, None where it went well.
    """

    WAITING = 2  # jobs; each holds a copy of the model

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._begun = False
        self._closed = False
        # A daemon: a second Ctrl-C ends the program at once, whatever the disk is doing.
        self._thread = threading.Thread(target=self._work, name="numbanet checkpoints", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Hand in a job; waits only where too many wait already."""
        with self._changed:
            if self._jobs and self._begun and self._jobs[-1].names <= job.names:
                self._jobs.pop()
            self._changed.wait_for(lambda: len(self._jobs) < self.WAITING)
            self._jobs.append(job)
            self._changed.notify_all()

    def wait(self) -> None:
        """Until all jobs are done."""
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs and not self._busy)

    def close(self) -> None:
        """End the thread once all jobs are done; does not wait for that."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                job, self._busy, self._begun = self._jobs.popleft(), True, True
                self._changed.notify_all()
            try:
                job.write()
                self.error = None
            except Exception as error:  # whatever it is, others wait for this thread: the next call reports it
                self.error = error
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
