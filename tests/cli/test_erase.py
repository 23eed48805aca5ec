"""Everything of a user goes, and the report says what it was."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from chevupload import ChevUpload, Config, Database, Hooks, Policy, SqlCatalog, SqlKeys, Tables, engine_from
from chevupload.cli import host_commands, hosted
from chevupload.db import Accounts, sqlite_engine
from chevupload.records.move import Move
from chevupload.storage.local import LocalStorage
from chevupload.testing.records import NOW, new_upload
from tests.databases import new_database, running_postgres
from tests.storage.object_stores import S3
from tests.support import SECRET, Clock, files_in, picture

DAY = timedelta(days=1)


def test_it_is_asked_and_reported(operator_site, monkeypatch):
    """Each upload with its URLs, and then what all came to; the account goes last."""
    monkeypatch.setenv("CHEVUPLOAD_BASE_URL", "https://pictures.example")
    a, con, *_ = operator_site.uploads
    status, _, errors = operator_site.run("erase", "ann", answer="n\n")
    assert (status, "Erase ann, with 2 uploads, all keys and albums? Nothing" in errors) == (1, True)
    assert operator_site.run("erase", "ann")[0] == 1
    status, output, _ = operator_site.run("erase", "ann", answer="y\n")
    lines = output.splitlines()
    size = sum(sum(upload.sizes.values()) for upload in (a, con))
    assert (status, lines[-1]) == (0, f"erased 2 uploads, {size} bytes, 1 key, 1 album of ann")
    assert [line.split()[0] for line in lines if line[0] != " "][:2] == [a.id, con.id]
    for url in (f"images/{a.path}", f"images/{a.thumb_path}", f"image/a.{a.id}", f"image/{a.id}", f"image/{a.id}/qr"):
        assert f"    https://pictures.example/{url}" in lines
    assert operator_site.run("user", "list")[1] == "bob\n"
    assert operator_site.run("erase", "ann", "--yes")[::2] == (1, "Error: there is no user 'ann'\n")
    assert operator_site.run("uploads", "list")[1].count("\n") == 3


def test_the_report_is_a_file(operator_site, tmp_path):
    """Of lines of JSON, for its owner only; on a site without an address it has the paths. Nothing is overwritten."""
    report, con = tmp_path / "report", operator_site.uploads[1]
    assert operator_site.run("erase", "ann", "--yes", "--report", str(report))[1].startswith("erased 2 uploads")
    *uploads, summary = [json.loads(line) for line in report.read_text().splitlines()]
    assert (uploads[1]["upload"], uploads[1]["files"], uploads[1]["urls"]) == (con.id, con.sizes, {})
    assert (summary["uploads"], summary["keys"], summary["user_id"]) == (2, 1, operator_site.ann)
    assert summary["ended_at"] >= summary["begun_at"]
    assert oct(report.stat().st_mode)[-3:] == "600"
    assert operator_site.run("erase", "bob", "--yes", "--report", str(report))[0] == 1
    assert operator_site.run("user", "list")[1] == "bob\n", "and nothing has begun"
    status, output, _ = operator_site.run("erase", "bob", "--yes", "--json")
    assert (status, [*map(len, map(json.loads, output.splitlines()))]) == (0, [5, 8])


def test_an_interruption_is_no_end(operator_site, monkeypatch):
    """The keys open nothing, the account is there for the same command, which goes on and counts them once more."""
    with monkeypatch.context() as patched:
        patched.setattr("chevupload.cli.stop_flag.StopFlag.is_set", lambda self: True)
        status, output, _ = operator_site.run("erase", "ann", "--yes")
    assert (status, output.endswith("are to go; the same command goes on from here\n")) == (130, True)
    assert operator_site.run("user", "list")[1] == "ann  disabled\nbob\n"
    assert [row.split()[2] for row in operator_site.run("key", "list", "ann")[1].splitlines()[1:]] == ["revoked"]
    status, output, _ = operator_site.run("erase", "ann", "--yes", "--json")
    assert (status, json.loads(output.splitlines()[-1])["keys"]) == (0, 1)
    assert "usable" not in operator_site.run("key", "list")[1]
    assert operator_site.run("user", "list")[1] == "bob\n"


def sqlite_and_folders(stack, folder):
    """Return a database in a file, two folders for files, and what lists the files of one."""
    database = Database(sqlite_engine(folder / "records.db"))
    storages = {name: LocalStorage(folder / name) for name in ("new", "old")}
    return database, storages, lambda name: files_in(folder / name)


def postgres_and_s3(stack, folder):
    """Return a database in a server, two buckets for files, and what lists the files of one."""
    url = stack.enter_context(new_database(stack.enter_context(running_postgres())))
    store = stack.enter_context(S3())
    storages = {name: store.storage() for name in ("new", "old")}
    return Database(engine_from(url)), storages, lambda name: [path for path, _ in storages[name].files()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [sqlite_and_folders, pytest.param(postgres_and_s3, marks=pytest.mark.servers)], ids=["sqlite", "postgresql"]
)
def test_nothing_is_left(tmp_path, kind):
    """Export, then erase: of uploads in every state no file, row or word stays but in the audit log and the job."""
    with ExitStack() as stack:
        database, storages, files_of = kind(stack, tmp_path)
        stack.callback(database.engine.dispose)
        database.create_tables()
        told = []
        component = stack.enter_context(closing_component(database, storages, told.append))
        accounts = Accounts(database)
        ann, bob = accounts.add_user("ann"), accounts.add_user("bob")
        uploads = [
            component.uploads.save(io.BytesIO(picture((9, 9 + number))), owner=owner, tags="cat,secret", title="Mine")
            for number, owner in enumerate([ann] * 4 + [bob])
        ]
        component.albums.add(ann, "Cats")
        accounts.add_key("ann")
        for user in (ann, "ann", bob):  # An earlier user may have had the id "ann".
            component.context.audit.record("key_made", user_id=user, detail=f"by hand, {user}")
        component.catalog.add_views({uploads[0].id: 3})
        ticket_upload, others = leave_traces(component, ann, uploads)
        component.events.deliver()
        told.clear()

        def run(*words):
            result = CliRunner().invoke(host_commands, words, obj=hosted(component))
            return result.exit_code, result.output

        archive = tmp_path / "ann.zip"
        assert run("export", "ann", str(archive))[0] == 1, "the files of two records were never there"
        with zipfile.ZipFile(archive) as found:
            manifest = json.loads(found.read("manifest.json"))
        # Not the one that is half deleted, nor the one that is pending.
        assert len(manifest["uploads"]) == 5
        views = {one["id"]: one["views"] for one in manifest["uploads"]}
        assert (views[uploads[0].id], manifest["audit"][0]["detail"]) == (3, f"by hand, {ann}")
        assert {one["user_id"] for one in manifest["audit"]} == {ann}
        assert manifest["usage"]["files"] == 7

        status, output = run("erase", "ann", "--yes", "--json")
        *reported, summary = map(json.loads, output.splitlines())
        assert (status, summary["uploads"], summary["keys"], summary["albums"]) == (0, 5, 1, 1), output
        assert {one["upload"] for one in reported} == {one["id"] for one in manifest["uploads"]}
        assert {event.kind for event in told} == {"deleted", "expired"}
        assert {event.upload.id for event in told} >= {one["upload"] for one in reported}

        words = [ann, ticket_upload.request_digest, *(upload.id for upload in (*uploads[:4], *others))]
        assert mentions(database, words) == {"chevupload_audit", "chevupload_jobs"}
        assert sorted(files_of("new")) == sorted(uploads[4].paths)
        assert files_of("old") == []
        assert [upload.owner_id for upload in component.catalog.uploads()] == [bob]
        assert run("check") == (0, "1 upload checked\n")


def closing_component(database, storages, handler):
    """Return a component that keeps usage, events and an audit log, and closes at the end."""
    return closing(
        ChevUpload(
            keys=SqlKeys(database),
            key_store=SqlKeys(database),
            current_user=lambda environ: None,
            catalog=SqlCatalog(database),
            storage=storages,
            secret_keys=[SECRET],
            renderer="inline",
            config=Config(policy=Policy(usage="all", audit_lifetime=DAY), base_url="https://pictures.example"),
            hooks=Hooks(on_event={"note": handler}),
        )
    )


def leave_traces(component, ann, uploads):
    """Leave what a crash, a ticket or a move leaves; return an upload by a ticket, and all that were added."""
    catalog = component.catalog
    ticket = new_upload("ticket", owner_id=ann, request_digest="d" * 64, request_md5="1" * 32, storage="new")
    expired = new_upload("expired", owner_id=ann, expires_at=NOW - DAY, storage="new", tags=("old",))
    pending = new_upload("pending", owner_id=ann, storage="new", tags=("new",))
    catalog.reserve(ticket, taken_until=Clock()() + 1000 * DAY, counted="all")
    for upload in (expired, pending):
        catalog.reserve(upload, counted="all")
    for upload in (ticket, expired):
        catalog.publish(upload.id)
    catalog.begin_move(Move(upload_id=uploads[0].id, paths=uploads[0].paths, source="new", target="old", at=NOW))
    catalog.withdraw(uploads[3].id)
    return ticket, (ticket, expired, pending)


def mentions(database, words):
    """Return the names of the tables in which one of these words is."""
    found = set()
    with database.connect() as connection:
        for table in Tables.default():
            text = repr(connection.execute(select(table)).all())
            if any(word in text for word in words):
                found.add(table.name)
    return found
