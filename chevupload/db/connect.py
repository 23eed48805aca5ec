"""Engines with settings of ours: no wait without an end, and no connection that died meanwhile.

Sources: SQLite's pages on WAL, libpq's on its connection parameters, PyMySQL's on its timeouts, SQLAlchemy's on
disconnects, PgBouncer's features of its pooling modes, psycopg's on prepared statements.
"""

from __future__ import annotations

import os
import select
import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError

from chevupload.filesystem import local_path

_PAUSE_SECONDS = 0.05

_IDLE_SECONDS = 10
_USED = "chevupload.used"
"""Where a connection keeps when it was given back, by the clock that only goes forward."""

_POSTGRES_DRIVERS = ("psycopg", "psycopg2")
_STATEMENT_TIMEOUT = """
    SELECT source IN ('client', 'user', 'database', 'database user'), pg_catalog.pg_backend_pid()
    FROM pg_catalog.pg_settings WHERE name = 'statement_timeout'
"""
"""Whether somebody set it for the connection, the role or the database; and the number of the process that answers."""
POOLED = "chevupload.pooled"
"""Where a connection keeps whether each of its transactions has to set the time of a statement."""


def sqlite_engine(path: str | os.PathLike[str], *, busy_seconds: float = 30.0) -> Engine:
    """Return an engine for a SQLite file that many processes and threads can use at once.

    Args:
        path: the file, ``~`` the home folder; it is made when it is missing, its folder is not.
        busy_seconds: how long a writer waits for the others.
    """
    return _sqlite_engine(URL.create("sqlite", database=os.fspath(path)), busy_seconds)


def sqlite_below(url: str, folder: str | os.PathLike[str]) -> str:
    """Return a URL whose SQLite file, if it is not absolute, begins in ``folder``; any other URL as it is."""
    try:
        found = make_url(url)
    except ArgumentError:
        # It is refused where it is used.
        return url
    file = found.database
    if found.get_backend_name() != "sqlite" or not file or file.startswith(("/", ":memory:", "file:")):
        return url
    return found.set(database=str(local_path(file, below=folder))).render_as_string(hide_password=False)


def lock_sqlite(connection: Connection) -> None:
    """Begin the transaction of a SQLite connection now, as the only one that writes; others need no such beginning.

    Python's driver puts that off until the first change, and what was read before may be another's by then.
    """
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite" and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def engine_from(url: str | URL, *, connect_seconds: int = 5, statement_seconds: int = 30) -> Engine:
    """Return an engine for the database at ``url``, in which each statement is a short one.

    What the URL says itself of any of these settings holds, and so does a ``statement_timeout`` of PostgreSQL's that
    somebody set for the role or the database. Poolers in front of PostgreSQL may share connections by transactions.

    Args:
        url: of SQLAlchemy's.
        connect_seconds: how long a connection may take, two at least.
        statement_seconds: how long a statement may take, and a free connection may be waited for.

    Raises:
        ArgumentError: it is no URL, or of no database that SQLAlchemy knows, or ``prepare_threshold`` is no number.
        ImportError: its driver is not installed.
    """
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        return _sqlite_engine(found, statement_seconds)
    arguments = _waits(found, connect_seconds, statement_seconds)
    if found.get_driver_name() == "psycopg":
        arguments["prepare_threshold"] = _prepare_threshold(found)
        found = found.difference_update_query(["prepare_threshold"])
    # Each transaction of ours changes rows that it finds by their keys. What MySQL and MariaDB lock besides, to read
    # the same rows twice, would only let uploads wait for each other.
    isolation = {"isolation_level": "READ COMMITTED"} if found.get_backend_name() in ("mysql", "mariadb") else {}
    engine = create_engine(
        found,
        connect_args={name: value for name, value in arguments.items() if name not in found.query},
        pool_timeout=statement_seconds,
        # Titles, file names and digests have no place in a log.
        hide_parameters=True,
        **isolation,
    )
    _ping_if_needed(engine)
    if found.get_driver_name() in _POSTGRES_DRIVERS:
        _limit_statements(engine, statement_seconds)
    return engine


def _waits(url: URL, connect_seconds: int, statement_seconds: int) -> dict[str, Any]:
    """Return what tells the URL's driver how long to wait; of other drivers nothing is known."""
    waits: dict[str, Any] = {"connect_timeout": connect_seconds}
    match url.get_driver_name():
        case driver if driver in _POSTGRES_DRIVERS:
            # They notice a server that cannot be reached any more.
            return waits | {"keepalives_idle": statement_seconds, "tcp_user_timeout": statement_seconds * 1000}
        case "pymysql" | "mysqldb":
            return waits | {"read_timeout": statement_seconds, "write_timeout": statement_seconds}
    return {}


def _prepare_threshold(url: URL) -> int | None:
    """Return after how many uses psycopg prepares a statement: never, unless the URL says a number.

    A prepared statement stays in one process of the server, and behind a pooler the next transaction may be in another,
    which does not know it. For the short statements of an upload it saves nothing that can be measured.

    Raises:
        ArgumentError: it says something else.
    """
    chosen = url.query.get("prepare_threshold")
    if chosen is None:
        return None
    try:
        return int(str(chosen))
    except ValueError:
        raise ArgumentError("prepare_threshold of a database URL must be a whole number") from None


def _ping_if_needed(engine: Engine) -> None:
    """Ask whether the server is still there, and connect anew if not, before a connection is used that may have died.

    A server that ends, or ends a connection for its idleness, says so: there is something to read. Only a server, or a
    firewall in between, that went without a word needs to be asked, which is done after some idle seconds.
    """

    @event.listens_for(engine, "checkin")
    def note(driver: Any, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(driver: Any, record: Any, fairy: Any) -> None:
        used = record.info.pop(_USED, None)
        if used is None or (time.monotonic() - used < _IDLE_SECONDS and _has_nothing_to_say(driver)):
            return
        try:
            is_there = engine.dialect.do_ping(driver)
        except engine.dialect.loaded_dbapi.Error as error:
            if not engine.dialect.is_disconnect(error, driver, None):
                raise
            is_there = False
        if not is_there:
            raise InvalidatePoolError


def _has_nothing_to_say(driver: Any) -> bool:
    """Whether the server has sent nothing that was not asked for; False where the driver does not show its socket."""
    try:
        readable, _, _ = select.select([getattr(driver, "_sock", driver)], [], [], 0)
    except Exception:
        return False
    return not readable


def _limit_statements(engine: Engine, seconds: int) -> None:
    """Let PostgreSQL end each statement after so many seconds, unless somebody set such a time already.

    Set when a connection begins, it costs a transaction nothing. Behind a pooler a setting would stay with a process of
    the server, which the next transaction may not get, and somebody else will: there each transaction sets it for
    itself, in one more message. As a parameter of the connection, poolers refuse it, or ignore it in silence.

    A pooler is known by the process that answers, which is not the one that the connection was told it has: since that
    number serves to cancel statements, each pooler gives out numbers of its own.
    """
    limit = f"statement_timeout = {seconds * 1000}"

    @event.listens_for(engine, "connect")
    def connect(driver: Any, record: Any) -> None:
        driver.autocommit = True
        with driver.cursor() as cursor:
            cursor.execute(_STATEMENT_TIMEOUT)
            is_set, process = cursor.fetchone()
            record.info[POOLED] = not is_set and process != driver.info.backend_pid
            if not is_set and not record.info[POOLED]:
                cursor.execute(f"SET {limit}")
        driver.autocommit = False

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.info[POOLED]:
            connection.exec_driver_sql(f"SET LOCAL {limit}")


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    if url.database and url.database.startswith("~"):
        url = url.set(database=str(local_path(url.database)))
    engine = create_engine(
        url,
        # A transaction takes the write lock before its first change: one that reads first and locks later fails at
        # once, however long the wait, when somebody else has written in between.
        connect_args={"isolation_level": "IMMEDIATE"} | ({} if "timeout" in url.query else {"timeout": busy_seconds}),
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: Any) -> None:
        _enable_wal(connection, busy_seconds)
        # NORMAL keeps every commit when the process dies; at a power failure the last ones may be lost, never torn.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


def _enable_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Switch to WAL. SQLite does not wait for others here as it does elsewhere, so this waits itself."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
