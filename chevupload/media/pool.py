"""Worker processes that render pictures: warm, limited, without secrets, and killed when they take too long.

May know: the floors below. It starts :mod:`chevupload.media.worker` and imports no decoder itself. POSIX only: waiting
for a pipe with a deadline needs ``poll``; elsewhere use :class:`~chevupload.media.inline.InlineRenderer`.
:mod:`chevupload.media.child` is one of its processes.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

from chevupload.config import Limits
from chevupload.errors import Busy
from chevupload.media.child import Child, interpreter
from chevupload.media.extras import explained
from chevupload.model import MediaJob, MediaResult


class WorkerPool:
    """A renderer in worker processes. Safe to share between threads; a forked process gets workers of its own."""

    def __init__(self, limits: Limits, *, python: str | None = None) -> None:
        """Start nothing yet.

        Args:
            limits: how many workers, and what one picture may cost.
            python: the interpreter, where neither ``sys.executable`` nor ``bin/python3`` of the environment is one.
        """
        self._limits = limits
        self._python = python or interpreter()
        self._crew = _Crew()
        self._ending = weakref.finalize(self, _Crew.end, self._crew)
        os.register_at_fork(after_in_child=_forgetter(weakref.ref(self)))

    def process(self, job: MediaJob) -> MediaResult:
        """Do one job. On any error nothing is left in the job's folder.

        Raises:
            Refusal: the picture is not accepted.
            Busy: no worker became free in time.
            BackendError: workers cannot be started, or cannot read or write the files.
        """
        worker = self._take()
        try:
            with explained():
                return worker.process(job, self._limits.decode_seconds)
        finally:
            self._give(worker)

    def warm(self) -> None:
        """Start every worker and wait until each is ready, so that no first upload waits for it.

        Raises:
            BackendError: a worker does not start.
        """
        workers: list[Child] = []
        try:
            while len(workers) < self._limits.decode_workers:
                workers.append(self._take(wait_until_ready=False))
            for worker in workers:
                worker.wait_until_ready()
        finally:
            for worker in workers:
                self._give(worker)

    def close(self) -> None:
        """End every idle worker; one at work ends after its job. Closing twice is fine."""
        self._crew.end()

    def _take(self, *, wait_until_ready: bool = True) -> Child:
        crew = self._crew
        worker = crew.take(self._limits.decode_workers, self._limits.queue_seconds)
        try:
            if worker is None:
                worker = crew.hire(self._python, self._limits)
            if wait_until_ready:
                worker.wait_until_ready()
        except BaseException:
            crew.give(None, dismissed=worker)
            raise
        return worker

    def _give(self, worker: Child) -> None:
        if worker.is_fit:
            self._crew.give(worker)
        else:
            self._crew.give(None, dismissed=worker)

    def _forget(self) -> None:
        """Let go of the parent's workers in a forked child: their pipes must not stay open here."""
        self._ending.detach()
        self._crew.forget()
        self._crew = _Crew()
        self._ending = weakref.finalize(self, _Crew.end, self._crew)


def _forgetter(reference: weakref.ref[WorkerPool]) -> Callable[[], None]:
    def forget() -> None:
        pool = reference()
        if pool is not None:
            pool._forget()

    return forget


class _Crew:
    """The workers of one process: those that are idle, and how many are at work."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._all: set[Child] = set()
        self._idle: list[Child] = []
        self._busy = 0
        self._closed = False

    def take(self, most: int, seconds: float) -> Child | None:
        """Take an idle worker, or the right to hire one (None).

        Raises:
            Busy: ``most`` workers were at work all the time.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._busy < most, timeout=seconds):
                raise Busy
            self._busy += 1
            self._closed = False
            while self._idle:
                worker = self._idle.pop()
                if worker.is_fit:
                    return worker
                self._dismiss(worker)
            return None

    def hire(self, python: str, limits: Limits) -> Child:
        """Start a worker, with the right to."""
        worker = Child(python, limits)
        self._all.add(worker)
        return worker

    def give(self, worker: Child | None, *, dismissed: Child | None = None) -> None:
        """Give back a worker, or only the right to hire one in place of one that is dismissed."""
        with self._condition:
            if worker is not None and self._closed:
                worker, dismissed = None, worker
        if dismissed is not None:
            self._dismiss(dismissed)
        with self._condition:
            self._busy -= 1
            if worker is not None:
                self._idle.append(worker)
            self._condition.notify()

    def end(self) -> None:
        """End the idle workers, and the others when they are given back."""
        with self._condition:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            self._dismiss(worker)

    def forget(self) -> None:
        """Close this process's copies of the pipes and leave the workers alone; no lock, its holder is not here."""
        for worker in self._all:
            worker.forget()
        self._all = set()
        self._idle = []

    def _dismiss(self, worker: Child) -> None:
        worker.end()
        self._all.discard(worker)
