"""How uploads are found that somebody means, and counted: for an operator, who may wait.

No statement of a search reads more rows than a window has, or than are an owner's, which have an index. Statistics read
the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select

from chevupload.db.records import Statements
from chevupload.db.tables import Tables
from chevupload.formats import BY_EXTENSION
from chevupload.records.selection import Selection

WINDOW = 10_000
"""How many rows one statement of a search by the primary key reads at most."""


class SearchQueries:
    """The queries. They are run by the catalog."""

    def __init__(self, tables: Tables, statements: Statements) -> None:
        """Ask ``tables``."""
        self._column = column = tables.uploads.c
        self._is_ready = statements.is_ready
        ids: Any = select(column.id).where(column.id > bindparam("after")).order_by(column.id)
        self.window_end = ids.offset(WINDOW - 1).limit(1)
        """The last id of the window that begins ``after`` another id; none of the last window."""
        size = statements.usage.sizes["all"]
        totals = func.count().label("files"), func.coalesce(func.sum(size), 0).label("bytes")
        self.totals: Any = select(*totals)
        """How many uploads, and bytes; a condition is to be added."""
        # Not the condition of is_ready, which looks for each row by itself: this one reads the small table once.
        pending = select(tables.pending.c.upload_id)
        is_stored = and_(column.state == "ready", column.id.not_in(pending))
        self.by_extension: Any = select(column.extension, *totals).where(is_stored).group_by(column.extension)
        most: Any = select(column.owner_id, *totals).where(is_stored).group_by(column.owner_id)
        self.by_owner: Select[Any] = most.order_by(totals[1].desc(), column.owner_id).limit(bindparam("owners"))

    def order(self, selection: Selection) -> tuple[ColumnElement[Any], ...]:
        """Return by what the uploads come: an owner's by their time, which has an index, the others by their ids."""
        return (self._column.id,) if selection.owner_id is None else (self._column.received_at, self._column.id)

    def condition(self, selection: Selection) -> ColumnElement[bool]:
        """Return what is true of the uploads of a selection."""
        return and_(self._is_ready, *self._conditions(selection))

    def in_window(self, after: str, last: str | None) -> ColumnElement[bool]:
        """Return what is true of the uploads of the window behind ``after`` that ends with ``last``, if it is known."""
        is_behind = self._column.id > after
        return is_behind if last is None else and_(is_behind, self._column.id <= last)

    def _conditions(self, wanted: Selection) -> Iterator[ColumnElement[bool]]:
        column = self._column
        if wanted.owner_id is not None:
            yield column.owner_id == wanted.owner_id
        if wanted.of_guests:
            yield column.owner_id.is_(None)
        if wanted.received_from is not None:
            yield column.received_at >= wanted.received_from
        if wanted.received_before is not None:
            yield column.received_at < wanted.received_before
        if wanted.min_bytes is not None:
            yield column.size >= wanted.min_bytes
        if wanted.max_bytes is not None:
            yield column.size <= wanted.max_bytes
        if wanted.md5 is not None:
            yield or_(column.md5 == wanted.md5, column.source_md5 == wanted.md5)
        if wanted.album_id is not None:
            yield column.album_id == wanted.album_id
        if wanted.type is not None:
            yield column.extension.in_([name for name, row in BY_EXTENSION.items() if row.kind == wanted.type])
