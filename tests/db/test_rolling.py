"""Servers of the version before go on beside new ones: their statements, as they were, on the tables as they are now.

They were written down from that version. What a page of docs/migrations.md tells to run when the last of them has
ended is run from that page.
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta

import pytest
from sqlalchemy import text

from chevupload.db import Accounts, SqlCatalog, SqlKeys
from chevupload.errors import CatalogError, QuotaExceeded
from chevupload.keys import digest, new_key
from chevupload.model import Upload
from chevupload.policy.quota import Quota, Usage
from chevupload.policy.restrictions import KeyRestrictions
from chevupload.testing.records import NOW
from tests.support import ROOT

HOUR = timedelta(hours=1)
STATEMENTS = {
    "publish": "UPDATE chevupload_uploads SET state = 'ready' WHERE id = :id AND state = 'pending'",
    "get": "SELECT id FROM chevupload_uploads WHERE id = :id AND state = 'ready'",
    "view": "UPDATE chevupload_uploads SET views = views + 1 WHERE id = :id AND state = 'ready'",
    "withdraw": (
        "UPDATE chevupload_uploads SET state = 'deleting', request_digest = NULL"
        " WHERE id = :id AND state IN ('pending', 'ready')"
    ),
    "abandon": (
        "UPDATE chevupload_uploads SET state = 'deleting', request_digest = NULL WHERE id = :id AND state = 'pending'"
    ),
    "add key": (
        "INSERT INTO chevupload_keys (id, user_id, label, style, digest, created_at)"
        " VALUES (:id, :user_id, '', 'chevereto', :digest, '2026-03-04 05:06:07')"
    ),
    "find key": "SELECT id, user_id FROM chevupload_keys WHERE digest = :digest AND revoked_at IS NULL",
    "forget": "DELETE FROM chevupload_uploads WHERE id = :id AND state = 'deleting'",
}


class OlderServer:
    """Does with a database what a server of the version before does."""

    def __init__(self, database):
        """Use ``database``, whose tables are those of this version."""
        self._database = database

    def reserve(self, upload):
        """Record an upload as pending."""
        names = [field.name for field in fields(Upload) if field.init and field.name not in ("tags", "extras")]
        row = {name: getattr(upload, name) for name in names}
        row |= {"state": "pending", "stem_key": upload.stem.lower(), "has_tags": False}
        row |= {name: value.replace(tzinfo=None) for name, value in row.items() if hasattr(value, "tzinfo")}
        columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        with self._database.begin() as connection:
            connection.execute(text(f"INSERT INTO chevupload_uploads ({columns}) VALUES ({values})"), row)

    def says(self, name, upload_id):
        """Run a statement, and return whether it found the upload."""
        with self._database.begin() as connection:
            found = connection.execute(text(STATEMENTS[name]), {"id": upload_id})
            return found.first() is not None if name == "get" else found.rowcount == 1


@pytest.fixture
def old(each_database):
    """Return an older server on the database."""
    return OlderServer(each_database)


@pytest.fixture
def new(each_database):
    """Return the catalog of this version on the same database."""
    return SqlCatalog(each_database)


def test_each_reads_counts_and_removes_what_the_other_has_published(old, new, make_upload):
    """Whoever stored it."""
    old.reserve(make_upload("by-old"))
    assert new.get("by-old") is None
    assert old.says("publish", "by-old")
    new.reserve(make_upload("by-new"))
    new.publish("by-new")
    for upload_id in ("by-old", "by-new"):
        assert new.get(upload_id) == new.find(make_upload(upload_id).stem) == make_upload(upload_id)
        assert old.says("get", upload_id)
        assert old.says("view", upload_id)
        new.add_views({upload_id: 2})
        assert new.get(upload_id).views == 3
    assert new.withdraw("by-old")
    assert old.says("forget", "by-old")
    assert old.says("withdraw", "by-new")
    new.forget([make_upload("by-new")])
    assert new.holders([make_upload(upload_id).stem for upload_id in ("by-old", "by-new")]) == []


def test_keys_of_either_open_at_both(each_database, new):
    """A new server's keys are for what they were made for at new servers; an old one's are for everything."""
    accounts, made = Accounts(each_database), new_key()
    user_id = accounts.add_user("ann")
    narrowed = accounts.add_key("ann", restrictions=KeyRestrictions(scopes={"upload"}))
    row = {"id": made.id, "user_id": user_id, "digest": digest(made.key)}
    with each_database.begin() as connection:
        connection.execute(text(STATEMENTS["add key"]), row)
        found = connection.execute(text(STATEMENTS["find key"]), {"digest": digest(narrowed.key)}).all()
    assert found == [(narrowed.id, user_id)]
    keys = SqlKeys(each_database)
    assert keys.authenticate(made.key, {}).restrictions == KeyRestrictions()
    assert keys.authenticate(narrowed.key, {}).restrictions == KeyRestrictions(scopes={"upload"})


def test_neither_takes_what_the_other_is_storing_for_abandoned(old, new, make_upload):
    """A sweep of either leaves it, and it is published in the end."""
    old.reserve(make_upload("by-old"))
    new.reserve(make_upload("by-new"))
    new.withdraw_stalled(now=NOW + HOUR, pending_since=NOW - HOUR)
    assert not old.says("abandon", "by-new")
    assert old.says("publish", "by-old")
    new.publish("by-new")
    assert new.get("by-new") == make_upload("by-new")


def test_what_one_withdraws_the_other_cannot_publish(old, new, make_upload):
    """Whoever was slower is told."""
    new.reserve(make_upload("by-new"))
    assert old.says("withdraw", "by-new")
    with pytest.raises(CatalogError):
        new.publish("by-new")
    old.reserve(make_upload("by-old"))
    assert new.withdraw("by-old")
    assert not old.says("publish", "by-old")


def test_what_an_older_server_did_not_count_a_recount_finds(each_database, old, new, make_upload):
    """It misses what the older one has stored, and has what that one removed, until the last one has ended."""
    ours = make_upload("by-new", size=100)
    new.reserve(ours, counted="originals", quota=Quota(files=1))
    new.publish("by-new")
    old.reserve(make_upload("by-old", size=20))
    assert new.usage("user", counted="originals") == Usage(files=1, bytes=100)
    with pytest.raises(QuotaExceeded):
        new.reserve(make_upload("a2"), counted="originals", quota=Quota(files=1))
    assert old.says("withdraw", "by-new")
    assert old.says("forget", "by-new")
    assert new.usage("user", counted="originals") == Usage(files=1, bytes=100)
    assert new.recount("user", counted="originals") == Usage(files=1, bytes=20)
    assert new.usage("user", counted="originals") == Usage(files=1, bytes=20)


def test_what_an_older_server_left_behind_is_removed_as_the_page_says(each_database, old, new, make_upload):
    """When the last one has ended, nobody publishes it any more."""
    old.reserve(make_upload())
    new.withdraw_stalled(now=NOW + 9 * HOUR, pending_since=NOW + 8 * HOUR)
    assert new.claim(now=NOW, since=NOW - HOUR, limit=9) == []
    page = (ROOT / "docs" / "migrations.md").read_text()
    with each_database.begin() as connection:
        connection.execute(text(re.search(r"```sql\n(UPDATE chevupload_uploads .*?);\n```", page, re.DOTALL)[1]))
    assert new.claim(now=NOW, since=NOW - HOUR, limit=9) == [make_upload()]
