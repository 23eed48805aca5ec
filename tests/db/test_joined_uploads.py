"""Uploads inside a transaction of the host: they are there when it commits, and gone, files too, when it does not."""

from __future__ import annotations

import gc
import io
import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, select
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.errors import CatalogError, ConfigError, HeldByTransaction, InvalidParameter, StorageError
from chevupload.testing.memory import MemoryCatalog
from tests.support import EMPTY, PNG, Failing, file, files_in, picture

NOTHING = timedelta(0)
POSTS = Table("posts", MetaData(), Column("id", Integer, primary_key=True), Column("text", String(20)))


@pytest.fixture
def host(each_database):
    """Return a host's database, with a table of its own."""
    POSTS.metadata.create_all(each_database.engine)
    return each_database


@pytest.fixture
def told():
    """Return what the hooks were told."""
    return []


@pytest.fixture
def stand(make, host, told):
    """Return a component on the host's database."""
    return make(
        catalog=SqlCatalog(host),
        on_upload=lambda upload, principal: told.append(("upload", upload.id, principal.user_id)),
        on_delete=lambda upload: told.append(("delete", upload.id)),
    )


def save(stand, session, **parameters):
    return stand.component.uploads.save(io.BytesIO(PNG), owner="7", filename="a.png", session=session, **parameters)


def posts(host):
    with Session(host.engine) as session:
        return session.scalars(select(POSTS.c.text)).all()


def test_on_commit_it_is_there(stand, host, told):
    """Not before; with its tags, beside what the host wrote before and after it."""
    with Session(host.engine) as session:
        session.execute(POSTS.insert(), {"text": "before"})
        upload = save(stand, session, tags=["new"])
        session.execute(POSTS.insert(), {"text": "after"})
        assert told == []
        assert stand.component.uploads.get(upload.id) is None
        session.commit()
        assert stand.component.uploads.get(upload.id) == upload
    assert posts(host) == ["before", "after"]
    assert told == [("upload", upload.id, "7")]
    stand.component.maintenance.sweep(grace=NOTHING)
    assert [found.id for found in stand.left()["records"]] == [upload.id]
    assert files_in(stand.incoming) == []


def send(stand, session):
    """Send a request that may be repeated to a host that has opened ``session`` for it."""
    headers = {"Idempotency-Key": "one"}
    return stand.send({"source": file()}, headers=headers, environ_overrides={"chevupload.session": session})


def test_a_ticket_is_used_when_its_transaction_commits(stand, host):
    """And free again when it is rolled back."""
    ticket = stand.component.tickets.mint("user").key

    def use(session, content=PNG):
        overrides = {"chevupload.session": session}
        return stand.send({"source": file(content)}, key=ticket, environ_overrides=overrides).status_code

    with Session(host.engine) as session:
        assert (use(session), use(session)) == (200, 409)
        session.rollback()
        assert use(session) == 200
        session.commit()
        assert (use(session), use(session, picture(color=(1, 2, 3)))) == (200, 401)
    assert len(stand.left()["records"]) == 1


def test_a_registry_of_sessions_is_its_session_of_this_thread(stand, host):
    """What that changes it may change again, under either name; another thread's session is another one."""
    upload = stand.component.uploads.save(io.BytesIO(PNG), owner="7")
    registry = scoped_session(sessionmaker(bind=host.engine))

    def change(title, session=registry):
        return stand.component.uploads.update(upload, title=title, session=session)

    change("one")
    assert change("two", registry()).title == "two"
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(HeldByTransaction):
            threads.submit(change, "three").result()
        threads.submit(registry.remove).result()
    registry.commit()
    registry.remove()
    assert stand.component.uploads.get(upload.id).title == "two"


def test_a_request_is_repeated_after_its_transaction(stand, host):
    """Inside of it there is nothing to answer with yet; when it has committed, there is the first answer."""
    with Session(host.engine) as session:
        first = send(stand, session)
        assert (first.status_code, send(stand, session).status_code) == (200, 409)
        stand.clock.move(hours=1)
        assert send(stand, session).status_code == 409
        session.commit()
        again = send(stand, session)
        assert (again.status_code, again.data) == (200, first.data)
    assert len(stand.stored()) == 2


def test_a_request_is_free_when_its_transaction_is_rolled_back(stand, host):
    """What nobody was promised stands in nobody's way, and the second upload is one of its own."""
    with Session(host.engine) as session:
        first = send(stand, session)
        session.rollback()
        second = send(stand, session)
        session.commit()
    assert second.json["image"]["id_encoded"] != first.json["image"]["id_encoded"]
    assert [found.id for found in stand.left()["records"]] == [second.json["image"]["id_encoded"]]
    assert len(stand.stored()) == 2
    assert files_in(stand.incoming) == []


@pytest.mark.parametrize("end", ["rollback", "close", "savepoint"])
def test_without_a_commit_nothing_is_left(stand, host, told, end):
    """Neither record nor file nor note, at once; and nobody was told."""
    with Session(host.engine) as session:
        session.execute(POSTS.insert(), {"text": "before"})
        if end == "savepoint":
            with session.begin_nested() as savepoint:
                save(stand, session)
                savepoint.rollback()
            session.commit()
        else:
            save(stand, session)
            getattr(session, end)()
    assert stand.left() == EMPTY
    assert posts(host) == (["before"] if end == "savepoint" else [])
    assert told == []


def test_a_session_goes_on(stand, host, told):
    """One transaction after the other, several uploads in one, each settled on its own."""
    with Session(host.engine) as session:
        first, second = save(stand, session), save(stand, session)
        session.commit()
        save(stand, session)
        session.rollback()
        third = save(stand, session)
        session.commit()
    assert [entry[1] for entry in told] == [first.id, second.id, third.id]
    assert {upload.id for upload in stand.component.uploads.list("7")} == {first.id, second.id, third.id}
    assert len(stand.stored()) == 6


def test_a_refused_name_does_not_end_the_hosts_transaction(stand, host):
    """Uploads of one name get names of their own, in the transaction as outside of it."""
    outside = save(stand, None)
    with Session(host.engine) as session:
        session.execute(POSTS.insert(), {"text": "before"})
        inside = save(stand, session)
        session.commit()
    assert outside.stem != inside.stem
    assert posts(host) == ["before"]
    assert len(stand.stored()) == 4


def test_a_storage_that_fails_leaves_the_transaction_to_the_host(make, host):
    """The upload is undone; what else the host wrote is the host's to keep."""
    stand = make(catalog=SqlCatalog(host), storage=lambda local: Failing(local, "adopt", StorageError("away"), count=2))
    with Session(host.engine) as session:
        session.execute(POSTS.insert(), {"text": "before"})
        with pytest.raises(StorageError):
            save(stand, session)
        session.commit()
    assert posts(host) == ["before"]
    assert stand.left() == EMPTY


def test_what_cannot_be_taken_away_at_once_the_sweep_takes(make, host):
    """A storage that is away for one of the files when the host rolls back."""
    stand = make(
        catalog=SqlCatalog(host), storage=lambda local: Failing(local, "delete", StorageError("a"), forever=False)
    )
    with Session(host.engine) as session:
        save(stand, session)
        session.rollback()
    assert len(stand.stored()) == 1
    stand.component.maintenance.sweep(grace=NOTHING)
    assert stand.left() == EMPTY


@pytest.mark.slow
def test_a_sweep_waits_for_a_transaction_that_is_still_open(stand, host):
    """However old it is: what is committed in the end is there, and what was told stays true."""
    with Session(host.engine) as session, ThreadPoolExecutor(1) as threads:
        upload = save(stand, session)
        sweep = threads.submit(stand.component.maintenance.sweep, grace=NOTHING)
        time.sleep(0.3)
        session.commit()
        sweep.result()
    assert stand.component.uploads.get(upload.id) == upload
    assert len(stand.stored()) == 2


def test_an_upload_is_not_deleted_inside_its_own_transaction(stand, host):
    """The database would have the host wait for itself: rolling back takes it away."""
    with Session(host.engine) as session:
        upload = save(stand, session)
        with pytest.raises(CatalogError, match="open transaction"):
            stand.component.uploads.delete(upload)
        session.commit()
    assert stand.component.uploads.delete(upload)
    assert stand.left() == EMPTY


def test_a_change_is_a_part_of_the_hosts_transaction(stand, host):
    """Beside what else the host writes; the same session may change the upload again."""
    upload = save(stand, None, tags=["old"])
    uploads = stand.component.uploads
    for end, title in (("rollback", None), ("commit", "T")):
        with Session(host.engine) as session:
            session.execute(POSTS.insert(), {"text": end})
            uploads.update(upload, title="T", tags=["new"], session=session)
            changed = uploads.update(upload.id, description="D", session=session)
            assert (changed.title, changed.description, changed.tags) == ("T", "D", ("new",))
            assert uploads.get(upload.id) == upload
            getattr(session, end)()
        found = uploads.get(upload.id)
        assert (found.title, found.description) == ((title, "D") if title else (upload.title, None))
    assert found.tags == ("new",)
    assert posts(host) == ["commit"]


@pytest.mark.parametrize("end", ["rollback", "commit"])
def test_what_was_saved_in_a_transaction_can_be_changed_in_it(stand, host, told, end):
    """By the upload or its id; with the transaction, both are there or gone."""
    uploads = stand.component.uploads
    with Session(host.engine) as session:
        upload = save(stand, session, tags=["old"])
        assert uploads.update(upload, title="T", tags=["new"], session=session).tags == ("new",)
        changed = uploads.update(upload.id, description="D", session=session)
        assert (changed.title, changed.description, changed.tags) == ("T", "D", ("new",))
        assert uploads.get(upload.id) is None
        getattr(session, end)()
    if end == "commit":
        assert uploads.get(upload.id) == changed
        assert told == [("upload", upload.id, "7")]
        assert uploads.delete(upload.id)
    assert stand.left() == EMPTY


def test_a_session_that_is_dropped_holds_nothing(stand, host):
    """As where a thread ends that had one of its own: its connection goes back."""
    uploads, there = stand.component.uploads, save(stand, None)
    session = Session(host.engine)
    save(stand, session)
    uploads.update(there, title="T", session=session)
    del session
    gc.collect()
    assert host.engine.pool.checkedout() == 0
    assert uploads.update(there, title="O").title == "O"


def test_a_change_takes_tags_off_that_came_since_its_transaction_began(stand, host):
    """The record is as it is now, and so are its tags, though the transaction may still read those of before."""
    uploads, upload = stand.component.uploads, save(stand, None)
    with Session(host.engine) as session:
        if host.engine.dialect.name in ("mysql", "mariadb"):
            # By default, where the host has made its engine itself.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(select(stand.catalog.tables.uploads)).all()
        uploads.update(upload, tags=["theirs", "others"])
        assert uploads.update(upload, tags=["ours"], session=session).tags == ("ours",)
        session.commit()
    assert uploads.get(upload.id).tags == ("ours",)


def test_what_an_open_transaction_holds_is_neither_changed_nor_deleted(stand, host):
    """Whether it was saved or changed in it: nobody waits for the host. Afterwards it can be."""
    uploads, there = stand.component.uploads, save(stand, None)
    with Session(host.engine) as session, Session(host.engine) as other:
        inside = save(stand, session)
        uploads.update(there, title="T", session=session)
        for upload in (inside, there, there.id):
            for call in (
                lambda upload=upload: uploads.update(upload, title="O"),
                lambda upload=upload: uploads.update(upload, title="O", session=other),
                lambda upload=upload: uploads.delete(upload),
            ):
                with pytest.raises(CatalogError, match="open transaction"):
                    call()
        session.commit()
        assert [uploads.update(upload.id, nsfw=True, session=other).title for upload in (inside, there)] == ["a", "T"]
        other.rollback()
    assert [uploads.update(upload.id, nsfw=True).nsfw for upload in (inside, there)] == [True, True]
    assert [uploads.delete(upload) for upload in (inside, there)] == [True, True]
    assert stand.left() == EMPTY


def test_characters_that_no_database_takes_find_nothing(stand):
    """In any text that chooses from a list; they are no fault of the database."""
    uploads, upload = stand.component.uploads, save(stand, None, title="a\0b")
    assert uploads.update(upload, description="\0\ud800").description == "\ufffd\ufffd"
    assert uploads.list("7", album_id="\0") == []
    assert [found.id for found in uploads.list("7", q="A\0")] == [upload.id]
    with pytest.raises(InvalidParameter):
        uploads.list("7", before="\0")


def test_an_album_of_the_same_transaction_takes_an_upload(stand, host):
    """Both are there when it commits."""
    upload = save(stand, None)
    with Session(host.engine) as session:
        album = stand.component.albums.add("7", "Cats", session=session)
        stand.component.uploads.update(upload, album_id=album.id, session=session)
        session.commit()
    assert stand.component.uploads.list("7", album_id=album.id) == [stand.component.uploads.get(upload.id)]


def test_what_cannot_be_undone_inside_is_swept(make, host):
    """Neither the files nor their deletion came through, and the host rolls back: a note knows of them."""
    broken = StorageError("away")

    def storage(local):
        return Failing(Failing(local, "adopt", broken, count=2, forever=False), "delete", broken, forever=False)

    stand = make(catalog=SqlCatalog(host), storage=storage)
    with Session(host.engine) as session:
        with pytest.raises(StorageError):
            save(stand, session)
        session.rollback()
    assert len(stand.stored()) == 1
    stand.component.maintenance.sweep(grace=NOTHING)
    assert stand.left() == EMPTY


def test_a_name_that_was_given_up_is_nobody_elses(stand, host):
    """Whoever comes next gets another: the files of the first may still be on their way out."""
    with Session(host.engine) as session:
        gone = save(stand, session)
        session.rollback()
    assert save(stand, None).stem != gone.stem


def _die_inside(folder, database_path):
    """Save inside a transaction, and be killed before its end."""
    from tests.support import Stand

    database = Database(sqlite_engine(database_path))
    stand = Stand(folder, catalog=SqlCatalog(database))
    session = Session(database.engine)
    save(stand, session)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_process_that_dies_inside_leaves_nothing_after_a_sweep(make, tmp_path, database):
    """On SQLite, where the record dies with the transaction, a note says which files it had."""
    folder = tmp_path / "other"
    folder.mkdir()
    process = multiprocessing.get_context("spawn").Process(target=_die_inside, args=(folder, tmp_path / "records.db"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(files_in(folder / "images")) == 2
    (folder / "incoming").rename(tmp_path / "kept")
    (folder / "images").rename(tmp_path / "stored")
    stand = make(catalog=SqlCatalog(database))
    for path in (tmp_path / "kept").iterdir():
        path.rename(stand.incoming / path.name)
    (tmp_path / "stored").rename(stand.images)
    stand.component.maintenance.sweep(grace=timedelta(hours=1))
    assert len(stand.stored()) == 2, "too young to be given up"
    stand.component.maintenance.sweep(grace=NOTHING)
    assert stand.left() == EMPTY


def test_another_database_is_refused(stand, tmp_path):
    """Two databases cannot commit as one."""
    engine = sqlite_engine(tmp_path / "other.db")
    with Session(engine) as session, pytest.raises(ConfigError, match="not the catalog's"):
        save(stand, session)
    with pytest.raises(ConfigError, match="not an SQLAlchemy session"):
        save(stand, object())
    engine.dispose()
    assert stand.left() == EMPTY


def test_a_catalog_without_sessions_refuses_one(make, host):
    """It says what is missing."""
    stand = make(catalog=MemoryCatalog())
    with Session(host.engine) as session, pytest.raises(ConfigError, match="cannot join"):
        save(stand, session)
