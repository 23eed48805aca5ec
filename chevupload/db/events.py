"""Rows of events: added beside the change that they tell of, and given to whoever tells them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Row, bindparam, delete, exists, insert, select, update

from chevupload.db.connect import lock_sqlite
from chevupload.db.tables import Tables
from chevupload.db.upserts import insert_new
from chevupload.model import Upload
from chevupload.records.event import Event

logger = logging.getLogger("chevupload")


class EventRows:
    """The rows of events. Each method is a part of the caller's transaction.

    Attributes:
        end: notes the ``name`` of a handler that wants no more; ``ended`` asks for the names.
        resume: forgets the name of a ``handler``.
        oldest: when the event happened that is kept for longest.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        """Keep them in ``tables``, in a database of this ``dialect``."""
        events, ended = tables.events, tables.ended_handlers
        column, earlier = events.c, events.alias("earlier")
        is_first = ~exists().where(earlier.c.upload_id == column.upload_id, earlier.c.number < column.number)
        # With RETURNING, which nobody needs, some databases would take a statement for each row.
        self._insert = insert(events).inline()
        self._due = (
            select(*(column[name] for name in ("number", "id", "at", "kind", "facts", "before", "attempt", "handled")))
            .where(column.next_at <= bindparam("now", type_=column.next_at.type), is_first)
            .order_by(column.next_at, column.number)
            .limit(bindparam("limit"))
            # SQLite has one writer at a time, and no such words.
            .with_for_update(skip_locked=True)
        )
        numbers = column.number.in_(bindparam("numbers", expanding=True))
        claimed = {"next_at": bindparam("until", type_=column.next_at.type), "attempt": column.attempt + 1}
        self._claim = update(events).where(numbers).values(claimed)
        # By its id, too: SQLite gives the number of the last one again when that is gone.
        self._delete = delete(events).where(numbers, column.id.in_(bindparam("ids", expanding=True)))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("next_at", "attempt", "handled")}
        is_it = (column.number == bindparam("one"), column.id == bindparam("one_id"))
        self._postpone = update(events).where(*is_it).values(values)
        self.end: Any = insert_new(ended, ended.c.name, dialect)
        self.resume: Any = delete(ended).where(ended.c.name == bindparam("handler"))
        self.ended: Any = select(ended.c.name)
        self.oldest: Any = select(column.at).order_by(column.number).limit(1)

    def add(self, connection: Connection, events: Iterable[Event]) -> None:
        """Keep new events."""
        connection.execute(self._insert, [_row(event) for event in events])

    def claim(self, connection: Connection, *, now: datetime, until: datetime, limit: int) -> list[Event]:
        """See EventRecords. Whoever has claimed an event holds it by its ``next_at``."""
        lock_sqlite(connection)
        rows = connection.execute(self._due, {"now": now, "limit": limit}).all()
        if rows:
            connection.execute(self._claim, {"numbers": [row.number for row in rows], "until": until})
        return [event for row in rows if (event := _event(row, until)) is not None]

    def settle(self, connection: Connection, told: Collection[Event], later: Collection[Event]) -> None:
        """See EventRecords."""
        if told:
            numbers = sorted(event.number for event in told)
            connection.execute(self._delete, {"numbers": numbers, "ids": [event.id for event in told]})
        if later:
            connection.execute(self._postpone, sorted(map(_postponed, later), key=itemgetter("one")))


def _row(event: Event) -> dict[str, Any]:
    return {
        **{name: getattr(event, name) for name in ("id", "at", "kind", "attempt", "next_at")},
        "upload_id": event.upload.id,
        "owner_id": event.upload.owner_id,
        "facts": event.upload.to_json(),
        "before": None if event.before is None else event.before.to_json(),
        "handled": _spelled(event.handled),
    }


def _postponed(event: Event) -> dict[str, Any]:
    values = {"next_at": event.next_at, "attempt": event.attempt, "handled": _spelled(event.handled)}
    return {"one": event.number, "one_id": event.id, **{f"new_{name}": value for name, value in values.items()}}


def _event(row: Row[Any], until: datetime) -> Event | None:
    try:
        upload = Upload.from_json(row.facts)
        before = None if row.before is None else Upload.from_json(row.before)
    except (KeyError, TypeError, ValueError):
        logger.exception("an event of another version is left alone: %s", row.id)
        return None
    return Event(
        **{name: getattr(row, name) for name in ("id", "at", "kind", "number")},
        upload=upload,
        before=before,
        attempt=row.attempt + 1,
        handled=frozenset(row.handled.split()),
        next_at=until,
    )


def _spelled(handled: frozenset[str]) -> str:
    return " ".join(sorted(handled))
