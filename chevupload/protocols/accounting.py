"""What is kept beside the records of uploads: usage, events and the audit log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from chevupload.audit import AuditEntry
from chevupload.model import (
    Upload,
)
from chevupload.policy.quota import UNLIMITED, Counted, Quota, Usage
from chevupload.protocols.records import UploadRecords
from chevupload.records.event import Event


@runtime_checkable
class UsageRecords(UploadRecords, Protocol):
    """Records that know how much each owner keeps. Without it, ``Policy(usage=...)`` is a ConfigError.

    An upload counts from ``reserve`` to ``forget``, in whatever state it is. All guests together are one owner, None.
    With ``counted``, which says whose bytes count, the usage changes in one step with the records; what ``joined``
    returns takes it, too. Usage may differ from the records only by what was changed without ``counted``.
    """

    def reserve(self, upload: Upload, *, counted: Counted | None = None, quota: Quota = UNLIMITED) -> None:
        """Record ``upload`` as pending. Raises as that of UploadRecords, and:

        Raises:
            QuotaExceeded: its owner would keep more than ``quota``; nothing was recorded. RequestTaken comes first: a
                request that is repeated needs no room.
        """
        ...

    def forget(self, uploads: Sequence[Upload], *, counted: Counted | None = None) -> None:
        """Remove the records of uploads in state deleting; see UploadRecords. Their owners have room again.

        The records themselves say what they came to, not ``uploads``, which may be older.
        """
        ...

    def usage(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """Return what an owner keeps, counting the records if that was never done."""
        ...

    def recount(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """Count the records of an owner, beside changes of others, and return what this owner keeps from now on."""
        ...

    def owners(self) -> Iterator[str | None]:
        """Yield everybody who keeps uploads or has a usage, and guests first; without holding a transaction open."""
        ...


@runtime_checkable
class EventRecords(UploadRecords, Protocol):
    """Records that keep events until they are told. Without it, ``Hooks(on_event=...)`` is a ConfigError.

    An event is kept in one step with the change that it tells of: either both last or neither does. If these are
    :class:`JoinableRecords` too, what ``joined`` returns keeps an event in the host's transaction.
    """

    def publish(self, upload_id: str, *, event: Event | None = None) -> None:
        """Make a pending upload ready, and keep ``event``. Raises as that of UploadRecords."""
        ...

    def withdraw(self, upload_id: str, *, event: Event | None = None) -> bool:
        """Mark a pending or ready upload as deleting. False when there is none.

        ``event`` is kept if the upload was ready: nobody was told of a pending one.
        """
        ...

    def claim_events(self, *, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Return up to ``limit`` events whose ``next_at`` has come, as the caller's to tell.

        Their ``next_at`` is ``until`` from now on, and their ``attempt`` one more, also in what is returned. Of several
        callers at once each gets events that no other gets. Of each upload, the earliest event alone can be claimed,
        also while it is claimed by somebody or waits for its ``next_at``.
        """
        ...

    def settle_events(self, *, told: Collection[Event], later: Collection[Event]) -> None:
        """Remove the events ``told``, and record ``next_at``, ``attempt`` and ``handled`` of those for ``later``.

        One that is removed already stays so.
        """
        ...

    def end_handler(self, name: str) -> None:
        """Record that the handler of this name wants no more events; once more makes no difference."""
        ...

    def resume_handler(self, name: str) -> bool:
        """Record that the handler of this name wants events again. False when it did not end."""
        ...

    def ended_handlers(self) -> Collection[str]:
        """Return the names of the handlers that want no more events."""
        ...

    def oldest_event(self) -> datetime | None:
        """Return when the oldest event that is kept happened; None when all were told."""
        ...


@runtime_checkable
class AuditRecords(UploadRecords, Protocol):
    """Records that keep the audit log, too. Without it, ``Policy(audit_lifetime=...)`` is a ConfigError.

    If these are :class:`JoinableRecords` too, what ``joined`` returns keeps an event in the host's transaction.
    """

    def add_audit(self, entry: AuditEntry) -> None:
        """Keep an event."""
        ...

    def forget_audit(self, *, before: datetime) -> None:
        """Remove the events of before that time, in transactions that are short."""
        ...

    def audit_of(self, user_id: str) -> Iterator[AuditEntry]:
        """Yield the events of a user in their order, without holding a transaction open in between."""
        ...
