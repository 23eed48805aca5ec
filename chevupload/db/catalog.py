"""The whole catalog in a database: every ability of records, each in a module of its own.

What each catalog has, from ``reserve`` to ``forget``, is in :mod:`chevupload.db.records`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Executable, select, true

from chevupload.clock import Clock, utc_now
from chevupload.db.audit import SqlAudit
from chevupload.db.consistency import SqlChecks
from chevupload.db.database import Database
from chevupload.db.duplicates import SqlDuplicates
from chevupload.db.erasing import SqlErasing
from chevupload.db.events import SqlEvents
from chevupload.db.host_session import HostSession, JoinedRecords
from chevupload.db.jobs import SqlJobs
from chevupload.db.moves import SqlMoves
from chevupload.db.owned import SqlOwned
from chevupload.db.records import SqlRecords, first_upload
from chevupload.db.search import SqlSearch
from chevupload.db.statements import Statements
from chevupload.db.sweep import SqlSweep
from chevupload.db.tables import Tables
from chevupload.db.usage import SqlUsage
from chevupload.db.views import SqlViews
from chevupload.model import Upload
from chevupload.protocols import UploadRecords
from chevupload.records.event import Event


class SqlCatalog(
    SqlOwned,
    SqlDuplicates,
    SqlViews,
    SqlSweep,
    SqlChecks,
    SqlSearch,
    SqlMoves,
    SqlJobs,
    SqlEvents,
    SqlUsage,
    SqlAudit,
    SqlErasing,
):
    """The catalog on the tables of uploads, tags, albums and categories.

    Attributes:
        database: where they are.
        tables: which they are.
    """

    def __init__(self, database: Database, *, tables: Tables | None = None, clock: Clock = utc_now) -> None:
        """Keep records in ``database``."""
        self.database = database
        self.tables = Tables.default() if tables is None else tables
        super().__init__(database, Statements(self.tables, database.engine.dialect), clock)

    def create_tables(self) -> None:
        """Make the tables that are missing.

        Raises:
            CatalogError: they cannot be made.
        """
        self.database.create_tables(self.tables)

    def withdraw(self, upload_id: str, *, event: Event | None = None) -> bool:
        """See EventRecords. It returns when a replica does not show the upload any more, or after two seconds."""
        is_withdrawn = super().withdraw(upload_id, event=event)
        if is_withdrawn:
            self.database.wait_for_reader(self._statements.get, {"upload_id": upload_id})
        return is_withdrawn

    def has_category(self, category_id: int) -> bool:
        """See CategoryRecords."""
        query = select(true()).where(self.tables.categories.c.id == category_id)
        with self._database.connect() as connection:
            return connection.execute(query).first() is not None

    def joined(self, session: Any, when_over: Callable[[], None] | None = None) -> UploadRecords:
        """Return records that are published inside the transaction of ``session``, an SQLAlchemy session of the host.

        The session's database is this catalog's. A name is reserved outside of the transaction, so that the record
        outlives a crash; only SQLite, which lets one transaction write at a time, has everything inside of it.
        """
        host = HostSession(session, self._uploads, self.database)
        if when_over is not None:
            host.when_over(when_over)
        if host.writes_alone:
            return SqlRecords(host, self._statements, self._clock)
        return JoinedRecords(self.database, self._statements, self._clock, host)

    def _read(self, query: Executable, parameters: dict[str, str]) -> Upload | None:
        return first_upload(self.database.rows(query, parameters))
