"""What a sweep asks for: what has expired, what is pending for too long, and what is to be removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, delete, or_, select, text, update

from chevupload.db.columns import UNFINISHED, Unindexed, Unlocked
from chevupload.db.connect import lock_sqlite
from chevupload.db.pages import SqlPages, page_of
from chevupload.db.statements import DELETING
from chevupload.model import Upload
from chevupload.records.event import new_event

_NAMES_KEPT = timedelta(days=366)
"""As long as a cache may keep a file under its name."""

_USES_KEPT = timedelta(hours=1)
"""For how long the use of a ticket is kept whose time is over: longer than clocks of several machines differ."""


class SqlSweep(SqlPages):
    """See SweepableRecords."""

    def abandon(self, upload_id: str) -> bool:
        """See IdempotentRecords."""
        ask, named = self._statements, {"upload_id": upload_id}
        # Whether it is published or abandoned: who removes this row decides.
        with self._database.begin() as connection:
            if connection.execute(ask.settle, named).rowcount == 0:
                return False
            connection.execute(ask.free_abandoned, named)
            return connection.execute(ask.withdraw, named).rowcount == 1

    def withdraw_stalled(self, *, now: datetime, pending_since: datetime) -> None:
        """See SweepableRecords."""
        tables = self._statements.tables
        pending, used, uses = tables.pending.c, tables.used_names.c, tables.ticket_uses.c
        stalled = select(pending.upload_id).where(pending.received_at <= pending_since).limit(self.page_size)
        page: Sequence[str] = ()
        while not page or len(page) == self.page_size:
            with self._database.connect() as connection:
                page = connection.scalars(stalled).all()
            if not page:
                break
            for upload_id in page:
                self.abandon(upload_id)
        overdue = select(used.digest).where(used.released_at < now - _NAMES_KEPT).order_by(Unindexed(used.digest))
        self._change_found(overdue, delete(tables.used_names).where(used.digest == bindparam("found")))
        ended = select(uses.digest).where(uses.expires_at <= now - _USES_KEPT).order_by(Unindexed(uses.digest))
        self._change_found(ended, delete(tables.ticket_uses).where(uses.digest == bindparam("found")))

    def withdraw_expired(
        self, *, now: datetime, limit: int, after: Upload | None = None, events: bool = False
    ) -> list[Upload]:
        """See SweepableRecords."""
        column = self._uploads.c
        expired = self._statements.select.where(self._statements.is_ready, column.expires_at <= now)
        page = page_of(expired, (column.expires_at, column.id), limit, after)
        with self._database.begin() as connection:
            uploads = self._change_page(connection, page, DELETING)
            if events and uploads:
                self._add_events(connection, [new_event("expired", upload, now) for upload in uploads])
            return uploads

    def claim(self, *, now: datetime, since: datetime, limit: int, after: Upload | None = None) -> list[Upload]:
        """See SweepableRecords."""
        column = self._uploads.c
        is_free = or_(column.claimed_at.is_(None), column.claimed_at <= since)
        deleting = self._statements.select.where(text(UNFINISHED), column.state == "deleting", is_free)
        page = page_of(deleting, (column.received_at, column.id), limit, after)
        with self._database.begin() as connection:
            return self._change_page(connection, page, {"claimed_at": now})

    def unclaim(self, uploads: Sequence[Upload]) -> None:
        """See SweepableRecords."""
        is_deleting = Unlocked(self._uploads.c.state) == "deleting"
        with self._database.change() as connection:
            connection.execute(self._update(uploads).where(is_deleting).values(claimed_at=None))

    def _change_page(self, connection: Connection, page: Select[Any], values: Mapping[str, Any]) -> list[Upload]:
        """Change the rows that a query finds, which then finds them no more, and return them.

        Of several at once each gets other rows: it skips those that another one has found and not yet changed, or on
        SQLite waits for the other one to end.
        """
        lock_sqlite(connection)
        rows = connection.execute(page.with_for_update(skip_locked=True)).all()
        if rows:
            connection.execute(self._update(rows).values(values))
        return self._with_tags(connection, rows)

    def _update(self, rows: Sequence[Any]) -> Update:
        """Return a change of the rows of uploads with the ids of ``rows``."""
        return update(self._uploads).where(self._uploads.c.id.in_([row.id for row in rows]))
