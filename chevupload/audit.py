"""The audit log: who did what with keys, tickets and uploads, when and from where, and whom a limit stopped.

The logger is ``chevupload.audit``, at INFO: one line for each event, with the same facts in the record's attributes.
By a setting, a table keeps them, too. No key and no ticket is among them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from chevupload.clock import Clock, utc_now
from chevupload.errors import BackendError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from chevupload.protocols import AuditRecords

logger = logging.getLogger("chevupload.audit")

AuditEvent: TypeAlias = Literal[
    "key_made",
    "key_revoked",
    "key_refused",
    "ticket_minted",
    "limit_hit",
    "upload_changed",
    "upload_deleted",
    "owner_erased",
]
"""What happened."""

MAX_ID = 64
"""Characters of a user's id, a key's id and an address that are kept."""
MAX_DETAIL = 255
"""Characters."""
_LOGGED_ONLY = frozenset({"key_refused"})
"""What any stranger can bring about: a table would grow by it, and each request with a wrong key would write a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One event.

    Attributes:
        at: when, an aware UTC time.
        event: what happened.
        user_id: who did it, or whom it happened to; None is a guest, or somebody unknown.
        key_id: the public id of the key.
        address: of the client; empty where there was no request.
        detail: what else there is to say.
    """

    at: datetime
    event: AuditEvent
    user_id: str | None
    key_id: str | None
    address: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who changes, deletes or erases what an owner has; by default the host's own code.

    Attributes:
        key_id: the public id of the key that was sent.
        environ: the request; None is no request.
        note: what else there is to say, such as ``command line``.
    """

    key_id: str | None = None
    environ: WSGIEnvironment | None = field(default=None, repr=False)
    note: str = ""


HOST = Actor()


_LOGGED = tuple(field.name for field in fields(AuditEntry) if field.name != "at")
"""A record of the log has the time by itself."""


class AuditLog:
    """Writes the audit log of one component."""

    def __init__(self, *, clock: Clock = utc_now, records: AuditRecords | None = None) -> None:
        """Write into the log, and into ``records`` if there are any."""
        self._clock, self._records = clock, records

    def record_by(
        self,
        actor: Actor,
        event: AuditEvent,
        *,
        owner_id: str | None,
        detail: str = "",
        records: AuditRecords | None = None,
    ) -> None:
        """Write what ``actor`` did with something of an owner, see :meth:`record`."""
        self.record(
            event,
            user_id=owner_id,
            key_id=actor.key_id,
            environ=actor.environ,
            detail=": ".join(filter(None, (detail, actor.note))),
            records=records,
        )

    def record(
        self,
        event: AuditEvent,
        *,
        user_id: str | None = None,
        key_id: str | None = None,
        environ: WSGIEnvironment | None = None,
        detail: str = "",
        records: AuditRecords | None = None,
    ) -> None:
        """Write one event. Where the table is away, the log says so, and what happened goes on.

        Args:
            event: what happened.
            user_id: who did it, or whom it happened to; None is a guest, or somebody unknown.
            key_id: the public id of the key, never its text.
            environ: the request, whose client address is the one that the trusted proxies tell; None is no request, as
                on the command line.
            detail: what else there is to say, such as the limit's name. Nothing secret.
            records: those inside a transaction of the host, with which the row stays or goes.
        """
        address = "" if environ is None else environ.get("REMOTE_ADDR", "")
        entry = AuditEntry(
            at=self._clock(),
            event=event,
            user_id=user_id and user_id[:MAX_ID],
            key_id=key_id and key_id[:MAX_ID],
            address=address[:MAX_ID],
            detail=detail[:MAX_DETAIL],
        )
        facts = {name: getattr(entry, name) for name in _LOGGED}
        # What a client may have written is spelled in ASCII, without line breaks.
        logger.info("%s: user %a, key %a, from %a: %a", *facts.values(), extra=facts)
        if self._records is not None and event not in _LOGGED_ONLY:
            try:
                (records or self._records).add_audit(entry)
            except BackendError:
                logger.exception("an event cannot be written into the table")
