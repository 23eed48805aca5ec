"""The uploads of an owner, listed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, not_, or_, text, true

from chevupload.db.columns import VIDEOS
from chevupload.db.records import SqlRecords
from chevupload.model import Cursor, Upload, UploadType


class SqlOwned(SqlRecords):
    """See OwnedRecords."""

    def owned(
        self,
        owner_id: str,
        *,
        now: datetime,
        limit: int,
        before: Cursor | None = None,
        album_id: str | None = None,
        type: UploadType | None = None,
        query: str | None = None,
    ) -> list[Upload]:
        """See OwnedRecords."""
        column, ask = self._uploads.c, self._statements
        page = ask.select.where(ask.is_ready, ask.is_alive)
        is_owners: ColumnElement[bool] = column.owner_id == owner_id
        is_of_type: Any = true() if type is None else text(VIDEOS if type == "video" else f"NOT {VIDEOS}")
        if album_id is not None:
            # The others are written so that no other index is looked at: the owner may have a million uploads, and the
            # album ten old ones. By "<>" PostgreSQL expects that nearly all fit, and reads the album's in its order.
            fits = case((and_(is_owners, is_of_type), 1), else_=0) != 0
            page = page.where(column.album_id == album_id, fits)
        elif type == "video" and ask.dialect.name == "sqlite":
            # By "IS" the owner's index, which has no guests, cannot be read, and of two that can SQLite takes any.
            page = page.where(column.owner_id.is_not_distinct_from(owner_id), is_of_type)
        else:
            page = page.where(is_owners, is_of_type)
        if query is not None:
            texts = (column.title, column.description, column.name, column.original_filename)
            page = page.where(or_(*(one.icontains(query, autoescape=True) for one in texts)))
        if before is not None:
            # An index begins to read at the first of the two. The second is written so that PostgreSQL expects that
            # nearly all rows fit, since hardly any has that very time, and does not sort what is left of a list.
            is_same_or_later = and_(column.received_at == before.received_at, column.id >= before.id)
            page = page.where(column.received_at <= before.received_at, not_(is_same_or_later))
        page = page.order_by(column.received_at.desc(), column.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(page, {"now": now}).all())
