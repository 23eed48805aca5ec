"""What a queue of messages lets workers do for a site. What is left to do stands in the catalog, not in the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chevupload.app import ChevUpload
from chevupload.errors import ConfigError
from chevupload.records.job import Job
from chevupload.validation import COUNT

TASKS = ("run_range", "resume", "deliver", "sweep")
"""The names of the tasks, for :meth:`Tasks.run`."""


class TaskQueue(Protocol):
    """What brings tasks to workers: a library for queues, behind one method."""

    def enqueue(self, name: str, arguments: Mapping[str, str]) -> None:
        """Let a worker call ``Tasks.run(name, arguments)`` soon; twice does no harm, and what gets lost is resumed.

        Raises:
            BackendError: the queue is away.
        """
        ...


class Tasks:
    """The tasks of a site.

    Up to ``parallel`` tasks work at a job. Each does one range and enqueues the next task, so that others have a turn.
    """

    def __init__(self, component: ChevUpload, queue: TaskQueue, *, parallel: int = 4) -> None:
        """Do what is to be done for ``component``.

        Args:
            component: the site.
            queue: where tasks are enqueued.
            parallel: how many tasks work at one job.

        Raises:
            ConfigError: ``parallel`` is no number above 0.
        """
        self._component, self._queue = component, queue
        self._parallel = COUNT.checked("parallel", parallel)

    def start(self, kind: str, **arguments: str | None) -> Job:
        """Start a job, or resume the unfinished one, and let workers divide it and work on it; see ``component.jobs``.

        Raises:
            BackendError: the catalog is away; or the queue, and then the job is started by the next ``resume``.
            ConfigError: there can be no such job.
        """
        job = self._component.jobs.add(kind, **arguments)
        self._enqueue(job)
        return job

    def run(self, name: str, arguments: Mapping[str, str] | None = None) -> None:
        """Do one task: what a worker calls.

        Args:
            name: ``run_range`` does one range of a job. ``resume``, from time to time, takes up jobs at which nobody
                works. ``deliver`` and ``sweep`` do what the commands of these names do.
            arguments: as they were enqueued; the last three tasks have none.

        Raises:
            BackendError: a part is away: try again later.
            Busy: no decoder became free: try again later.
            ConfigError: there is no such task, or nothing that it could do.
        """
        match name:
            case "run_range":
                self._run_range((arguments or {})["job_id"])
            case "resume":
                for job in self._component.jobs.idle():
                    self._enqueue(job)
            case "deliver":
                self._component.events.deliver()
            case "sweep":
                self._component.maintenance.sweep()
            case _:
                raise ConfigError(f"there is no task {name!r}: {', '.join(TASKS)}")

    def _run_range(self, job_id: str) -> None:
        if self._component.jobs.run_range(job_id):
            self._queue.enqueue("run_range", {"job_id": job_id})

    def _enqueue(self, job: Job) -> None:
        for _ in range(self._parallel):
            self._queue.enqueue("run_range", {"job_id": job.id})
