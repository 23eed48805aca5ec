"""How uploads are found that somebody means, and counted: for an operator, who may wait.

No statement of a search reads more rows than a window has, or than are an owner's, which have an index. Statistics read
the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true

from chevupload.db.pages import SqlPages
from chevupload.formats import BY_EXTENSION
from chevupload.model import Upload
from chevupload.policy.quota import Usage
from chevupload.records.selection import EVERYTHING, Selection, Statistics

WINDOW = 10_000
"""How many rows one statement of a search by the primary key reads at most."""


class SqlSearch(SqlPages):
    """See SearchableRecords."""

    def search(self, selection: Selection = EVERYTHING) -> Iterator[Upload]:
        """See SearchableRecords. An owner's come by their time, which has an index, the others by their ids."""
        column = self._uploads.c
        order = (column.id,) if selection.owner_id is None else (column.received_at, column.id)
        for condition in self._windows(selection):
            yield from self._pages(condition, *order)

    def count(self, selection: Selection) -> Usage:
        """See SearchableRecords."""
        total, query = Usage(), select(*self._totals())
        for condition in self._windows(selection):
            with self._database.connect() as connection:
                total += _usage(connection.execute(query.where(condition)).one())
        return total

    def _windows(self, selection: Selection) -> Iterator[ColumnElement[bool]]:
        """Yield what is true of the uploads of a selection, one window after the other; an owner's are one window."""
        id_, condition = self._uploads.c.id, and_(self._statements.is_ready, *self._conditions(selection))
        if selection.owner_id is not None:
            yield condition
            return
        after: str | None = ""
        while after is not None:
            # None of the last window.
            end = select(id_).where(id_ > after).order_by(id_).offset(WINDOW - 1).limit(1)
            with self._database.connect() as connection:
                last = connection.scalar(end)
            yield and_(id_ > after, true() if last is None else id_ <= last, condition)
            after = last

    def statistics(self, *, owners: int) -> Statistics:
        """See SearchableRecords. Each of two statements reads the whole table."""
        column, totals = self._uploads.c, self._totals()
        # Not the condition of is_ready, which looks for each row by itself: this one reads the small table once.
        pending = select(self._statements.tables.pending.c.upload_id)
        is_stored = and_(column.state == "ready", column.id.not_in(pending))
        by_extension: Any = select(column.extension, *totals).where(is_stored).group_by(column.extension)
        by_owner: Any = select(column.owner_id, *totals).where(is_stored).group_by(column.owner_id)
        most = by_owner.order_by(totals[1].desc(), column.owner_id).limit(owners)
        with self._database.connect() as connection:
            formats = connection.execute(by_extension).all()
            found = connection.execute(most).all() if owners else ()
        return Statistics(
            by_extension={row.extension: _usage(row) for row in formats},
            by_owner=[(row.owner_id, _usage(row)) for row in found],
        )

    def _totals(self) -> tuple[Any, Any]:
        """Return what counts uploads, and bytes."""
        size = self._statements.usage.sizes["all"]
        return func.count().label("files"), func.coalesce(func.sum(size), 0).label("bytes")

    def _conditions(self, wanted: Selection) -> Iterator[ColumnElement[bool]]:
        column = self._uploads.c
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


def _usage(row: Any) -> Usage:
    # The sum of whole numbers is a Decimal in some databases.
    return Usage(files=row.files, bytes=int(row.bytes))
