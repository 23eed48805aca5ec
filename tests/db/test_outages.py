"""A database server that goes away, at whatever moment: a refusal that says so, and nothing lost or left behind."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from chevupload.db import Database, SqlCatalog, Tables, engine_from
from chevupload.errors import CatalogError
from chevupload.testing.records import in_threads
from tests.db.proxy import Proxy
from tests.support import EMPTY, PNG, assert_refusal, file, picture

IMPATIENT = pytest.mark.parametrize("patience", [{"connect_seconds": 2, "statement_seconds": 2}], ids=["impatient"])


@pytest.fixture
def patience():
    """Return how long a server is waited for: as long as ever, where a test is not of that."""
    return {}


@pytest.fixture(params=["postgres", "mariadb"])
def proxy(request):
    """Return a way to a new database on each server."""
    database = request.getfixturevalue(f"{request.param}_database")
    proxy = Proxy(database.engine.url)
    yield proxy
    proxy.close()


@pytest.fixture
def database(proxy, patience):
    """Return the database at the end of that way, by an engine with our settings."""
    engine = engine_from(proxy.url, **patience)
    yield Database(engine)
    engine.dispose()


@pytest.fixture
def stand(make, database):
    """Return a component on that database."""
    return make(catalog=SqlCatalog(database))


def assert_away(answer):
    """Assert that the client is told to come again later, and nothing else."""
    assert_refusal(answer, 503, 503, "Service unavailable, try again later")
    assert int(answer.headers["Retry-After"]) > 0


def at_commit(database, number, act):
    """Call ``act`` just before the database is told to commit for the ``number``-th time from now.

    A change that stands alone in PostgreSQL is its own commit.
    """
    left = [number]

    def count(connection, *statement):
        if statement and not (statement[1].startswith("DELETE") and connection.connection.driver_connection.autocommit):
            return
        left[0] -= 1
        if left[0] == 0:
            act()

    event.listen(database.engine, "commit", count)
    if database.engine.dialect.name == "postgresql":
        event.listen(database.engine, "before_cursor_execute", count)


def test_connections_that_died_meanwhile_are_not_noticed(stand, proxy):
    """A server that was started anew between two uploads costs neither of them."""
    first = stand.upload()
    proxy.cut()
    second = stand.upload()
    proxy.cut()
    assert [stand.open(image["url"]).status_code for image in (first, second)] == [200, 200]


def test_a_server_that_is_away_is_told_and_found_again(stand, proxy):
    """While nobody listens, whoever uploads or looks is told to come again; after it, everything is as it was."""
    image = stand.upload()
    before = stand.left()
    proxy.close()
    assert_away(stand.send({"source": file()}))
    assert stand.open(image["url_viewer"]).status_code == 503
    assert stand.open(image["url"]).status_code == 503
    proxy.open()
    assert stand.left() == before
    stand.upload()
    assert stand.open(image["url"]).status_code == 200


@pytest.mark.parametrize("lasts", [False, True], ids=["for a moment", "for longer"])
@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2], ids=["reserve", "publish"])
def test_a_server_that_goes_at_a_commit_loses_and_leaves_nothing(stand, proxy, database, commit, lost, lasts):
    """Whether the commit was the last thing it did or the first that it did not: what was acknowledged is there, and of
    what was refused nothing stays behind. Nobody can undo a commit whose answer never came: then it is there, whole."""
    kept = stand.upload(picture((9, 9)))
    before = stand.left()

    def go():
        if lost == "before":
            proxy.close() if lasts else proxy.cut()
        else:
            proxy.on_loss = proxy.close if lasts else proxy.cut

    at_commit(database, commit, go)
    assert_away(stand.send({"source": file(PNG)}))
    if lasts:
        proxy.open()
    stand.component.maintenance.sweep(grace=timedelta(0))
    is_there = (commit, lost, lasts) == (2, "after", True)
    assert (stand.left() == before != EMPTY) is not is_there
    report = stand.component.maintenance.check()
    assert (report.uploads, report.missing) == (2 if is_there else 1, ())
    assert stand.open(kept["url"]).status_code == 200
    stand.upload()


@IMPATIENT
def test_a_server_that_never_answers_is_not_waited_for_without_an_end(stand, proxy):
    """A connection that is taken and then forgotten costs seconds, and no thread for good."""
    proxy.is_silent = True
    assert_away(stand.send({"source": file()}))
    proxy.is_silent = False
    stand.upload()


@IMPATIENT
def test_a_statement_that_waits_too_long_ends(database, make_upload, now):
    """Somebody who holds a row, in a console for example, holds up none of us for longer than was set."""
    catalog = SqlCatalog(database)
    catalog.reserve(make_upload())
    pending = Tables.default().pending
    with database.engine.connect() as other:
        other.execute(pending.delete())
        with pytest.raises(CatalogError):
            catalog.publish("a1")
        other.rollback()
    catalog.publish("a1")


def test_of_two_that_wait_for_each_other_one_goes_on(database, make_upload):
    """The database ends a deadlock, and whoever it chose is told that this could not be done now."""
    catalog = SqlCatalog(database)
    for upload_id in ("a0", "a1"):
        catalog.reserve(make_upload(upload_id))
    uploads = Tables.default().uploads
    both_hold_one = threading.Barrier(2, timeout=300)

    def work(number):
        try:
            with database.begin() as connection:
                connection.execute(uploads.update().where(uploads.c.id == f"a{number}").values(views=1))
                both_hold_one.wait()
                connection.execute(uploads.update().where(uploads.c.id == f"a{1 - number}").values(views=1))
        except CatalogError:
            return "told"
        return "done"

    assert sorted(in_threads(2, work)) == ["done", "told"]
    catalog.publish("a0")


def test_what_the_url_says_holds(proxy):
    """Whoever sets a wait in the URL has chosen it; the others are ours."""
    engine = engine_from(proxy.url.update_query_dict({"connect_timeout": "7"}))
    seen = {}

    @event.listens_for(engine, "do_connect")
    def see(dialect, record, arguments, parameters):
        seen.update(parameters)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert int(seen["connect_timeout"]) == 7
    assert seen.get("read_timeout", 30) == 30
    engine.dispose()
