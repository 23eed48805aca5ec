"""Uploads of the same bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Executable, and_, bindparam, exists, or_, select

from chevupload.clock import Clock
from chevupload.db.columns import Unindexed
from chevupload.db.database import Transactions
from chevupload.db.records import SqlRecords
from chevupload.db.statements import Statements
from chevupload.model import Upload


class SqlDuplicates(SqlRecords):
    """See DuplicateRecords."""

    def __init__(self, database: Transactions, statements: Statements, clock: Clock) -> None:
        """Use these parts."""
        super().__init__(database, statements, clock)
        owner_id = self._uploads.c.owner_id
        self._duplicate = self._look_for_duplicate(owner_id == bindparam("owner_id"))
        self._guest_duplicate = self._look_for_duplicate(owner_id.is_(None))

    def has_duplicate(self, md5: str, *, owner_id: str | None, since: datetime) -> bool:
        """See DuplicateRecords."""
        query = self._guest_duplicate if owner_id is None else self._duplicate
        with self._database.connect() as connection:
            return bool(connection.scalar(query, {"md5": md5, "owner_id": owner_id, "since": since}))

    def duplicates(
        self, md5: str, *, field: Literal["md5", "source_md5"], owner_id: str, now: datetime, limit: int
    ) -> list[Upload]:
        """See DuplicateRecords."""
        column, ask = self._uploads.c, self._statements
        query = ask.select.where(column.owner_id == owner_id, column[field] == md5, ask.is_ready, ask.is_alive)
        query = query.order_by(Unindexed(column.received_at).desc(), column.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(query, {"now": now}).all())

    def _look_for_duplicate(self, is_owners: ColumnElement[bool]) -> Executable:
        """Ask for each of the two hashes by itself: each has an index that ends at the time, and no other is read."""
        column = self._uploads.c
        since = bindparam("since", type_=column.received_at.type)
        is_recent = and_(is_owners, Unindexed(column.received_at) >= since, self._statements.is_ready)
        hashes = (column.md5, column.source_md5)
        return select(or_(*(exists().where(is_recent, one == bindparam("md5", type_=one.type)) for one in hashes)))
