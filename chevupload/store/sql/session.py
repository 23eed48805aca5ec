"""Records inside a transaction of the host: its session's connection as a catalog uses it.

May know: the interfaces, the errors and the tables. Source: SQLAlchemy's pages on session events and on SQLite's
transactions.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import URL, Connection, Table, event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from chevupload.errors import ConfigError
from chevupload.interfaces import Catalog
from chevupload.store.sql.engine import Database, database_errors

logger = logging.getLogger("chevupload")

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
        with database_errors():
            bound_to = self._connection().engine
        if _place(bound_to.url) != _place(database.engine.url):
            raise ConfigError("the session's database is not the catalog's")
        self.writes_alone = bound_to.dialect.name == "sqlite"

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give the session's connection, in a part of its transaction that can fail alone."""
        with database_errors():
            connection = self._connection()
            if self.writes_alone:
                _begin_sqlite(connection)
            with connection.begin_nested():
                yield connection

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
        waiting.append(callback)

    def _connection(self) -> Connection:
        return self._session.connection(bind_arguments=self._bind)


def _place(url: URL) -> tuple[object, ...]:
    """Return which database ``url`` is, whatever driver and user it names."""
    return url.get_backend_name(), url.host, url.port, url.database


def _begin_sqlite(connection: Connection) -> None:
    """Begin the transaction that Python's driver puts off: a savepoint alone would commit when it is released."""
    driver: Any = connection.connection.dbapi_connection
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _tell(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is not None:
        return
    for callback in session.info.pop(_WAITING, ()):
        try:
            callback()
        except Exception:
            # The host's transaction is over, and its caller has no part in this; the sweep looks again.
            logger.exception("an upload could not be settled after its transaction")


class Joined:
    """A catalog that publishes inside the host's transaction, and does everything else outside of it."""

    def __init__(self, *, outside: Catalog, inside: Catalog) -> None:
        """Publish with ``inside``."""
        self._inside = inside
        self._outside = outside

    def publish(self, upload_id: str) -> None:
        """Make a pending upload ready, when the host's transaction commits."""
        self._inside.publish(upload_id)

    def __getattr__(self, name: str) -> Any:
        """Do everything else outside."""
        return getattr(self._outside, name)
