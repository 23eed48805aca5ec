"""A database as the stores use it: short transactions, safe across forks, with our own errors.

Sources: SQLite's page on how to corrupt a database (never carry a connection across a fork), SQLAlchemy's on engines
in several processes.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection, Engine, Executable, Row, inspect
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.schema import MetaData, Table

from chevupload.db.connect import POOLED
from chevupload.db.revisions import note_revision, noted_revision
from chevupload.db.tables import REVISION, Tables
from chevupload.errors import CatalogError, ConfigError

logger = logging.getLogger("chevupload")

_NO_TABLE = ("42P01", 1146)
_DUPLICATE = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "23505", 1062)
"""Sources: the lists of errors of SQLite, PostgreSQL and MySQL."""
_CREATE_ATTEMPTS = 20
_PAUSE_SECONDS = 0.05
_LAG_SECONDS = 2
_LAG_PAUSE_SECONDS = 0.02
_AWAY_SECONDS = 10
"""For how long a replica that does not answer is left alone: each upload's reader would wait for it."""


class Transactions(Protocol):
    """Gives connections, each for one block; their errors are ours, but for IntegrityError."""

    def begin(self) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction of its own, or in a part of the host's, that lasts when the block ends."""
        ...

    def connect(self) -> AbstractContextManager[Connection]:
        """Give a connection for reading."""
        ...

    def change(self) -> AbstractContextManager[Connection]:
        """Give a connection for one statement that changes something, which lasts as one of ``begin`` does."""
        ...


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Raise the database's errors as ours.

    Raises:
        CatalogError: the database cannot do its work.
        IntegrityError: a constraint was violated; only the caller knows what that means.
    """
    try:
        yield
    except SQLAlchemyError as error:
        _raise_as_ours(error)


def _raise_as_ours(error: SQLAlchemyError) -> NoReturn:
    if isinstance(error, IntegrityError):
        raise error
    raise CatalogError(_reason(error)) from error


def _reason(error: SQLAlchemyError) -> str:
    """Say what somebody can do about an error, where that is known."""
    code = error_code(error)
    if code == "SQLITE_BUSY":
        return "another transaction holds the database: end it first, or join it by session="
    if code in _NO_TABLE or "no such table" in str(getattr(error, "orig", None)):
        return "the database cannot do its work: its tables are missing: create-tables or db upgrade makes them"
    return "the database cannot do its work"


def error_code(error: object) -> str | int | None:
    """Return an error's name in SQLite, its five characters in PostgreSQL, its number in MySQL; None if nobody says."""
    cause = getattr(error, "orig", None)
    # Numbers first: drivers of MySQL have an SQLSTATE besides, which is the same for every constraint.
    first = next(iter(getattr(cause, "args", ())), None)
    number = first if isinstance(first, int) else getattr(cause, "errno", None)
    name = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return number or name or getattr(cause, "pgcode", None)


def is_duplicate(error: IntegrityError) -> bool:
    """Whether an index has what was to be unique; it is what a driver means that does not say."""
    return error_code(error) in (None, *_DUPLICATE)


def _alone(connection: Connection) -> Connection:
    """Let each statement of a connection stand alone, if that saves the messages that begin and end a transaction.

    PostgreSQL's drivers only note it. Those of MySQL and MariaDB say it to the server, each time; SQLite's begin no
    transaction for reading. Behind a pooler the limit of a statement needs a transaction, see
    :mod:`chevupload.db.connect`.
    """
    if connection.dialect.name != "postgresql" or connection.info.get(POOLED):
        return connection
    return connection.execution_options(isolation_level="AUTOCOMMIT")


class Database:
    """An engine, opened anew in every process that is forked after its construction.

    Fork before threads use it, as servers do: SQLite's own locks, held by another thread at that moment, stay held in
    the child.

    Attributes:
        engine: the engine itself; it stays the owner's, who disposes of it.
    """

    def __init__(self, engine: Engine, *, reader: Engine | None = None) -> None:
        """Use ``engine``, and ``reader`` for what may lag behind: the engine of a replica.

        Raises:
            ConfigError: the two are of different kinds of databases.
        """
        if reader is not None and reader.dialect.name != engine.dialect.name:
            raise ConfigError(f"a replica of {engine.dialect.name} cannot be {reader.dialect.name}")
        self.engine = engine
        self._reader = None if reader is None else Database(reader)
        self._reader_since = -math.inf
        """When the replica may be asked again, by the clock that only goes forward."""
        self._process = os.getpid()
        self._locks: dict[int, threading.Lock] = {}
        self._inherited: list[Any] = []

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give a connection in a transaction that commits when the block ends well.

        Raises:
            CatalogError: the database cannot do its work.
            IntegrityError: a constraint was violated; only the caller knows what that means.
        """
        # Not by database_errors(), here and below: a generator within another for each transaction.
        try:
            with self._own_engine().begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            _raise_as_ours(error)

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a connection for reading.

        Raises:
            CatalogError: the database cannot do its work.
        """
        try:
            with self._own_engine().connect() as connection:
                yield _alone(connection)
        except SQLAlchemyError as error:
            _raise_as_ours(error)

    def rows(self, query: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Return what a query finds at the replica, or here where that finds nothing, is away, or is not there.

        Raises:
            CatalogError: the database cannot do its work.
        """
        found = self._lagging(query, parameters)
        if found:
            return found
        with self.connect() as connection:
            return connection.execute(query, parameters).all()

    def wait_for_reader(self, query: Executable, parameters: Mapping[str, Any]) -> None:
        """Wait until the replica finds nothing any more, for two seconds at most."""
        end = time.monotonic() + _LAG_SECONDS
        while self._lagging(query, parameters):
            if time.monotonic() >= end:
                logger.warning("the replica is more than %s seconds behind", _LAG_SECONDS)
                return
            time.sleep(_LAG_PAUSE_SECONDS)

    def _lagging(self, query: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Return what a query finds at the replica: nothing where there is none, or where it is away."""
        if self._reader is None or time.monotonic() < self._reader_since:
            return ()
        try:
            with self._reader.connect() as connection:
                return connection.execute(query, parameters).all()
        except CatalogError:
            self._reader_since = time.monotonic() + _AWAY_SECONDS
            logger.warning("the replica is away, and is not asked for %s seconds", _AWAY_SECONDS, exc_info=True)
            return ()

    @contextlib.contextmanager
    def change(self) -> Iterator[Connection]:
        """Give a connection for one statement that changes something, which lasts when the block ends.

        Raises:
            CatalogError: the database cannot do its work.
            IntegrityError: a constraint was violated; only the caller knows what that means.
        """
        try:
            with self._own_engine().connect() as connection:
                yield _alone(connection)
                connection.commit()
        except SQLAlchemyError as error:
            _raise_as_ours(error)

    def create_tables(self, tables: Iterable[Table] | None = None) -> None:
        """Make the tables that are missing; several processes may do so at once.

        Where none of the ready tables was there, their revision is noted for the migrations. Where another revision is
        noted they are those of another version, and are left to the migrations.

        Raises:
            CatalogError: they cannot be made.
        """
        wanted = list(Tables.default() if tables is None else tables)
        is_first = False
        if set(wanted) == set(Tables.default()):
            with self.connect() as connection:
                if noted_revision(connection) not in (None, REVISION):
                    return
                is_first = not any(map(inspect(connection).has_table, [table.name for table in wanted]))
        groups: dict[MetaData, list[Table]] = {}
        for table in wanted:
            groups.setdefault(table.metadata, []).append(table)
        for attempt in range(1, _CREATE_ATTEMPTS + 1):
            try:
                with self._own_engine().begin() as connection:
                    for metadata, members in groups.items():
                        metadata.create_all(connection, tables=members)
                    if is_first:
                        # Last, so that it says that all of them are there.
                        note_revision(connection)
                return
            except SQLAlchemyError as error:
                # Another process may have made one of them between our look and our attempt; the next look sees it.
                if attempt == _CREATE_ATTEMPTS:
                    raise CatalogError("the tables cannot be made") from error
                time.sleep(_PAUSE_SECONDS)

    def _own_engine(self) -> Engine:
        """Return the engine, with no connection of a parent process in it."""
        process = os.getpid()
        if self._process != process:
            # A lock for each process: a common one might be held, at the moment of the fork, by a thread that the
            # child does not have.
            with self._locks.setdefault(process, threading.Lock()):
                if self._process != process:
                    # Kept alive and never closed: closing an inherited connection says goodbye on the parent's socket.
                    self._inherited.append(self.engine.pool)
                    self.engine.dispose(close=False)
                    self._process = process
        return self.engine
