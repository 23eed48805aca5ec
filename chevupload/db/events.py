"""Events, given to whoever tells them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, update

from chevupload.clock import Clock
from chevupload.db.connect import lock_sqlite
from chevupload.db.database import Transactions
from chevupload.db.event_rows import event_of, postponed
from chevupload.db.records import SqlRecords
from chevupload.db.statements import Statements
from chevupload.db.upserts import insert_new
from chevupload.records.event import Event


class SqlEvents(SqlRecords):
    """See EventRecords."""

    def __init__(self, database: Transactions, statements: Statements, clock: Clock) -> None:
        """Use these parts."""
        super().__init__(database, statements, clock)
        events, ended = statements.tables.events, statements.tables.ended_handlers
        column, earlier = events.c, events.alias("earlier")
        is_first = ~exists().where(earlier.c.upload_id == column.upload_id, earlier.c.number < column.number)
        self._due_events = (
            select(*(column[name] for name in ("number", "id", "at", "kind", "facts", "before", "attempt", "handled")))
            .where(column.next_at <= bindparam("now", type_=column.next_at.type), is_first)
            .order_by(column.next_at, column.number)
            .limit(bindparam("limit"))
            # SQLite has one writer at a time, and no such words.
            .with_for_update(skip_locked=True)
        )
        numbers = column.number.in_(bindparam("numbers", expanding=True))
        claimed = {"next_at": bindparam("until", type_=column.next_at.type), "attempt": column.attempt + 1}
        self._claim_events = update(events).where(numbers).values(claimed)
        # By its id, too: SQLite gives the number of the last one again when that is gone.
        self._delete_events = delete(events).where(numbers, column.id.in_(bindparam("ids", expanding=True)))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("next_at", "attempt", "handled")}
        is_it = (column.number == bindparam("one"), column.id == bindparam("one_id"))
        self._postpone_events = update(events).where(*is_it).values(values)
        self._end_handler = insert_new(ended, ended.c.name, statements.dialect)
        self._resume_handler = delete(ended).where(ended.c.name == bindparam("handler"))
        self._ended_handlers = select(ended.c.name)
        self._oldest_event = select(column.at).order_by(column.number).limit(1)

    def claim_events(self, *, now: datetime, until: datetime, limit: int) -> list[Event]:
        """See EventRecords. Whoever has claimed an event holds it by its ``next_at``."""
        with self._database.begin() as connection:
            lock_sqlite(connection)
            rows = connection.execute(self._due_events, {"now": now, "limit": limit}).all()
            if rows:
                connection.execute(self._claim_events, {"numbers": [row.number for row in rows], "until": until})
            return [event for row in rows if (event := event_of(row, until)) is not None]

    def settle_events(self, *, told: Collection[Event], later: Collection[Event]) -> None:
        """See EventRecords."""
        with self._database.begin() as connection:
            if told:
                numbers = sorted(event.number for event in told)
                connection.execute(self._delete_events, {"numbers": numbers, "ids": [event.id for event in told]})
            if later:
                connection.execute(self._postpone_events, sorted(map(postponed, later), key=itemgetter("one")))

    def end_handler(self, name: str) -> None:
        """See EventRecords."""
        with self._database.change() as connection:
            connection.execute(self._end_handler, {"name": name})

    def resume_handler(self, name: str) -> bool:
        """See EventRecords."""
        with self._database.change() as connection:
            return bool(connection.execute(self._resume_handler, {"handler": name}).rowcount)

    def ended_handlers(self) -> set[str]:
        """See EventRecords."""
        with self._database.connect() as connection:
            return {*connection.scalars(self._ended_handlers)}

    def oldest_event(self) -> datetime | None:
        """See EventRecords."""
        with self._database.connect() as connection:
            found: datetime | None = connection.scalar(self._oldest_event)
        return found
