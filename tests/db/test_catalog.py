"""What the catalog does besides its promises: how long it keeps a name, and what its statements are like."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from chevupload.db import SqlCatalog
from chevupload.errors import NameTaken
from chevupload.model import Album


def test_a_name_is_free_after_a_year(each_database, make_upload, now):
    """As long as caches may keep a file, and no longer."""
    catalog = SqlCatalog(each_database, clock=lambda: now)
    catalog.reserve(make_upload())
    catalog.withdraw("a1")
    catalog.forget([make_upload()])
    catalog.withdraw_stalled(now=now + timedelta(days=365), pending_since=now)
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload())
    catalog.withdraw_stalled(now=now + timedelta(days=367), pending_since=now)
    catalog.reserve(make_upload())


def test_a_taken_name_is_told_by_the_database_at_once(each_database, make_upload):
    """By what its driver calls the error: nobody has to look what was in the way."""
    catalog, statements = SqlCatalog(each_database), []
    catalog.reserve(make_upload())
    event.listen(each_database.engine, "before_cursor_execute", lambda *about: statements.append(about[2]))
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload("a2", name="name-a1"))
    with pytest.raises(NameTaken):
        catalog.reserve(make_upload(name="another"))
    assert [one.split()[0] for one in statements if not one.startswith("SET")] == ["INSERT", "INSERT"]


def test_an_album_is_told_with_its_title(catalog):
    """The record of an album is whole."""
    assert catalog.album("album") == Album("album", "user", "Cats")


def test_times_keep_their_microseconds(catalog, make_upload, now):
    """They put uploads of one second in their order."""
    uploads = [make_upload(f"a{age}", received_at=now - timedelta(microseconds=age)) for age in range(3)]
    for upload in reversed(uploads):
        catalog.reserve(upload)
        catalog.publish(upload.id)
    assert catalog.owned("user", now=now, limit=9) == uploads


def test_publishing_writes_no_row_of_an_upload_a_second_time(unused_postgres_database, make_upload):
    """Nor any of its indexes, which each have an entry for each version of a row."""
    catalog = SqlCatalog(unused_postgres_database)
    where = text("SELECT ctid::text, xmin::text FROM chevupload_uploads")
    written = text(
        "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables"
        " WHERE relname IN ('chevupload_pending', 'chevupload_uploads') ORDER BY relname"
    )
    catalog.reserve(make_upload())
    with unused_postgres_database.connect() as connection:
        reserved = connection.execute(where).all()
    catalog.publish("a1")
    with unused_postgres_database.connect() as connection:
        assert connection.execute(where).all() == reserved
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with unused_postgres_database.connect() as connection:
        found = [tuple(row) for row in connection.execute(written)]
    assert found == [("chevupload_pending", 1, 0, 1), ("chevupload_uploads", 1, 0, 0)]
