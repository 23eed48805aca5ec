"""Jobs and their ranges, which workers share as they share events."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from chevupload.clock import Clock
from chevupload.db.connect import lock_sqlite
from chevupload.db.database import Transactions
from chevupload.db.records import SqlRecords
from chevupload.db.statements import Statements
from chevupload.model import Upload
from chevupload.records.job import Job, JobRange

_JOB = ("id", "kind", "begun_at", "ended_at", "is_split", "total", "done", "failed")
_RANGE = ("job_id", "number", "after_id", "last_id", "left", "attempt")


class SqlJobs(SqlRecords):
    """See JobRecords."""

    def __init__(self, database: Transactions, statements: Statements, clock: Clock) -> None:
        """Use these parts."""
        super().__init__(database, statements, clock)
        self._jobs, self._ranges = statements.tables.jobs, statements.tables.job_ranges
        column = self._jobs.c
        self._select_jobs: Any = select(*(column[name] for name in _JOB), column.arguments)

    def add_job(self, job: Job) -> Job:
        """See JobRecords. The ``unfinished_key`` of the row fails where such a job is unfinished."""
        row = {name: getattr(job, name) for name in _JOB}
        row |= {"arguments": _spelled(job.arguments), "split_after_id": "", "unfinished_key": _key(job)}
        while True:
            with contextlib.suppress(IntegrityError), self._database.begin() as connection:
                connection.execute(insert(self._jobs).values(row))
                return job
            if (same := self._first_job(self._jobs.c.unfinished_key == row["unfinished_key"])) is not None:
                return same

    def job(self, job_id: str) -> Job | None:
        """See JobRecords."""
        return self._first_job(self._jobs.c.id == job_id)

    def unfinished_jobs(self) -> list[Job]:
        """See JobRecords."""
        column = self._jobs.c
        query = self._select_jobs.where(column.unfinished_key.is_not(None)).order_by(column.begun_at, column.id)
        with self._database.connect() as connection:
            return [_job(row) for row in connection.execute(query)]

    def split_job(self, job: Job, *, size: int, limit: int) -> bool:
        """See JobRecords."""
        column = self._jobs.c
        is_it = column.id == job.id
        known = select(column.split_after_id, column.total).where(is_it, ~column.is_split).with_for_update()
        with self._database.begin() as connection:
            lock_sqlite(connection)
            if (row := connection.execute(known).first()) is None:
                return False
            after_id, total = row
            page = self._job_page(select(self._uploads.c.id), job.arguments, after_id, size * limit)
            ids = connection.scalars(page).all()
            parts = [ids[start : start + size] for start in range(0, len(ids), size)]
            if parts:
                befores = [after_id, *(part[-1] for part in parts)]
                rows = [
                    {"number": total + index * size, "after_id": before, "last_id": part[-1], "left": len(part)}
                    for index, (before, part) in enumerate(zip(befores, parts, strict=False))
                ]
                common = {"job_id": job.id, "attempt": 0, "next_at": job.begun_at}
                connection.execute(insert(self._ranges), [row | common for row in rows])
                after_id = ids[-1]
            is_split = len(ids) < size * limit
            values = {"split_after_id": after_id, "total": total + len(ids), "is_split": is_split}
            connection.execute(update(self._jobs).where(is_it).values(values))
            return not is_split

    def claim_range(self, job_id: str, *, now: datetime, until: datetime) -> JobRange | None:
        """See JobRecords. A range is held by its ``next_at``."""
        column = self._ranges.c
        query = select(*(column[name] for name in _RANGE)).where(column.job_id == job_id, column.next_at <= now)
        query = query.order_by(column.number).limit(1).with_for_update(skip_locked=True)
        with self._database.begin() as connection:
            lock_sqlite(connection)
            row = connection.execute(query).first()
            if row is None:
                return None
            values = row._asdict() | {"attempt": row.attempt + 1}
            change = update(self._ranges).where(column.job_id == job_id, column.number == row.number)
            connection.execute(change.values(next_at=until, attempt=row.attempt + 1))
            return JobRange(**values, until=until)

    def claimed_until(self, job_id: str) -> datetime | None:
        """See JobRecords."""
        column = self._ranges.c
        query = select(func.max(column.next_at)).where(column.job_id == job_id)
        with self._database.connect() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def range_uploads(self, job: Job, held: JobRange, *, limit: int) -> list[Upload]:
        """See JobRecords."""
        query = self._job_page(self._statements.select, job.arguments, held.after_id, limit)
        with self._database.connect() as connection:
            rows = connection.execute(query.where(self._uploads.c.id <= held.last_id)).all()
            return self._with_tags(connection, rows)

    def advance_range(self, held: JobRange, new: JobRange | None, *, done: int = 0, failed: int = 0) -> bool:
        """See JobRecords."""
        column = self._ranges.c
        is_it = and_(column.job_id == held.job_id, column.number == held.number, column.after_id == held.after_id)
        if new is None:
            change: Any = delete(self._ranges).where(is_it)
        else:
            values = {name: getattr(new, name) for name in ("after_id", "left", "attempt")}
            change = update(self._ranges).where(is_it).values(**values, next_at=new.until)
        with self._database.begin() as connection:
            if connection.execute(change).rowcount != 1:
                return False
            if done:
                job = self._jobs.c
                counts = {"done": job.done + done, "failed": job.failed + failed}
                connection.execute(update(self._jobs).where(job.id == held.job_id).values(counts))
            return True

    def end_job(self, job_id: str, now: datetime) -> bool:
        """See JobRecords."""
        column = self._jobs.c
        is_left = exists().where(self._ranges.c.job_id == job_id)
        is_over = (column.id == job_id, column.unfinished_key.is_not(None), column.is_split, ~is_left)
        change = update(self._jobs).where(*is_over).values(ended_at=now, unfinished_key=None)
        with self._database.begin() as connection:
            return connection.execute(change).rowcount == 1

    def _job_page(self, query: Select[Any], arguments: Mapping[str, str], after_id: str, limit: int) -> Select[Any]:
        column = self._uploads.c
        query = query.where(column.id > after_id, self._statements.is_ready)
        if "owner_id" in arguments:
            query = query.where(column.owner_id == arguments["owner_id"])
        if "first_id" in arguments:
            query = query.where(column.id >= arguments["first_id"])
        if "last_id" in arguments:
            query = query.where(column.id <= arguments["last_id"])
        return query.order_by(column.id).limit(limit)

    def _first_job(self, condition: ColumnElement[bool]) -> Job | None:
        with self._database.connect() as connection:
            row = connection.execute(self._select_jobs.where(condition)).first()
        return None if row is None else _job(row)


def _job(row: Row[Any]) -> Job:
    values: Any
    *values, arguments = row
    return Job(**dict(zip(_JOB, values, strict=True)), arguments=json.loads(arguments))


def _spelled(arguments: Mapping[str, str]) -> str:
    return json.dumps(dict(arguments), sort_keys=True)


def _key(job: Job) -> str:
    return hashlib.sha256(f"{job.kind} {_spelled(job.arguments)}".encode()).hexdigest()
