"""Batch work on many uploads: a job, and the ranges of upload ids that it is divided into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job.

    Attributes:
        id: 22 letters and digits.
        kind: what is done to each upload, such as ``render``.
        arguments: of the kind. Those of every kind are ``owner_id``, whose uploads alone are meant, and ``first_id``
            and ``last_id``, between which their ids are, both included.
        begun_at: when it was started.
        ended_at: when the last upload was done, or None.
        is_split: whether all of its ranges are known, and so is ``total``.
        total: how many uploads there are to be done.
        done: how many of them are, ``failed`` ones among them; those that are gone meanwhile count, too.
    """

    id: str
    kind: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    begun_at: datetime
    ended_at: datetime | None = None
    is_split: bool = False
    total: int = 0
    done: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRange:
    """What is left of one range of a job, which a worker has claimed.

    Attributes:
        job_id: the job.
        number: how many uploads of the job come before it.
        after_id: the upload that was done last, or the last one of the range before; empty at the very beginning.
        last_id: the last upload.
        left: how many uploads it still has.
        attempt: which attempt this is at the upload behind ``after_id``, from 1.
        until: until when it is claimed.
    """

    job_id: str
    number: int
    after_id: str
    last_id: str
    left: int
    attempt: int
    until: datetime
