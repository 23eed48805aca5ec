"""A replica answers what may lag; who has just uploaded or deleted something does not notice.

The replica is a database of its own, in which nothing arrives by itself: it lags for as long as a test likes.
"""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import text

from chevupload.db import Accounts, Database, SqlCatalog, SqlKeys, database, engine_from, sqlite_engine
from chevupload.errors import ConfigError
from tests.benchmarks.costs import CountingProxy
from tests.databases import new_database
from tests.db.proxy import Proxy
from tests.support import picture


@pytest.fixture
def replica(postgres):
    """Return a way to a second database, with tables and nothing in them, that can be closed."""
    with new_database(postgres) as url:
        proxy = Proxy(url)
        engine = engine_from(proxy.url)
        SqlCatalog(Database(engine)).create_tables()
        engine.dispose()
        yield proxy
        proxy.close()


@pytest.fixture
def primary(postgres):
    """Return a way to the database itself, that counts messages."""
    with new_database(postgres) as url:
        proxy = CountingProxy(url)
        yield proxy
        proxy.close()


@pytest.fixture
def engines(primary, replica):
    """Return the engines of both."""
    engines = engine_from(primary.url), engine_from(replica.url)
    yield engines
    for engine in engines:
        engine.dispose()


@pytest.fixture
def catalog(engines):
    """Return a catalog on the database and its replica."""
    catalog = SqlCatalog(Database(engines[0], reader=engines[1]))
    catalog.create_tables()
    return catalog


@pytest.fixture
def arrive(engines, make_upload):
    """Return what lets an upload arrive at the replica."""

    def arrive(**fields):
        there = SqlCatalog(Database(engines[1]))
        there.reserve(make_upload(**fields))
        there.publish("a1")
        return there

    return arrive


def stored(catalog, upload):
    catalog.reserve(upload)
    catalog.publish(upload.id)


def test_what_has_not_arrived_is_found_at_once(catalog, make_upload):
    """By its uploader, whose next request asks for it."""
    stored(catalog, make_upload())
    assert catalog.get("a1") == catalog.find(make_upload().stem) == make_upload()
    assert catalog.get("nobody") is None


def test_what_has_arrived_costs_the_database_nothing(catalog, primary, arrive, make_upload):
    """Viewers and files are the replica's, as it knows them; lists are not, since an owner has to see the newest."""
    stored(catalog, make_upload(tags=("a", "b")))
    arrive(tags=("a", "b"), title="as it was")
    before = primary.messages
    assert catalog.get("a1").title == catalog.find(make_upload().stem).title == "as it was"
    assert catalog.get("a1").tags == ("a", "b")
    assert primary.messages == before
    assert catalog.owned("user", now=make_upload().received_at, limit=1)[0].title is None


def test_a_deletion_is_over_when_the_replica_knows_of_it(catalog, arrive, make_upload):
    """Who has deleted an upload is told so when it is gone for all."""
    stored(catalog, make_upload())
    there = arrive()
    later = threading.Timer(0.3, there.withdraw, ["a1"])
    later.start()
    assert catalog.withdraw("a1")
    later.join()
    assert catalog.get("a1") is None
    assert not catalog.withdraw("a1")


def test_a_deletion_does_not_wait_for_ever(catalog, arrive, make_upload, monkeypatch, caplog):
    """A replica that is far behind shows what is deleted for as long as that, and the log says so."""
    monkeypatch.setattr(database, "_LAG_SECONDS", 0.1)
    stored(catalog, make_upload())
    arrive()
    assert catalog.withdraw("a1")
    assert "seconds behind" in caplog.text
    assert catalog.get("a1") is not None
    assert not catalog.withdraw("a1")


def test_a_replica_that_is_away_is_left_alone_for_a_while(catalog, replica, arrive, make_upload, monkeypatch, caplog):
    """The database answers in its place, without a wait for each reader; it is asked again later."""
    stored(catalog, make_upload())
    arrive(title="as it was")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    replica.close()
    for _ in range(3):
        assert catalog.get("a1").title is None
    assert caplog.text.count("the replica is away") == 1
    replica.open()
    assert catalog.get("a1").title is None
    monkeypatch.setattr(time, "monotonic", lambda: now + 11)
    assert catalog.get("a1").title == "as it was"


def test_a_replica_is_of_the_same_kind(catalog, tmp_path):
    """Statements are made for one kind."""
    with pytest.raises(ConfigError, match="sqlite"):
        Database(catalog.database.engine, reader=sqlite_engine(tmp_path / "a.db"))


def test_a_site_works_while_nothing_arrives(make, catalog, engines):
    """From the upload to its deletion, by its pages."""
    accounts = Accounts(catalog.database)
    accounts.add_user("ann")
    key = accounts.add_key("ann").key
    stand = make(catalog=catalog, keys=SqlKeys(catalog.database))
    image = stand.upload(picture(), key=key)
    for address in (image["url_viewer"], image["url"], image["thumb"]["url"]):
        assert stand.open(address).status_code == 200
    assert stand.open(image["delete_url"], "POST").status_code == 200
    assert stand.open(image["url_viewer"]).status_code == stand.open(image["url"]).status_code == 404
    with engines[1].connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM chevupload_uploads")) == 0
