"""The table of the audit log has what a site has chosen to keep, for as long as it has chosen."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chevupload.audit import Actor
from chevupload.cli import host_commands, hosted
from chevupload.config import Policy
from chevupload.db import Accounts, SqlCatalog, SqlKeys, Tables
from chevupload.errors import ConfigError
from chevupload.keys import new_key
from chevupload.testing.memory import MemoryCatalog
from tests.support import Clock

DAY = timedelta(days=1)
AUDIT = Tables.default().audit


def run(component, *words):
    """Run a command of an application that has this component, and return what it printed."""
    done = CliRunner().invoke(host_commands, words, obj=hosted(component))
    assert done.exit_code == 0, done.output
    return done.output.strip()


def rows(database):
    """Return what the table has, in its order."""
    with database.connect() as connection:
        return connection.execute(select(*list(AUDIT.c)[1:]).order_by(AUDIT.c.number)).all()


def test_events_are_rows_until_they_are_old(make, each_database):
    """A sweep removes what is older than the site keeps, a page at a time, and nothing else."""
    clock = Clock()
    stand = make(catalog=SqlCatalog(each_database), policy=Policy(audit_lifetime=7 * DAY), clock=clock)
    audit, began = stand.component.context.audit, clock.now
    environ = {"REMOTE_ADDR": "2001:db8::1"}
    for number in range(250):
        audit.record("key_made", user_id="ann ü", key_id=f"k{number}", environ=environ, detail="café 🐈")
    clock.move(days=6)
    audit.record("limit_hit", detail="x" * 999)
    found = rows(each_database)
    assert len(found) == 251
    assert tuple(found[0]) == (began, "key_made", "ann ü", "k0", "2001:db8::1", "café 🐈")
    assert tuple(found[-1]) == (clock.now, "limit_hit", None, None, "", "x" * 255)
    stand.component.maintenance.sweep()
    assert len(rows(each_database)) == 251
    clock.move(days=1, seconds=1)
    stand.component.maintenance.sweep()
    assert [row.event for row in rows(each_database)] == ["limit_hit"]


def told(database):
    """Return what the table says of uploads: the event, whose they are, by which key, from where, and the rest."""
    return [(row.event, row.user_id, row.key_id, row.address, row.detail) for row in rows(database)]


def test_edits_deletions_and_erasures_are_rows(make, each_database):
    """Whoever makes them; none of what changed nothing, no word of what was written, and one of an erasure."""
    stand = make(catalog=SqlCatalog(each_database), policy=Policy(audit_lifetime=DAY))
    component, uploads = stand.component, stand.component.uploads
    images = [stand.upload() for _ in range(3)]
    first, second, third = (image["id_encoded"] for image in images)
    uploads.update(first, title="Secret", tags=["a"])
    api = Actor(key_id="k1", environ={"REMOTE_ADDR": "192.0.2.1"})
    uploads.update(first, nsfw=True, by=api)
    uploads.update(first, by=api)
    uploads.update(first, nsfw=True, tags="a", by=api)
    for _ in range(2):
        uploads.delete(first, by=api)
        uploads.update(first, title="T")
    visitor = {"REMOTE_ADDR": "198.51.100.7"}
    assert stand.open(images[1]["delete_url"], "POST", environ_overrides=visitor).status_code == 200
    stand.images.joinpath(uploads.get(third).path).unlink()
    assert component.maintenance.check(repair=True).withdrawn == (third,)
    stand.upload(), stand.upload()
    component.forget("user")
    stand.upload()
    job = component.jobs.start("erase", owner_id="user")
    assert list(component.jobs.run(job.id, ending=threading.Event()))[-1].ended_at is not None
    assert told(each_database) == [
        ("upload_changed", "user", None, "", f"{first} title tags"),
        ("upload_changed", "user", "k1", "192.0.2.1", f"{first} nsfw"),
        ("upload_deleted", "user", "k1", "192.0.2.1", first),
        ("upload_deleted", "user", None, "198.51.100.7", f"{second}: delete link"),
        ("upload_deleted", "user", None, "", f"{third}: check"),
        ("owner_erased", "user", None, "", ""),
        ("owner_erased", "user", None, "", "job"),
    ]


def test_the_row_of_an_edit_stays_or_goes_with_the_hosts_transaction(make, each_database):
    """Beside it, SQLite would wait for the host, and the host for it."""
    stand = make(catalog=SqlCatalog(each_database), policy=Policy(audit_lifetime=DAY))
    upload_id = stand.upload()["id_encoded"]
    for end in ("rollback", "commit"):
        with Session(each_database.engine) as session:
            stand.component.uploads.update(upload_id, title=end, session=session)
            getattr(session, end)()
    assert [(row.event, row.detail) for row in rows(each_database)] == [("upload_changed", f"{upload_id} title")]


def test_strangers_do_not_write_into_the_table(make, each_database):
    """Wrong keys are in the log alone."""
    keys = SqlKeys(each_database)
    stand = make(catalog=SqlCatalog(each_database), policy=Policy(audit_lifetime=DAY), keys=keys)
    assert stand.send({}, key=new_key().key).status_code == 401
    assert rows(each_database) == []


def test_without_the_setting_there_are_no_rows(make, each_database):
    """And no statement for them."""
    stand = make(catalog=SqlCatalog(each_database))
    stand.component.context.audit.record("key_made", user_id="ann")
    assert rows(each_database) == []


def test_what_happens_goes_on_where_the_table_is_away(make, database, caplog):
    """The log has the event, and says that the table has not."""
    caplog.set_level("INFO", logger="chevupload.audit")
    stand = make(catalog=SqlCatalog(database), policy=Policy(audit_lifetime=DAY))
    with database.begin() as connection:
        connection.execute(text("DROP TABLE chevupload_audit"))
    stand.component.context.audit.record("key_made", user_id="ann")
    levels = [record.levelname for record in caplog.records if record.name == "chevupload.audit"]
    assert levels == ["INFO", "ERROR"]


def test_a_catalog_without_the_table_cannot_keep_the_log(make):
    """It is told when the site is put together."""
    with pytest.raises(ConfigError, match="audit_lifetime"):
        make(catalog=MemoryCatalog(), policy=Policy(audit_lifetime=DAY))


def test_commands_of_an_application_are_in_its_table(database, make):
    """Who has its command line makes and revokes keys for its users."""
    clock = Clock()
    keys = SqlKeys(database, clock=clock)
    stand = make(
        catalog=SqlCatalog(database), policy=Policy(audit_lifetime=DAY), keys=keys, key_store=keys, clock=clock
    )
    ann = Accounts(database).add_user("ann")
    key_id = run(stand.component, "key", "add", "ann").split("_")[1]
    run(stand.component, "key", "revoke", key_id)
    told = [(row.event, row.user_id, row.key_id, row.address, row.detail) for row in rows(database)]
    assert told == [
        ("key_made", ann, key_id, "", "on the command line"),
        ("key_revoked", ann, key_id, "", "on the command line"),
    ]
