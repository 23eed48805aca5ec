"""Many records, read and changed in pages: each in a transaction of its own, which is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select

from chevupload.db.columns import follows
from chevupload.db.records import SqlRecords
from chevupload.model import Upload


class SqlPages(SqlRecords):
    """Reads and changes many records.

    Attributes:
        page_size: how many of them at a time.
    """

    page_size = 200

    def _pages(self, condition: ColumnElement[bool], *order: ColumnElement[Any]) -> Iterator[Upload]:
        """Yield uploads in the order of these columns, a page for each transaction."""
        query = self._statements.select.where(condition)
        page: Sequence[Upload] = ()
        while not page or len(page) == self.page_size:
            with self._database.connect() as connection:
                rows = connection.execute(page_of(query, order, self.page_size, page[-1] if page else None)).all()
                page = self._with_tags(connection, rows)
            yield from page
            if not page:
                return

    def _change_found(self, query: Select[Any], change: Executable) -> None:
        """Make a ``change`` of each value that ``query`` finds as ``found``, which the query then finds no more.

        It goes row by row and in order, so that several at once wait for each other and never deadlock.
        """
        page: Sequence[Any] = ()
        while not page or len(page) == self.page_size:
            with self._database.connect() as connection:
                page = connection.scalars(query.limit(self.page_size)).all()
            if not page:
                return
            with self._database.begin() as connection:
                connection.execute(change, [{"found": value} for value in page])


def page_of(query: Select[Any], order: Sequence[ColumnElement[Any]], limit: int, after: Upload | None) -> Select[Any]:
    """Return the query of a page in the order of these columns, which an index has: the first, or that after a row."""
    page = query.order_by(*order).limit(limit)
    return page if after is None else page.where(follows(order, after))
