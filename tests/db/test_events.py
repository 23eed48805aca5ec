"""Events last with the change that they tell of, or not at all, and workers share them without losing one."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from chevupload.clock import utc_now
from chevupload.db import SqlCatalog
from chevupload.errors import CatalogError
from chevupload.records.event import new_event
from chevupload.testing.records import in_threads
from tests.support import PNG


@pytest.fixture
def told():
    """Return what handlers were told."""
    return []


@pytest.fixture
def stand(make, each_database, told):
    """Return a site on each database in turn that tells what happens."""
    return make(catalog=SqlCatalog(each_database), clock=utc_now, on_event={"one": told.append})


def kinds(told):
    return [event.kind for event in told]


def test_an_event_shares_the_hosts_transaction(stand, each_database, told):
    """It is kept when the host commits, and is gone with the upload when it rolls back."""
    for end, expected in (("rollback", []), ("commit", ["stored"])):
        with Session(each_database.engine) as session:
            upload = stand.component.uploads.save(io.BytesIO(PNG), owner="7", filename="a.png", session=session)
            getattr(session, end)()
        stand.component.events.deliver()
        assert kinds(told) == expected
    for end, expected in (("rollback", ["stored"]), ("commit", ["stored", "changed"])):
        with Session(each_database.engine) as session:
            stand.component.uploads.update(upload, title="New", session=session)
            getattr(session, end)()
        stand.component.events.deliver()
        assert kinds(told) == expected


def test_no_change_without_its_event(stand, each_database, make_upload):
    """An event that cannot be kept leaves the upload as it was."""
    upload = make_upload()
    catalog = stand.catalog
    catalog.reserve(upload)
    with each_database.begin() as connection:
        connection.execute(text("ALTER TABLE chevupload_events RENAME TO elsewhere"))
    with pytest.raises(CatalogError):
        catalog.publish(upload.id, event=new_event("stored", upload, utc_now()))
    assert catalog.get(upload.id) is None
    catalog.publish(upload.id)
    with pytest.raises(CatalogError):
        catalog.change(upload.id, {"title": "New"}, now=utc_now(), events=True)
    with pytest.raises(CatalogError):
        catalog.withdraw(upload.id, event=new_event("deleted", upload, utc_now()))
    assert catalog.get(upload.id) == upload


@pytest.mark.slow
def test_workers_share_events_while_more_come(stand, make_upload, told):
    """Four tell while four store and delete: each event once, in order for its upload, and nobody meets a deadlock."""
    catalog = stand.catalog

    def work(number):
        if number % 2:
            while len(told) < 160:
                stand.component.events.deliver()
            return
        for index in range(20):
            upload = make_upload(f"u{number}x{index}")
            catalog.reserve(upload)
            catalog.publish(upload.id, event=new_event("stored", upload, utc_now()))
            catalog.withdraw(upload.id, event=new_event("deleted", upload, utc_now()))

    in_threads(8, work)
    assert Counter(Counter(event.id for event in told).values()) == {1: 160}
    for index in range(20):
        assert kinds(event for event in told if event.upload.id == f"u2x{index}") == ["stored", "deleted"]


def test_an_event_of_another_version_stops_no_other(stand, each_database, make_upload, told, caplog):
    """It is logged, and left for the version that can read it."""
    for name in ("a1", "a2"):
        upload = make_upload(name)
        stand.catalog.reserve(upload)
        stand.catalog.publish(name, event=new_event("stored", upload, utc_now()))
    with each_database.begin() as connection:
        connection.execute(text("UPDATE chevupload_events SET facts = '{}' WHERE upload_id = 'a1'"))
    stand.component.events.deliver()
    assert [event.upload.id for event in told] == ["a2"]
    assert "another version" in caplog.text
    assert stand.catalog.oldest_event() is not None
