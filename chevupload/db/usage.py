"""What owners keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, select

from chevupload.db.records import SqlRecords
from chevupload.policy.quota import Counted, Usage


class SqlUsage(SqlRecords):
    """See UsageRecords."""

    def usage(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """See UsageRecords."""
        with self._database.connect() as connection:
            used = self._statements.usage.read(connection, owner_id)
            return self._statements.usage.count(connection, owner_id, counted) if used is None else used

    def owners(self) -> Iterator[str | None]:
        """See UsageRecords."""
        yield None
        known = self._statements.usage
        yield from self._values(self._statements.tables.usage.c.owner_id)
        for owner_id in self._values(self._uploads.c.owner_id):
            with self._database.connect() as connection:
                is_known = known.read(connection, owner_id) is not None
            if not is_known:
                yield owner_id

    def _values(self, column: ColumnElement[Any]) -> Iterator[str]:
        """Yield the different values of a column, but for NULL and the empty text, each by a look into its index."""
        query, condition = select(column).order_by(column).limit(1), column.is_not(None)
        while True:
            with self._database.connect() as connection:
                value = connection.scalar(query.where(condition))
            if value is None:
                return
            if value:
                yield value
            condition = column > value
