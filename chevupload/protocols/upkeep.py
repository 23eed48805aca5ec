"""What records are able to for an operator: sweeps, checks, moves, jobs, searches and erasures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from chevupload.model import (
    Upload,
)
from chevupload.policy.quota import Counted, Usage
from chevupload.protocols.records import UploadRecords
from chevupload.records.job import Job, JobRange
from chevupload.records.move import Move
from chevupload.records.selection import EVERYTHING, Selection, Statistics


@runtime_checkable
class SweepableRecords(UploadRecords, Protocol):
    """Records whose leftovers can be found: expired, stalled and half-deleted uploads.

    Without it, ``maintenance.sweep`` raises ConfigError: what expires is gone for readers, and its files stay.
    """

    def withdraw_expired(
        self, *, now: datetime, limit: int, after: Upload | None = None, events: bool = False
    ) -> Sequence[Upload]:
        """Mark up to ``limit`` ready uploads that are expired at ``now`` as deleting, and return them.

        Of several callers at once, each upload is returned to one. The next page is asked for with the last upload of
        this one as ``after``; an empty page is the end. With ``events``, which only :class:`EventRecords` have to look
        at, a new event ``expired`` of each is kept in one step with that.
        """
        ...

    def withdraw_stalled(self, *, now: datetime, pending_since: datetime) -> None:
        """Mark as deleting what is pending since ``pending_since`` or longer; give names free whose year is over.

        Of each in one step: an upload that is published meanwhile is either withdrawn before, and cannot be published
        any more, or left alone.
        """
        ...

    def claim(self, *, now: datetime, since: datetime, limit: int, after: Upload | None = None) -> Sequence[Upload]:
        """Mark up to ``limit`` uploads in state deleting as the caller's to remove, and return them.

        Of several callers at once, each upload is returned to one. Left out are those that were claimed after ``since``
        and not given back. The next page is asked for with the last upload of this one as ``after``: it has none of the
        pages before, even if they were given back. An empty page is the end.
        """
        ...

    def unclaim(self, uploads: Sequence[Upload]) -> None:
        """Give back uploads that could not be removed: the next caller may claim them at once."""
        ...


@runtime_checkable
class CheckableRecords(UploadRecords, Protocol):
    """Records that can be compared with files. Without it, ``maintenance.check`` raises ConfigError."""

    def uploads(self) -> Iterator[Upload]:
        """Yield every ready upload, for a check; without holding a transaction open in between."""
        ...

    def holders(self, stems: Collection[str]) -> Sequence[Upload]:
        """Return the uploads of any state that hold one of these stems, in any mix of upper and lower case."""
        ...

    def resize(self, upload: Upload, *, counted: Counted | None = None, changed_at: datetime | None = None) -> bool:
        """Record the sizes of the derived files of a ready upload as ``upload`` has them.

        False when there is none, or when its files are in another storage by now. With ``counted``, which only
        :class:`UsageRecords` have to look at, the owner's usage follows in one step. With ``changed_at``, which only
        :class:`EventRecords` have to look at, a new event ``changed`` of that time is kept in one step.
        """
        ...


@runtime_checkable
class MovableRecords(UploadRecords, Protocol):
    """Records whose files can be moved to another storage. Without it, a move raises ConfigError.

    A :class:`~chevupload.records.move.Move` is kept from before the first file is copied until one storage has none of
    them.
    """

    def begin_move(self, move: Move) -> bool:
        """Keep ``move``, in place of one of the same paths between the same two storages, in either direction.

        False when another one of this upload is kept, or when it was claimed.
        """
        ...

    def switch_storage(self, upload: Upload, target: str, *, now: datetime) -> bool:
        """Record that the files of a ready upload are in ``target``, and that its move was changed ``now``.

        False, and nothing is changed, when the upload is not ready, its storage or sizes are not those of ``upload``,
        or its move between the two storages is not kept, or was claimed.
        """
        ...

    def moves(self, upload_ids: Collection[str]) -> Sequence[Move]:
        """Return the moves of these uploads that are kept."""
        ...

    def claim_moves(self, *, now: datetime, before: datetime, limit: int) -> Sequence[Move]:
        """Return up to ``limit`` moves of before ``before`` as the caller's to end, with ``kept_in``.

        They are of ``now`` from then on. Those of uploads in state deleting are left out.
        """
        ...

    def end_moves(self, moves: Collection[Move]) -> None:
        """Keep these moves no more."""
        ...


@runtime_checkable
class JobRecords(UploadRecords, Protocol):
    """Records that keep jobs of batch work. Without it, ``component.jobs`` raises ConfigError.

    The uploads of a job are the ready ones to which its arguments apply, in the order that the database has for ids.
    """

    def add_job(self, job: Job) -> Job:
        """Record a new job, and return it; or return the unfinished one with the same kind and arguments."""
        ...

    def job(self, job_id: str) -> Job | None:
        """Return a job as it is now."""
        ...

    def unfinished_jobs(self) -> Sequence[Job]:
        """Return the jobs that have not ended, the oldest first."""
        ...

    def split_job(self, job: Job, *, size: int, limit: int) -> bool:
        """Add up to ``limit`` ranges, each of ``size`` uploads but the last one, behind those there are.

        Of several callers at once, each adds others. False once the job is split.
        """
        ...

    def claim_range(self, job_id: str, *, now: datetime, until: datetime) -> JobRange | None:
        """Return the first range that nobody has claimed at ``now``, as the caller's ``until`` then.

        Its ``attempt`` is one more from now on. Of several callers at once each gets another one.
        """
        ...

    def claimed_until(self, job_id: str) -> datetime | None:
        """Return until when the range is claimed that is claimed for longest, also if that is over; None without any.

        A range that nobody has claimed yet is claimed until its job was begun.
        """
        ...

    def range_uploads(self, job: Job, held: JobRange, *, limit: int) -> Sequence[Upload]:
        """Return the next uploads of a range, up to ``limit``: none once all are done."""
        ...

    def advance_range(self, held: JobRange, new: JobRange | None, *, done: int = 0, failed: int = 0) -> bool:
        """Record ``after_id``, ``left``, ``attempt`` and ``until`` of ``new``; or without it that the range is done.

        ``done`` uploads more are done, ``failed`` among them. False, and nothing is recorded, if the ``after_id`` is
        not that of ``held`` any more: somebody else has gone on with this range.
        """
        ...

    def end_job(self, job_id: str, now: datetime) -> bool:
        """Record that a job has ended. False if it is not split, has ranges, or has ended before."""
        ...


@runtime_checkable
class SearchableRecords(UploadRecords, Protocol):
    """Records in which an operator searches. Without it, the commands that do raise ConfigError."""

    def search(self, selection: Selection = EVERYTHING) -> Iterator[Upload]:
        """Yield the ready uploads of a selection, expired ones too, without holding a transaction open in between.

        Those of one owner come in the order of their times, the oldest first, any others in an order of the catalog's.
        What is deleted or comes meanwhile may be among them or not.
        """
        ...

    def count(self, selection: Selection) -> Usage:
        """Return how many uploads a selection has, and the bytes of all of their files."""
        ...

    def statistics(self, *, owners: int) -> Statistics:
        """Return what the ready uploads come to, and those of so many owners who keep most."""
        ...


@runtime_checkable
class ErasableRecords(UploadRecords, Protocol):
    """Records of which nothing stays of an erased owner. Without it, what is unfinished is the sweep's."""

    def remaining(self, owner_id: str, *, limit: int) -> Sequence[Upload]:
        """Return up to ``limit`` uploads of an owner in any state: pending, ready, expired or deleting."""
        ...

    def forget_owner(self, owner_id: str) -> None:
        """Remove what else is kept about an owner who has no upload any more, but for albums and the audit log."""
        ...
