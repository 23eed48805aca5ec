"""A database survives many processes, forks and faults, and every fault is told as ours."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import IntegrityError

from chevupload.db import Database, SqlCatalog, Tables, sqlite_engine
from chevupload.db import database as engine_module
from chevupload.db.database import database_errors
from chevupload.errors import CatalogError

RACER = """
import sys
from datetime import UTC, datetime
from chevupload.errors import NameTaken
from chevupload.model import Upload
from chevupload.db import Database, SqlCatalog, sqlite_engine

path, process = sys.argv[1:]
engine = sqlite_engine(path)
database = Database(engine)
database.create_tables()
catalog = SqlCatalog(database)
now = datetime(2026, 1, 1, tzinfo=UTC)
wins = []
for number in range(25):
    upload = Upload(
        id=f"{process}-{number}", owner_id=None, created_at=now, received_at=now, folder="", name=f"n{number}",
        extension="png", size=1, width=1, height=1, md5="0" * 32, original_filename="a.png", storage_mode="direct",
        tags=("all", f"t{number}"),
    )
    try:
        catalog.reserve(upload)
        catalog.publish(upload.id)
        wins.append(str(number))
    except NameTaken:
        pass
engine.dispose()
print(" ".join(wins))
"""


@pytest.mark.slow
def test_of_many_processes_one_gets_each_name_and_none_is_locked_out(tmp_path):
    """A server's processes may all start on a file that does not exist yet and write at once:
    each name has one winner, every tag is there, and nobody fails because another one writes."""
    path = str(tmp_path / "new.db")
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", RACER, path, str(number)], stdout=subprocess.PIPE)
        for number in range(8)
    ]
    outputs = [process.communicate()[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8
    wins = [int(number) for output in outputs for number in output.split()]
    assert sorted(wins) == list(range(25))
    engine = sqlite_engine(path)
    uploads = list(SqlCatalog(Database(engine)).uploads())
    assert {upload.tags for upload in uploads} == {("all", f"t{number}") for number in range(25)}
    engine.dispose()


def test_sqlite_settings(database):
    """Readers and writers do not block each other, references are checked, and a writer waits half a minute."""
    with database.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 30_000


def test_a_forked_process_uses_connections_of_its_own(database, make_upload):
    """A child never speaks on its parent's connection, which SQLite does not survive, and leaves the parent's be."""
    catalog = SqlCatalog(database)
    catalog.reserve(make_upload("parent"))
    pool = database.engine.pool
    child = os.fork()
    if child == 0:
        try:
            catalog.publish("parent")
            catalog.reserve(make_upload("child", tags=("t",)))
            catalog.publish("child")
            os._exit(0 if database.engine.pool is not pool else 2)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert database.engine.pool is pool
    assert catalog.get("child").tags == ("t",)
    catalog.reserve(make_upload("later"))
    catalog.publish("later")
    assert {upload.id for upload in catalog.uploads()} == {"parent", "child", "later"}


def test_threads_of_a_new_process_open_the_engine_anew_once(database):
    """After a fork the inherited connections are put aside once, whichever threads come first."""
    database._process = -1
    database.engine.pool.marker = True
    threads = [threading.Thread(target=lambda: database.connect().__enter__().close()) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database._inherited) == 1
    database._inherited[0].dispose()


def test_faults_are_catalog_errors(database):
    """A fault of the database is a CatalogError whose message tells nothing of the statement."""
    with pytest.raises(CatalogError) as caught, database.connect() as connection:
        connection.execute(text("SELECT secret FROM nowhere"))
    assert "secret" not in str(caught.value)
    with pytest.raises(CatalogError), database.begin() as connection:
        connection.execute(text("nonsense"))


def test_violated_constraints_are_left_to_the_caller(database):
    """Only the caller knows what a constraint means, so its error passes, and nothing of the transaction stays."""
    tags = Tables.default().tags
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(insert(tags), [{"name": "a"}, {"name": "a"}])
    with database.connect() as connection:
        assert connection.execute(tags.select()).all() == []


def test_a_database_that_is_away_is_a_catalog_error(tmp_path):
    """Without a database callers meet an error of ours, not the driver's."""
    engine = sqlite_engine(tmp_path / "nowhere" / "a.db", busy_seconds=0)
    database = Database(engine)
    with pytest.raises(CatalogError), database.connect():
        pass
    engine.dispose()


def test_tables_that_cannot_be_made_are_a_catalog_error(tmp_path, monkeypatch):
    """Making tables is tried again in case others make them too, but not for ever, and fails as an error of ours."""
    monkeypatch.setattr(engine_module, "_PAUSE_SECONDS", 0)
    engine = sqlite_engine(tmp_path / "nowhere" / "a.db", busy_seconds=0)
    with pytest.raises(CatalogError):
        Database(engine).create_tables()
    engine.dispose()


@pytest.mark.slow
def test_switching_to_wal_waits_for_others(tmp_path):
    """A process that starts beside a busy one waits as long as it was told to, and no longer."""
    path = tmp_path / "busy.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE t (a)")
    other.execute("BEGIN EXCLUSIVE")
    engine = sqlite_engine(path, busy_seconds=0.05)
    with pytest.raises(CatalogError), Database(engine).connect():
        pass
    timer = threading.Timer(0.3, other.rollback)
    timer.start()
    patient = sqlite_engine(path, busy_seconds=300)
    with Database(patient).connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    timer.join()
    other.close()
    engine.dispose()
    patient.dispose()


@pytest.mark.slow
def test_a_writer_waits_for_another(database, make_upload, tmp_path):
    """An upload waits for another one's transaction instead of failing on a locked database."""
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.rollback)
    timer.start()
    SqlCatalog(database).reserve(make_upload())
    timer.join()
    other.close()


def test_who_waited_for_another_transaction_in_vain_is_told_so(tmp_path, make_upload):
    """As a host is that has written in its own and does not give its session."""
    engine = sqlite_engine(tmp_path / "records.db", busy_seconds=0.01)
    catalog = SqlCatalog(Database(engine))
    catalog.create_tables()
    with engine.begin() as host:
        host.execute(text("DELETE FROM chevupload_uploads"))
        with pytest.raises(CatalogError, match=r"another transaction holds the database: .* session="):
            catalog.reserve(make_upload())
    engine.dispose()


def test_making_tables_twice_is_fine(database):
    """A site may make its tables at every start: those that are there stay."""
    database.create_tables()
    database.create_tables([Tables.default().tags])


def test_any_engine_will_do(tmp_path, make_upload):
    """A host's own engine, made without our settings, keeps records as well."""
    engine = create_engine(f"sqlite:///{tmp_path / 'plain.db'}")
    database = Database(engine)
    database.create_tables()
    catalog = SqlCatalog(database)
    catalog.reserve(make_upload(tags=("a",)))
    catalog.publish("a1")
    assert catalog.get("a1") == make_upload(tags=("a",))
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT 1 FROM no_table_of_ours", r"its tables are missing: create-tables or db upgrade makes them\Z"),
        ("SELECT no_column", r"the database cannot do its work\Z"),
    ],
)
def test_missing_tables_are_told(each_database, statement, told):
    """By each kind of database, with the command that makes them; no other fault is taken for it."""
    with pytest.raises(CatalogError, match=told), database_errors(), each_database.engine.connect() as connection:
        connection.execute(text(statement))
