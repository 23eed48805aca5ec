"""An upload joins a transaction of the host: it is there when that commits, and only then."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import ForeignKeyConstraint, String, create_engine, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker

from chevupload.db import Database, SqlCatalog, Tables, sqlite_engine
from chevupload.errors import CatalogError, ConfigError, NameTaken
from chevupload.protocols import JoinableRecords, UploadRecords
from tests.support import deleting


def _defers(*_, dialect, **__):
    return dialect.name not in ("mysql", "mariadb")


class HostBase(DeclarativeBase):
    """The base of a host."""


class Post(HostBase):
    """What a host writes in the same transaction."""

    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(20), unique=True)


class Answer(HostBase):
    """What a database checks no sooner than at the commit."""

    __tablename__ = "answers"
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column()
    __table_args__ = (
        ForeignKeyConstraint(["post_id"], ["posts.id"], deferrable=True, initially="DEFERRED").ddl_if(
            callable_=_defers
        ),
    )


@pytest.fixture
def catalog(each_database):
    """Return a catalog on each database, in which the host has a table too."""
    HostBase.metadata.create_all(each_database.engine)
    return SqlCatalog(each_database)


@pytest.fixture(params=["the catalog's", "its own"])
def engine(request, each_database):
    """Return the engine of a host that shares it with the catalog, or has one of its own on the same database."""
    if request.param == "the catalog's":
        yield each_database.engine
        return
    engine = create_engine(each_database.engine.url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine, catalog):
    """Return a session of the host."""
    with Session(engine) as session:
        yield session


@pytest.fixture
def is_alone(each_database):
    """Return whether nobody can write beside the host's transaction."""
    return each_database.engine.dialect.name == "sqlite"


class Watch:
    """Counts how often it is told that a transaction is over, and looks from outside what came of its upload."""

    def __init__(self, catalog, upload_id="a1"):
        self.catalog, self.upload_id = catalog, upload_id
        self.seen = []

    def __call__(self):
        self.seen.append(self.catalog.get(self.upload_id) is not None)
        # Writes too, which a transaction that is still open would not let happen on SQLite.
        self.catalog.abandon("nobody")


def save(catalog, session, upload):
    """Reserve and publish inside the session's transaction, and return who is told of its end."""
    watch = Watch(catalog, upload.id)
    joined = catalog.joined(session, watch)
    joined.reserve(upload)
    joined.publish(upload.id)
    return watch


def posts(catalog):
    with catalog._database.connect() as connection:
        return list(connection.scalars(select(Post.text).order_by(Post.text)))


def swept(catalog, now):
    """Return what a sweep removes."""
    catalog.withdraw_stalled(now=now, pending_since=now)
    return [upload.id for upload in deleting(catalog)]


def test_the_catalog_can_join(catalog, session):
    """The component sees that it can, and finds all that it calls on what it gets."""
    assert isinstance(catalog, JoinableRecords)
    joined = catalog.joined(session, lambda: None)
    assert isinstance(joined, UploadRecords)


def test_a_commit_publishes(catalog, session, make_upload):
    """The upload is whole, with its tags, from the moment of the host's commit and no earlier."""
    upload = make_upload(tags=("b", "a"))
    watch = save(catalog, session, upload)
    assert catalog.get("a1") is None
    assert watch.seen == []
    session.commit()
    assert catalog.get("a1") == upload
    assert watch.seen == [True]


@pytest.mark.parametrize("end", [Session.rollback, Session.close, Session.reset, Session.invalidate])
def test_anything_else_does_not(catalog, session, make_upload, now, is_alone, end):
    """What was reserved outside waits for the sweep; on SQLite, where all was inside, nothing of it is left."""
    watch = save(catalog, session, make_upload(tags=("a",)))
    end(session)
    assert catalog.get("a1") is None
    assert watch.seen == [False]
    assert swept(catalog, now) == ([] if is_alone else ["a1"])
    if is_alone:
        catalog.reserve(make_upload())


def test_an_error_of_the_hosts_takes_the_upload_with_it(catalog, session, make_upload):
    """In the usual block of a host, whatever fails after the upload undoes it."""
    session.add(Post(text="taken"))
    session.commit()
    watches = []

    def work():
        with session.begin():
            watches.append(save(catalog, session, make_upload()))
            session.add(Post(text="taken"))

    with pytest.raises(IntegrityError):
        work()
    assert catalog.get("a1") is None
    assert [watch.seen for watch in watches] == [[False]]


@pytest.mark.parametrize("end", ["rollback", "close"])
def test_a_commit_that_fails_takes_the_upload_with_it(catalog, session, make_upload, is_alone, end):
    """However late it fails, whoever is told sees from outside that there is none."""
    if not _defers(dialect=session.bind.dialect):
        pytest.skip("MariaDB checks nothing as late as at a commit")
    if is_alone:
        session.execute(text("PRAGMA foreign_keys=ON"))
    watch = save(catalog, session, make_upload("a1"))
    session.add(Answer(post_id=404))
    with pytest.raises(IntegrityError):
        session.commit()
    getattr(session, end)()
    assert watch.seen == [False]
    assert catalog.get("a1") is None


@pytest.mark.parametrize("commits", [True, False])
def test_what_the_host_wrote_before_and_after_goes_with_it(catalog, session, make_upload, commits):
    """Host and upload write in one transaction without waiting for each other, and share its fate."""
    session.add(Post(text="before"))
    session.flush()
    watch = save(catalog, session, make_upload())
    session.add(Post(text="after"))
    session.commit() if commits else session.rollback()
    assert posts(catalog) == (["after", "before"] if commits else [])
    assert (catalog.get("a1") is not None) is commits
    assert watch.seen == [commits]


def test_a_host_that_has_only_read_can_upload(catalog, session, make_upload):
    """The transaction becomes a writing one."""
    assert session.scalars(select(Post)).all() == []
    save(catalog, session, make_upload())
    session.commit()
    assert catalog.get("a1") is not None


def test_the_hosts_unwritten_objects_stay_unwritten(catalog, session, make_upload):
    """An upload in the middle of the host's work does not write objects that are not complete yet."""
    unfinished = Post()
    session.add(unfinished)
    save(catalog, session, make_upload())
    assert unfinished in session.new
    unfinished.text = "finished"
    session.commit()
    assert posts(catalog) == ["finished"]


def test_a_savepoint_that_is_rolled_back_takes_the_upload_with_it(catalog, session, make_upload):
    """The rest of the transaction lasts, and its end, not the savepoint's, is told."""
    session.add(Post(text="kept"))
    session.flush()
    with session.begin_nested() as savepoint:
        watch = save(catalog, session, make_upload())
        session.add(Post(text="dropped"))
        session.flush()
        savepoint.rollback()
    assert watch.seen == []
    session.commit()
    assert posts(catalog) == ["kept"]
    assert catalog.get("a1") is None
    assert watch.seen == [False]


@pytest.mark.parametrize("commits", [True, False])
def test_a_savepoint_that_ends_well_changes_nothing(catalog, session, make_upload, commits):
    """The upload shares the fate of the transaction around it."""
    session.add(Post(text="before"))
    session.flush()
    with session.begin_nested():
        watch = save(catalog, session, make_upload())
        with session.begin_nested():
            session.add(Post(text="inside"))
    assert watch.seen == []
    session.commit() if commits else session.rollback()
    assert posts(catalog) == (["before", "inside"] if commits else [])
    assert watch.seen == [commits]


def test_an_upload_and_the_host_share_a_fate_in_a_savepoint_that_began_it_all(catalog, session, make_upload):
    """Python's SQLite driver may commit such a savepoint by itself: then it does so with both."""
    with session.begin_nested():
        session.add(Post(text="inside"))
        watch = save(catalog, session, make_upload())
    session.rollback()
    assert watch.seen == [posts(catalog) == ["inside"]]


def test_each_end_is_told_once(catalog, session, make_upload):
    """A session lives on after its transaction: whoever waited is not told of the next one."""
    first = save(catalog, session, make_upload("a1"))
    session.commit()
    session.add(Post(text="later"))
    session.commit()
    second = save(catalog, session, make_upload("a2"))
    session.rollback()
    session.close()
    assert (first.seen, second.seen) == ([True], [False])


def test_several_uploads_join_one_transaction(catalog, session, make_upload, now, is_alone):
    """Each is told of its end, and a name that is taken spoils nothing: not the others, and not the host's work."""
    session.add(Post(text="kept"))
    watches = [save(catalog, session, make_upload(id_, tags=("same", id_))) for id_ in ("a1", "a2", "a3")]
    with pytest.raises(NameTaken):
        save(catalog, session, make_upload("a4", name="name-a1"))
    with pytest.raises(NameTaken):
        save(catalog, session, make_upload("a1", name="other"))
    session.commit()
    assert {upload.id for upload in catalog.uploads()} == {"a1", "a2", "a3"}
    assert catalog.get("a2").tags == ("same", "a2")
    assert [watch.seen for watch in watches] == [[True]] * 3
    assert posts(catalog) == ["kept"]
    assert swept(catalog, now) == []


def test_what_is_not_pending_cannot_be_published(catalog, session, make_upload):
    """A sweep that was quicker is told, and the host's transaction goes on."""
    session.add(Post(text="kept"))
    with pytest.raises(CatalogError):
        catalog.joined(session, lambda: None).publish("nobody")
    session.commit()
    assert posts(catalog) == ["kept"]


def test_a_session_whose_transaction_has_failed_is_an_error_of_ours(catalog, session, make_upload):
    """A host that has not rolled back yet meets no error of another library from here."""
    session.add_all([Post(text="same"), Post(text="same")])
    with pytest.raises(IntegrityError):
        session.flush()
    with pytest.raises(CatalogError):
        catalog.joined(session, lambda: None)
    session.rollback()
    save(catalog, session, make_upload())
    session.commit()
    assert catalog.get("a1") is not None


def test_a_registry_of_sessions_will_do(catalog, engine, make_upload):
    """What Flask-SQLAlchemy and Pyramid's cookiecutter hand around is taken as it is."""
    registry = scoped_session(sessionmaker(engine))
    watch = save(catalog, registry, make_upload())
    registry.commit()
    registry.remove()
    assert (catalog.get("a1") is not None, watch.seen) == (True, [True])


def test_a_session_may_choose_its_engine_by_the_table(catalog, each_database, make_upload, tmp_path):
    """With several databases in one session the one of our table is used."""
    other = sqlite_engine(tmp_path / "other.db")
    with Session(binds={Post: other, Tables.default().uploads: each_database.engine}) as session:
        watch = save(catalog, session, make_upload())
        session.commit()
    assert (catalog.get("a1") is not None, watch.seen) == (True, [True])
    other.dispose()


def test_a_session_on_a_connection_joins_too(catalog, engine, make_upload):
    """A session that begins the transaction of its connection ends it as well."""
    with engine.connect() as connection, Session(connection) as session:
        first = save(catalog, session, make_upload("a1"))
        session.commit()
        assert first.seen == [True]
        second = save(catalog, session, make_upload("a2"))
        session.rollback()
        assert second.seen == [False]
    assert [upload.id for upload in catalog.uploads()] == ["a1"]


@pytest.mark.parametrize("mode", ["conditional_savepoint", "create_savepoint", "rollback_only"])
@pytest.mark.parametrize("commits", [True, False])
def test_a_transaction_around_the_session_is_not_taken_for_over(catalog, engine, make_upload, mode, commits):
    """As in a host's tests: the session's commit ends nothing, and nobody is told while the connection holds on."""
    with engine.connect() as connection:
        around = connection.begin()
        connection.execute(insert(Post), {"text": "around"})
        with Session(connection, join_transaction_mode=mode) as session:
            session.add(Post(text="inside"))
            watch = save(catalog, session, make_upload())
            session.commit()
        assert watch.seen == []
        around.commit() if commits else around.rollback()
    assert (catalog.get("a1") is not None) is commits
    assert posts(catalog) == (["around", "inside"] if commits else [])


def test_who_waits_for_a_transaction_around_the_session_is_told_at_the_sessions_next_end(catalog, engine, make_upload):
    """Nobody who waits is forgotten: the first end that leaves nothing open is told."""
    with engine.connect() as connection, Session(connection) as session:
        around = connection.begin()
        watch = save(catalog, session, make_upload())
        session.commit()
        around.commit()
        assert watch.seen == []
        session.scalars(select(Post)).all()
        session.commit()
        assert watch.seen == [True]


def test_whoever_fails_when_it_is_over_is_logged(catalog, session, make_upload, caplog):
    """The host's commit has happened: it meets no error of ours, and the others are told all the same."""

    def fail():
        raise RuntimeError("the disk")

    catalog.joined(session, fail)
    watch = save(catalog, session, make_upload())
    with caplog.at_level(logging.ERROR, "chevupload"):
        session.commit()
    assert watch.seen == [True]
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    # Sessions of earlier tests may end at any moment, without their database.
    assert [str(error) for error in errors if isinstance(error, RuntimeError)] == ["the disk"]


def test_another_database_is_refused(catalog, tmp_path, postgres):
    """A record in one database cannot share the transaction of another: told at once, not after a crash."""
    for engine in (sqlite_engine(tmp_path / "other.db"), create_engine(postgres)):
        with Session(engine) as session, pytest.raises(ConfigError):
            catalog.joined(session, lambda: None)
        engine.dispose()


def test_a_database_by_its_other_name_is_the_same(catalog, each_database, make_upload):
    """A host may have chosen the other of two drivers' names for one server."""
    url = each_database.engine.url
    engine = create_engine(url.set(drivername=url.drivername.replace("mysql+", "mariadb+")))
    with Session(engine) as session:
        save(catalog, session, make_upload())
        session.commit()
    assert catalog.get("a1") is not None
    engine.dispose()


def test_what_is_no_session_is_refused(catalog, engine):
    """An engine, a connection or a factory of sessions is a mistake, told as such; so is a session without any."""
    with engine.connect() as connection:
        for thing in (engine, connection, sessionmaker(engine), "session", Session()):
            with pytest.raises(ConfigError):
                catalog.joined(thing, lambda: None)


def test_two_databases_in_memory_are_two():
    """Databases without a file have one address and nothing else in common."""
    ours, theirs = create_engine("sqlite://"), create_engine("sqlite://")
    catalog = SqlCatalog(Database(ours))
    with Session(theirs) as session, pytest.raises(ConfigError):
        catalog.joined(session, lambda: None)
    with Session(ours) as session:
        catalog.joined(session, lambda: None)
    ours.dispose()
    theirs.dispose()
