"""Records inside a transaction of the host: its session's connection as a catalog uses it.

Source: SQLAlchemy's pages on session events and on SQLite's transactions.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import URL, Connection, Delete, Engine, Table, delete, event, false
from sqlalchemy.exc import IntegrityError, UnboundExecutionError
from sqlalchemy.orm import Session, SessionTransaction, registry, scoped_session

from chevupload.audit import AuditEntry
from chevupload.clock import Clock
from chevupload.db.connect import lock_sqlite
from chevupload.db.database import Database, database_errors
from chevupload.db.records import SqlRecords
from chevupload.db.statements import Statements
from chevupload.errors import CatalogError, ConfigError, NameTaken
from chevupload.model import Album, Upload
from chevupload.policy.quota import UNLIMITED, Counted, Quota
from chevupload.records.event import Event

logger = logging.getLogger("chevupload")

_UNNOTICED = {"synchronize_session": False, "autoflush": False}
"""The host's own objects stay as they are."""

_WAITING = "chevupload.waiting"
"""Where a session keeps whom to tell when its transaction is over."""


class HostSession:
    """The connection of a host's session, whose transaction the host ends.

    Attributes:
        writes_alone: whether nobody else can write while the session's transaction does, as in SQLite.
    """

    def __init__(self, session: Any, table: Table, database: Database) -> None:
        """Use ``session``, an SQLAlchemy session or a registry of them, on the connection that it has for ``table``.

        Raises:
            ConfigError: it is no session, or its database is another than ``database``.
        """
        self._session: Session = session() if isinstance(session, scoped_session) else session
        if not isinstance(self._session, Session):
            raise ConfigError(f"not an SQLAlchemy session: {session!r}")
        self._bind = {"clause": table} if self._session.bind is None else {}
        self._names: set[str] = set()
        try:
            with database_errors():
                bound_to = self._connection().engine
        except CatalogError as error:
            if isinstance(error.__cause__, UnboundExecutionError):
                raise ConfigError("the session has no database for the catalog's tables") from error
            raise
        if not _is_same(bound_to, database.engine):
            raise ConfigError("the session's database is not the catalog's")
        self._change = _unchanging(table)
        self.writes_alone = bound_to.dialect.name == "sqlite"
        if self.writes_alone and not event.contains(bound_to.pool, "reset", _end_sqlite):
            event.listen(bound_to.pool, "reset", _end_sqlite)

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give the session's connection, in a part of its transaction that can fail alone."""
        with database_errors():
            connection = self._connection()
            # A savepoint alone would commit when it is released.
            lock_sqlite(connection)
            with connection.begin_nested():
                yield connection
                self._session.execute(self._change, execution_options=_UNNOTICED)

    change = begin

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give the session's connection for reading."""
        with database_errors():
            yield self._connection()

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when the session's transaction is over, however it ended."""
        waiting = self._session.info.setdefault(_WAITING, [])
        if not event.contains(self._session, "after_transaction_end", _tell):
            event.listen(self._session, "after_transaction_end", _tell)
        waiting.append(_Waiting(self._connection(), callback, self._names))

    def is_taken(self, upload: Upload) -> bool:
        """Whether the transaction holds the id or name of ``upload``: the database would tell when it is over."""
        return any(_names(upload) & waiting.names for waiting in self._session.info.get(_WAITING, ()))

    def take(self, upload: Upload) -> None:
        """Remember the id and name of ``upload``."""
        self._names |= _names(upload)

    def _connection(self) -> Connection:
        return self._session.connection(bind_arguments=self._bind)


@functools.cache
def _unchanging(table: Table) -> Delete:
    """Return a statement of the ORM that changes nothing.

    Those who watch a session for changes do not see statements on its connection, and zope.sqlalchemy rolls back a
    transaction without any; this one they see.
    """
    return delete(registry().map_imperatively(type("Watched", (), {}), table)).where(false())


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Who waits for the end of a transaction: on which connection, and for which ids and names."""

    connection: Connection
    callback: Callable[[], None]
    names: set[str]


def _names(upload: Upload) -> set[str]:
    return {f"id:{upload.id}", f"stem:{upload.stem.lower()}"}


def _is_same(one: Engine, other: Engine) -> bool:
    """Whether two engines reach one database; in memory, each has its own."""
    is_in_memory = one.dialect.name == "sqlite" and one.url.database in (None, "", ":memory:")
    return one.pool is other.pool or (not is_in_memory and _place(one.url) == _place(other.url))


def _place(url: URL) -> tuple[object, ...]:
    """Return which database ``url`` leads to; its driver and user make no difference."""
    # Two names for one dialect.
    backend = url.get_backend_name().replace("mariadb", "mysql")
    return backend, url.host, url.port, url.database, *map(url.query.get, ("host", "port", "service", "unix_socket"))


def _end_sqlite(driver: Any, *state: Any) -> None:
    """Roll back what a failed commit left open, before anybody else gets the connection.

    SQLite keeps the transaction, for a deferred foreign key for example, and SQLAlchemy takes it for ended. The next
    user of the connection would see the changes, and could commit them.
    """
    if driver is not None and driver.in_transaction:
        driver.rollback()


def _tell(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is not None:
        return
    everybody: list[_Waiting] = session.info.pop(_WAITING, [])
    # A transaction that was begun around the session, as in a host's tests, is not over: a look from outside would
    # see nothing, or wait for ever. They are told at the session's next end.
    held = [waiting for waiting in everybody if waiting.connection.in_transaction()]
    if held:
        session.info[_WAITING] = held
    for waiting in everybody:
        if waiting in held:
            continue
        try:
            waiting.callback()
        except Exception:
            # The host's transaction is over, and its caller has no part in this; the sweep looks again.
            logger.exception("an upload could not be settled after its transaction")


class JoinedRecords(SqlRecords):
    """Records that are published inside the host's transaction, with albums that are read and changed there.

    Everything else is done outside of it.
    """

    def __init__(self, database: Database, statements: Statements, clock: Clock, host: HostSession) -> None:
        """Publish inside the transaction of ``host``."""
        super().__init__(database, statements, clock)
        self._host = self._album_database = host
        self._inside = SqlRecords(host, statements, clock)

    def reserve(
        self,
        upload: Upload,
        *,
        taken_until: datetime | None = None,
        counted: Counted | None = None,
        quota: Quota = UNLIMITED,
        album: Album | None = None,
    ) -> None:
        """See TicketRecords, UsageRecords and EditableAlbumRecords.

        Raises:
            NameTaken: also if an upload of this transaction has the id or name: from outside nobody learns whether it
                is taken before the transaction is over, which waits for the answer.
        """
        if self._host.is_taken(upload):
            raise NameTaken("id or name taken in this transaction")
        with self._kept(album):
            super().reserve(upload, taken_until=taken_until, counted=counted, quota=quota)
        self._host.take(upload)

    @contextlib.contextmanager
    def _kept(self, album: Album | None) -> Iterator[None]:
        """Keep a new album in the host's transaction, if the block ends well."""
        if album is None:
            yield
            return
        try:
            with self._host.begin() as connection:
                self.insert_album(connection, album)
                yield
        except IntegrityError as error:
            raise self.album_error(album) from error

    def publish(self, upload_id: str, *, event: Event | None = None) -> None:
        """Make a pending upload ready, when the host's transaction commits."""
        self._inside.publish(upload_id, event=event)

    def change(
        self, upload_id: str, values: Mapping[str, Any], *, now: datetime, events: bool = False
    ) -> tuple[Upload, Upload] | None:
        """Change a ready upload, when the host's transaction commits."""
        return self._inside.change(upload_id, values, now=now, events=events)

    def add_audit(self, entry: AuditEntry) -> None:
        """Keep an event of the audit log, when the host's transaction commits."""
        self._inside.add_audit(entry)
