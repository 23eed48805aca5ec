"""Engines with settings of ours: no wait without an end, and no connection that died meanwhile.

May know: nothing of the package. Sources: SQLite's pages on WAL, libpq's on its connection parameters, PyMySQL's on its
timeouts, SQLAlchemy's on disconnects.
"""

from __future__ import annotations

import os
import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url

_PAUSE_SECONDS = 0.05


def sqlite_engine(path: str | os.PathLike[str], *, busy_seconds: float = 30.0) -> Engine:
    """Return an engine for a SQLite file that many processes and threads can use at once.

    Args:
        path: the file; it is made when it is missing, its folder is not.
        busy_seconds: how long a writer waits for the others.
    """
    return _sqlite_engine(URL.create("sqlite", database=os.fspath(path)), busy_seconds)


def engine_from(url: str | URL, *, connect_seconds: int = 5, statement_seconds: int = 30) -> Engine:
    """Return an engine for the database at ``url``, in which each statement is a short one.

    What the URL says itself of any of these settings holds.

    Args:
        url: of SQLAlchemy's.
        connect_seconds: how long a connection may take, two at least.
        statement_seconds: how long a statement may take, and a free connection may be waited for.

    Raises:
        ArgumentError: it is no URL, or of no database that SQLAlchemy knows.
        ImportError: its driver is not installed.
    """
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        return _sqlite_engine(found, statement_seconds)
    waits = _waits(found, connect_seconds, statement_seconds)
    # Each transaction of ours changes rows that it finds by their keys. What MySQL and MariaDB lock besides, to read
    # the same rows twice, would only let uploads wait for each other.
    isolation = {"isolation_level": "READ COMMITTED"} if found.get_backend_name() in ("mysql", "mariadb") else {}
    return create_engine(
        found,
        connect_args={name: value for name, value in waits.items() if name not in found.query},
        pool_timeout=statement_seconds,
        # The server may have been started anew since a connection's last use, or have closed it for idleness.
        pool_pre_ping=True,
        # Titles, file names and digests have no place in a log.
        hide_parameters=True,
        **isolation,
    )


def _waits(url: URL, connect_seconds: int, statement_seconds: int) -> dict[str, Any]:
    """Return what tells the URL's driver how long to wait; of other drivers nothing is known."""
    waits: dict[str, Any] = {"connect_timeout": connect_seconds}
    match url.get_driver_name():
        case "psycopg" | "psycopg2":
            # The server ends a statement; the last two notice a server that cannot be reached any more.
            waits["options"] = f"-c statement_timeout={statement_seconds * 1000}"
            return waits | {"keepalives_idle": statement_seconds, "tcp_user_timeout": statement_seconds * 1000}
        case "pymysql" | "mysqldb":
            return waits | {"read_timeout": statement_seconds, "write_timeout": statement_seconds}
    return {}


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
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
