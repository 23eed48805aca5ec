"""Worker processes that render pictures: warm, limited, without secrets, and killed when they take too long.

It starts :mod:`chevupload.media.sandbox.worker` and imports no decoder itself. POSIX only: waiting for a pipe with a
deadline needs ``poll``; elsewhere use :class:`~chevupload.media.sandbox.inline.InlineRenderer`.
:mod:`chevupload.media.sandbox.process` is one of its processes.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable

from chevupload.config import Limits
from chevupload.errors import MissingExtra
from chevupload.media.optional import unavailable
from chevupload.media.sandbox.fair_semaphore import FairSemaphore
from chevupload.media.sandbox.process import Process, WorkerKilled, interpreter
from chevupload.model import MediaJob, MediaResult

logger = logging.getLogger("chevupload")


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
        self._workers = _Workers(limits)
        self._ending = weakref.finalize(self, _Workers.end, self._workers)
        os.register_at_fork(after_in_child=_forgetter(weakref.ref(self)))

    def process(self, job: MediaJob, *, client: str = "") -> MediaResult:
        """See Renderer.

        A job whose worker was killed from outside, which is never the picture's fault, is done again by another one.

        Raises:
            BackendError: workers cannot be started or are killed, or cannot read or write the files.
        """
        workers = self._workers
        with workers.places.held(client, seconds=self._limits.queue_seconds):
            try:
                return self._attempt(workers, job)
            except WorkerKilled as error:
                logger.warning("%s; its picture is tried once more", error)
                return self._attempt(workers, job)

    def warm(self) -> None:
        """Start every worker and wait until each is ready, so that no first upload waits for it.

        Raises:
            BackendError: a worker does not start.
        """
        workers = self._workers
        started = [workers.start(self._python) for _ in range(workers.missing())]
        try:
            for worker in started:
                worker.wait_until_ready()
        finally:
            for worker in started:
                workers.give(worker)

    @property
    def waiting(self) -> int:
        """How many jobs wait for a worker now."""
        return self._workers.places.waiting

    @property
    def started(self) -> int:
        """How many workers were started in this process, those that took another's place among them."""
        return self._workers.started

    def close(self) -> None:
        """End every idle worker; one at work ends after its job. Closing twice is fine."""
        self._workers.end()

    def _attempt(self, workers: _Workers, job: MediaJob) -> MediaResult:
        worker = workers.take() or workers.start(self._python)
        try:
            worker.wait_until_ready()
            return worker.process(job, self._limits.decode_seconds)
        except MissingExtra as error:
            raise unavailable(error) from error
        finally:
            workers.give(worker)

    def _forget(self) -> None:
        """Let go of the parent's workers in a forked child: their pipes must not stay open here."""
        self._ending.detach()
        self._workers.forget()
        self._workers = _Workers(self._limits)
        self._ending = weakref.finalize(self, _Workers.end, self._workers)


def _forgetter(reference: weakref.ref[WorkerPool]) -> Callable[[], None]:
    def forget() -> None:
        pool = reference()
        if pool is not None:
            pool._forget()

    return forget


class _Workers:
    """The workers of one process: who may have one, and those that are idle.

    Attributes:
        started: how many there have been.
        places: as many as there may be workers; each holder takes an idle worker, or starts one.
    """

    def __init__(self, limits: Limits) -> None:
        self.places = FairSemaphore(limits.decode_workers, most_waiting=limits.waiting_uploads)
        self._limits = limits
        self._lock = threading.Lock()
        self._all: set[Process] = set()
        self._idle: list[Process] = []
        self._closed = False
        self.started = 0

    def take(self) -> Process | None:
        """Take an idle worker, if there is one."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.is_usable:
                return worker
            self._retire(worker)

    def start(self, python: str) -> Process:
        """Start a worker."""
        worker = Process(python, self._limits)
        with self._lock:
            self._closed = False
            self._all.add(worker)
            self.started += 1
        return worker

    def missing(self) -> int:
        """Return how many workers may still be started."""
        with self._lock:
            return max(0, self._limits.decode_workers - len(self._all))

    def give(self, worker: Process) -> None:
        """Keep a worker for the next picture, or end one that cannot be used for it, or is not needed."""
        with self._lock:
            is_needed = not self._closed and len(self._all) <= self._limits.decode_workers
            if is_needed and worker.is_usable:
                self._idle.append(worker)
                return
        self._retire(worker)

    def end(self) -> None:
        """End the idle workers, and the others when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            self._retire(worker)

    def forget(self) -> None:
        """Close this process's copies of the pipes and leave the workers alone; no lock, its holder is not here."""
        for worker in self._all:
            worker.forget()
        self._all = set()
        self._idle = []

    def _retire(self, worker: Process) -> None:
        worker.end()
        with self._lock:
            self._all.discard(worker)
