"""Views are counted in memory, and none is lost: not to threads, a fork, an end of the process, or a catalog away."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.errors import CatalogError
from chevupload.testing.memory import MemoryCatalog
from chevupload.testing.records import in_threads, new_upload
from chevupload.uploads import views
from chevupload.uploads.views import ViewCounter
from tests.support import environment


class Catalog(MemoryCatalog):
    """Notes what it is asked to add, and may be away."""

    def __init__(self):
        super().__init__()
        self.added, self.is_away = [], False
        self.was_asked = threading.Event()

    def add_views(self, counts):
        """Add them."""
        self.was_asked.set()
        if self.is_away:
            raise CatalogError("away")
        self.added.append(dict(counts))


@pytest.fixture
def catalog(monkeypatch):
    """Return such a catalog, into which nothing is written by itself while a test lasts."""
    monkeypatch.setattr(views, "SECONDS", 10_000.0)
    return Catalog()


def test_views_are_written_together(catalog):
    """However many there are of one picture, and from however many threads."""
    counter = ViewCounter(catalog)
    in_threads(4, lambda thread: [counter.add(f"a{number % 2}") for number in range(1_000)])
    counter.flush()
    counter.flush()
    assert catalog.added == [{"a0": 2_000, "a1": 2_000}]


def test_views_are_written_by_themselves(catalog, monkeypatch):
    """After a while, by a thread that ends with that; the next view starts another."""
    monkeypatch.setattr(views, "SECONDS", 0.01)
    counter = ViewCounter(catalog)
    for _ in range(2):
        catalog.was_asked.clear()
        counter.add("a1")
        assert catalog.was_asked.wait(30)
    counter.flush()
    assert catalog.added == [{"a1": 1}] * 2


def test_views_outlast_a_catalog_that_is_away(catalog, caplog):
    """They are kept, and those that come meanwhile are added."""
    counter = ViewCounter(catalog)
    catalog.is_away = True
    counter.add("a1")
    counter.flush()
    assert "could not be counted" in caplog.text
    counter.add("a1")
    catalog.is_away = False
    counter.flush()
    assert catalog.added == [{"a1": 2}]


def test_a_close_writes_views_and_waits_for_them(catalog):
    """Those that wait, and those that are on their way."""
    counter = ViewCounter(catalog)
    counter.close()
    for _ in range(2):
        counter.add("a1")
        counter.close()
    counter.close()
    assert catalog.added == [{"a1": 1}] * 2


def test_a_close_waits_for_no_catalog_without_an_end(catalog, caplog, monkeypatch):
    """A pooler may keep it as long as its database is away; when that answers after all, nothing is lost."""
    monkeypatch.setattr(views, "_CLOSE_SECONDS", 0.01)
    answer, add_views, counter = threading.Event(), catalog.add_views, ViewCounter(catalog)

    def hang(counts):
        assert answer.wait(30)
        add_views(counts)

    catalog.add_views = hang
    counter.add("a1")
    counter.close()
    assert "has not answered" in caplog.text
    answer.set()
    counter.flush()
    assert catalog.added == [{"a1": 1}]


def test_views_that_cannot_be_written_do_not_fill_the_memory(catalog, caplog, monkeypatch):
    """Beyond so many uploads they are given up, and that is told."""
    monkeypatch.setattr(views, "_MOST_UPLOADS", 1)
    counter = ViewCounter(catalog)
    catalog.is_away = True
    for upload_id in ("a1", "a2"):
        counter.add(upload_id)
    counter.flush()
    catalog.is_away = False
    counter.flush()
    assert "2 views are lost" in caplog.text
    assert catalog.added == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_each_process_writes_its_own(tmp_path):
    """What was counted before a fork is written once, and a child whose parent was counting goes on by itself."""
    engine = sqlite_engine(tmp_path / "records.db")
    catalog = SqlCatalog(Database(engine))
    catalog.create_tables()
    catalog.reserve(new_upload())
    catalog.publish("a1")
    code = f"""
import os
from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.uploads.views import ViewCounter
counter = ViewCounter(SqlCatalog(Database(sqlite_engine({str(tmp_path / "records.db")!r}))))
counter.add("a1")
with counter._lock, counter._writing:
    child = os.fork()
counter.add("a1")
if child:
    os.waitpid(child, 0)
"""
    # Nobody flushes: the end of a process does.
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())
    found = catalog.get("a1")
    assert found is not None
    assert found.views == 3
    engine.dispose()
