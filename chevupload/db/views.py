"""Counts of views."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from sqlalchemy import bindparam, select

from chevupload.clock import Clock
from chevupload.db.database import Transactions
from chevupload.db.pages import SqlPages
from chevupload.db.statements import Statements
from chevupload.db.upserts import insert_or_add


class SqlViews(SqlPages):
    """See ViewedRecords."""

    def __init__(self, database: Transactions, statements: Statements, clock: Clock) -> None:
        """Use these parts."""
        super().__init__(database, statements, clock)
        views, id_ = statements.tables.views, self._uploads.c.id
        self._add_views = insert_or_add(views, views.c.upload_id, [views.c.count], statements.dialect)
        self._are_ready = select(id_).where(id_.in_(bindparam("upload_ids", expanding=True)), statements.is_ready)

    def add_views(self, counts: Mapping[str, int]) -> None:
        """See ViewedRecords."""
        # In order, so that several processes that add views of the same uploads wait for each other.
        ordered = iter(sorted(counts))
        while page := list(islice(ordered, self.page_size)):
            with self._database.connect() as connection:
                ready = {*connection.scalars(self._are_ready, {"upload_ids": page})}
            if rows := [{"upload_id": id_, "count": counts[id_]} for id_ in page if id_ in ready]:
                with self._database.begin() as connection:
                    connection.execute(self._add_views, rows)
