"""Batch work on many uploads: divided into ranges of ids, which any number of processes work off, on any machines.

A range is claimed for some minutes, and how far it is done is recorded after each step. What a process had claimed that
was killed is claimed by the next one, and one step at most is done again: a step has to be one that may be done twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from chevupload.errors import ConfigError
from chevupload.model import Upload
from chevupload.naming import random_id
from chevupload.protocols import JobRecords
from chevupload.records.job import Job, JobRange
from chevupload.uploads.context import UploadContext
from chevupload.uploads.events import Ending

logger = logging.getLogger("chevupload")

_CLAIMED = timedelta(minutes=5)
_ATTEMPTS = 5
"""How often a step is begun that ends its process, or fails, before it is left out."""
_IDS_AT_ONCE = 5_000
"""How many uploads are divided into ranges by one transaction."""
_LOOK_SECONDS = 1.0
"""Between two looks whether what other processes have claimed is done."""
_SCOPE = {"owner_id", "first_id", "last_id"}
"""Arguments of every kind; see :class:`~chevupload.records.job.Job`."""


class JobKind(Protocol):
    """What is done to the uploads of a job.

    Attributes:
        name: of the kind.
        range_size: how many uploads one range has.
        step_size: how many uploads are done together.
        parameters: names of the arguments beside those of every kind.
    """

    name: str
    range_size: int
    step_size: int
    parameters: frozenset[str]

    def begin(self, arguments: Mapping[str, str]) -> None:
        """Check the arguments, and do what comes before the first upload; once more makes no difference.

        Raises:
            ConfigError: there can be no such job.
        """
        ...

    def run(self, uploads: Sequence[Upload], arguments: Mapping[str, str]) -> int:
        """Do some uploads, and return how many of them failed; the log says why. Once more makes no difference.

        Raises:
            BackendError: a part is away. The same uploads are tried again later, five times altogether.
        """
        ...

    def end(self, arguments: Mapping[str, str]) -> None:
        """Do what comes after the last upload; once more makes no difference."""
        ...


class Jobs:
    """The batch work of a site."""

    def __init__(self, context: UploadContext, kinds: Iterable[JobKind]) -> None:
        """Know these kinds of jobs."""
        self._found = context.catalog if isinstance(context.catalog, JobRecords) else None
        self._clock = context.clock
        self._kinds = {kind.name: kind for kind in kinds}

    @property
    def _records(self) -> JobRecords:
        if self._found is None:
            raise ConfigError("this catalog cannot keep jobs: it has none of the methods of JobRecords")
        return self._found

    def start(self, kind: str, **arguments: str | None) -> Job:
        """Start a job, or resume the unfinished one of this kind with the same arguments, and return it.

        It is divided into ranges here, which takes some seconds for a million uploads. :meth:`run_range` works on it.
        See :meth:`add`.
        """
        job = self.add(kind, **arguments)
        while self._divide(job):
            pass
        return self.progress(job.id)

    def add(self, kind: str, **arguments: str | None) -> Job:
        """Do as :meth:`start`, and leave it to those who work on the job to divide it: its ``total`` is known later.

        Args:
            kind: such as ``render``.
            arguments: ``owner_id``, ``first_id`` and ``last_id`` choose the uploads; others are the kind's own. None is
                as good as nothing.

        Raises:
            BackendError: the catalog is away.
            ConfigError: there can be no such job.
        """
        chosen, given = self._kind(kind), {name: value for name, value in arguments.items() if value is not None}
        if unknown := given.keys() - _SCOPE - chosen.parameters:
            raise ConfigError(f"a job {kind} has no arguments {', '.join(sorted(unknown))}")
        chosen.begin(given)
        return self._records.add_job(Job(id=random_id(22), kind=kind, arguments=given, begun_at=self._clock()))

    def progress(self, job_id: str) -> Job:
        """Return a job as it is now.

        Raises:
            BackendError: the catalog is away.
            ConfigError: there is none.
        """
        if (job := self._records.job(job_id)) is None:
            raise ConfigError(f"there is no job {job_id}")
        return job

    def unfinished(self) -> Sequence[Job]:
        """Return the jobs that have not ended, the oldest first.

        Raises:
            BackendError: the catalog is away.
        """
        return self._records.unfinished_jobs()

    def idle(self) -> Sequence[Job]:
        """Return the unfinished jobs at which nobody works now.

        Raises:
            BackendError: the catalog is away.
        """
        now = self._clock()
        ends = [(job, self._records.claimed_until(job.id)) for job in self.unfinished()]
        return [job for job, end in ends if end is None or end <= now]

    def run_range(self, job_id: str, *, ending: Ending | None = None) -> bool:
        """Work on one range of a job. False when there is none now: others have claimed the last ones, or it has ended.

        Args:
            job_id: the job.
            ending: once it is set, the step at work is the last one, and the rest is anybody's.

        Raises:
            BackendError: a part is away. The range is anybody's again.
            ConfigError: there is no such job.
        """
        job = self.progress(job_id)
        if job.ended_at is not None:
            return False
        held, is_divided = self._claim(job_id), job.is_split
        while held is None and not is_divided:
            is_divided = not self._divide(job)
            held = self._claim(job_id)
        if held is None:
            # Its last range may have been done by somebody who died then.
            self._end(job)
            return False
        while not (ending and ending.is_set()):
            try:
                left = self._step(job, held)
            except Exception:
                self._release(held)
                raise
            if left is None:
                self._end(job)
                return True
            held = left
        # Its next step was not begun.
        self._release(replace(held, attempt=held.attempt - 1))
        return True

    def run(self, job_id: str, *, ending: Ending) -> Iterator[Job]:
        """Work on a job until it has ended, and yield it after each range; others may work on it, too.

        Raises:
            BackendError: a part is away. The same job can be resumed.
            ConfigError: there is no such job.
        """
        while not ending.is_set():
            is_worked_on = self.run_range(job_id, ending=ending)
            yield (job := self.progress(job_id))
            if job.ended_at is not None:
                return
            if not is_worked_on:
                ending.wait(_LOOK_SECONDS)

    def _kind(self, name: str) -> JobKind:
        if name not in self._kinds:
            raise ConfigError(f"there are no jobs {name!r}: {', '.join(sorted(self._kinds))}")
        return self._kinds[name]

    def _claim(self, job_id: str) -> JobRange | None:
        now = self._clock()
        return self._records.claim_range(job_id, now=now, until=now + _CLAIMED)

    def _divide(self, job: Job) -> bool:
        """Add some ranges to a job. False once all are there."""
        size = self._kind(job.kind).range_size
        return self._records.split_job(job, size=size, limit=_IDS_AT_ONCE // size)

    def _step(self, job: Job, held: JobRange) -> JobRange | None:
        """Do the next uploads of a range, and return what is left of it; None when it is done, or another's."""
        kind = self._kind(job.kind)
        uploads = self._records.range_uploads(job, held, limit=kind.step_size)
        if not uploads:
            # What is left was deleted meanwhile.
            self._records.advance_range(held, None, done=held.left)
            return None
        if held.attempt > _ATTEMPTS:
            failed = len(uploads)
            logger.error("%s of %s is given up: %s", job.kind, job.id, ", ".join(upload.id for upload in uploads))
        else:
            failed = kind.run(uploads, job.arguments)
        left = replace(
            held,
            after_id=uploads[-1].id,
            left=held.left - len(uploads),
            attempt=1,
            until=self._clock() + _CLAIMED,
        )
        return left if self._records.advance_range(held, left, done=len(uploads), failed=failed) else None

    def _release(self, held: JobRange) -> None:
        """Give a range back. What took longer than the claim is another worker's by now."""
        now = self._clock()
        if now < held.until:
            self._records.advance_range(held, replace(held, until=now))

    def _end(self, job: Job) -> None:
        """End a job that is done."""
        now = self.progress(job.id)
        if now.is_split and now.done >= now.total and now.ended_at is None:
            self._kind(job.kind).end(job.arguments)
            self._records.end_job(job.id, self._clock())
