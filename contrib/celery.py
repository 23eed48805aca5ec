"""Batch work, events and sweeps as tasks of Celery.

A message has the id of a job at most. It is acknowledged when its task is over, so that another worker does the task of
one that dies. Source: Celery's documentation of tasks, and of Redis as a broker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

try:
    from celery import Celery
    from celery.signals import worker_process_shutdown
    from kombu.exceptions import OperationalError
except ImportError as error:
    raise ImportError(
        "chevupload.contrib.celery needs Celery: pip install 'chevupload[celery]'", name="celery"
    ) from error

from chevupload.app import ChevUpload
from chevupload.errors import BackendError, Busy
from chevupload.tasks import TASKS, Tasks

_RETRIES = 8
"""About ten minutes altogether; ``resume`` takes up what is left of a job."""


class CeleryQueue:
    """A queue of tasks that Celery's workers do."""

    def __init__(self, app: Celery) -> None:
        """Send messages by ``app``."""
        self._app = app

    def enqueue(self, name: str, arguments: Mapping[str, str]) -> None:
        """See TaskQueue."""
        try:
            self._app.send_task(f"chevupload.{name}", kwargs=dict(arguments), ignore_result=True)
        except OperationalError as error:
            raise BackendError("the queue of tasks is away") from error


def register(app: Celery, component: ChevUpload, *, parallel: int = 4) -> Tasks:
    """Let the workers of ``app`` do the tasks of ``component``, and return what starts jobs.

    The tasks are ``chevupload.run_range``, ``chevupload.resume``, ``chevupload.deliver`` and ``chevupload.sweep``.

    Args:
        app: of the host.
        component: the site; each process of a worker has decoders of its own.
        parallel: how many tasks work at one job.

    Raises:
        ConfigError: ``parallel`` is no number above 0.
    """
    tasks = Tasks(component, CeleryQueue(app), parallel=parallel)
    for name in TASKS:
        app.task(
            _task(tasks, name),
            name=f"chevupload.{name}",
            acks_late=True,
            reject_on_worker_lost=True,
            ignore_result=True,
            autoretry_for=(BackendError, Busy),
            retry_backoff=True,
            max_retries=_RETRIES,
        )
    worker_process_shutdown.connect(lambda **_: component.close(), weak=False)
    return tasks


def _task(tasks: Tasks, name: str) -> Callable[..., None]:
    def task(**arguments: str) -> None:
        tasks.run(name, arguments)

    return task
