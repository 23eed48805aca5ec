"""What the catalog does besides its promises: how long it keeps a name, and what its statements are like."""

from __future__ import annotations

from datetime import timedelta

import pytest

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
