"""Quotas hold to the last upload, and usage to the last byte: from several processes, and when these are killed."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chevupload.config import Limits, Policy
from chevupload.db import Database, SqlCatalog, Tables, engine_from
from chevupload.errors import CatalogError, QuotaExceeded
from chevupload.model import Principal
from chevupload.policy.quota import Usage
from tests import processes
from tests.support import EMPTY, IS_LONG, PNG, Stand

PROCESSES, THREADS = 4, 16
FILES = 100
KEPT = Policy(usage="all")
OWNER = Principal(user_id="user", quota_files=FILES)
NOTHING = timedelta(0)


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def server(request):
    """Return a new database of each kind in turn."""
    return request.getfixturevalue("database" if request.param == "sqlite" else f"{request.param}_database")


def start(function, database, folder):
    """Start a process that calls a function with a component on ``database``, and return it with what it sends."""
    url = database.engine.url.render_as_string(hide_password=False)
    folder.mkdir(parents=True)
    return processes.start(run, function, url, folder)


def run(writer, function, url, folder):
    """Call a function in a process of its own."""
    function(stand(folder, Database(engine_from(url, statement_seconds=300))), writer)


def stand(folder, database):
    """Return a component that keeps usage."""
    limits = Limits(waiting_uploads=THREADS, queue_seconds=300)
    return Stand(folder, catalog=SqlCatalog(database), policy=KEPT, limits=limits)


def save(stand, **parameters):
    return stand.component.uploads.save(io.BytesIO(PNG), owner=OWNER, filename="a.png", **parameters)


def fill(stand, writer):
    """Store what fits, in threads, and send how much that was."""

    def work(thread):
        stored = 0
        for _ in range(4):
            try:
                save(stand)
            except QuotaExceeded:
                continue
            stored += 1
        return stored

    with ThreadPoolExecutor(THREADS) as threads:
        writer.send(sum(threads.map(work, range(THREADS))))


def churn(stand, writer):
    """Store and delete in threads until the end, and tell of each."""
    lock = threading.Lock()

    def work(thread):
        while True:
            try:
                save(stand, tags=[f"t{thread}"])
                stand.component.uploads.delete(save(stand))
            except QuotaExceeded:
                for upload in stand.component.uploads.list("user", limit=1):
                    stand.component.uploads.delete(upload)
            with lock:
                writer.send(thread)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))


def rows(database):
    """Return what the rows of the owner come to."""
    column = Tables.default().uploads.c
    size = column.size + column.thumb_size + column.medium_size + column.frame_size
    with database.connect() as connection:
        files, total = connection.execute(
            select(func.count(), func.coalesce(func.sum(size), 0)).where(column.owner_id == "user")
        ).one()
    return Usage(files=files, bytes=int(total))


@pytest.mark.slow
def test_sixty_four_threads_of_four_processes_store_exactly_what_fits(server, tmp_path):
    """None of them saw the others, and the owner had no row before."""
    started = [start(fill, server, tmp_path / str(number)) for number in range(PROCESSES)]
    stored = [reader.recv() for _, reader in started]
    for process, _ in started:
        process.join()
    assert [process.exitcode for process, _ in started] == [0] * PROCESSES
    assert sum(stored) == FILES
    assert SqlCatalog(server).usage("user", counted="all") == rows(server)
    assert rows(server).files == FILES


@pytest.mark.slow
def test_usage_is_the_sum_of_the_rows_whenever_a_server_is_killed(server, tmp_path):
    """In the middle of uploads and deletions; a sweep removes what is half done, and gives its room back."""
    catalog = SqlCatalog(server)
    for turn in range(10 if IS_LONG else 2):
        started = [start(churn, server, tmp_path / f"{turn}-{number}") for number in range(3)]
        for number, (process, reader) in enumerate(started):
            for _ in range(3 + 4 * number):
                reader.recv()
            process.kill()
        for process, _ in started:
            process.join()
        (tmp_path / f"sweep{turn}").mkdir()
        sweeper = stand(tmp_path / f"sweep{turn}", server)
        sweeper.component.maintenance.sweep(grace=NOTHING)
        assert catalog.usage("user", counted="all") == rows(server)
        assert rows(server).files <= FILES
    sweeper.component.uploads.delete_all("user")
    assert catalog.usage("user", counted="all") == Usage()
    assert rows(server) == Usage()


def test_a_hosts_rollback_gives_room_back(make, each_database):
    """Also that of a savepoint, and of a transaction whose quota was used up inside of it."""
    stand = make(catalog=SqlCatalog(each_database), policy=KEPT)
    two = Principal(user_id="user", quota_files=2)

    def save_in(session):
        return stand.component.uploads.save(io.BytesIO(PNG), owner=two, filename="a.png", session=session)

    with Session(each_database.engine) as session:
        save_in(session)
        session.rollback()
        assert stand.component.uploads.usage("user") == Usage()
        kept = save_in(session)
        with session.begin_nested() as savepoint:
            save_in(session)
            with pytest.raises(QuotaExceeded):
                save_in(session)
            savepoint.rollback()
        session.commit()
        assert stand.component.uploads.usage("user") == rows(each_database) != Usage()
        save_in(session)
        session.commit()
        with pytest.raises(QuotaExceeded):
            save_in(session)
        session.rollback()
    assert rows(each_database).files == 2
    assert stand.component.uploads.get(kept.id) == kept
    stand.component.uploads.delete_all("user")
    assert stand.component.uploads.usage("user") == Usage()
    assert stand.left() == EMPTY


def test_an_owner_who_is_erased_again_and_again_is_counted_a_few_times_only(database, tmp_path):
    """What is to be counted first ends with an error in the end, and nothing is stored."""
    with database.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER erased AFTER INSERT ON chevupload_usage BEGIN DELETE FROM chevupload_usage; END"
        )
    (folder := tmp_path / "site").mkdir()
    site = stand(folder, database)
    with pytest.raises(CatalogError, match="cannot be counted"):
        save(site)
    assert site.left() == EMPTY
