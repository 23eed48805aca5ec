"""What a connection says to PostgreSQL beside its statements: nothing, but a ping where it may have died."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chevupload.db import Database, connect, engine_from
from tests.benchmarks.costs import CountingProxy
from tests.databases import new_database


@pytest.fixture
def proxy(postgres):
    """Return a way to a new database that counts messages."""
    with new_database(postgres) as url:
        proxy = CountingProxy(url)
        yield proxy
        proxy.close()


@pytest.fixture
def database(proxy, monkeypatch):
    """Return the database at its end, with a connection that is open, and not idle however long a test lasts."""
    monkeypatch.setattr(connect, "_IDLE_SECONDS", 10_000)
    engine = engine_from(proxy.url)
    database = Database(engine)
    read(database)
    yield database
    engine.dispose()


def read(database):
    with database.connect() as connection:
        return connection.scalar(text("SELECT 1"))


def test_a_read_is_one_message(database, proxy):
    """It begins and ends nothing, and asks nobody whether the server is there."""
    before = proxy.messages
    assert read(database) == 1
    assert proxy.messages - before == 1


def test_a_change_that_stands_alone_is_one_message(database, proxy):
    """It is there when its block ends; one that fails leaves nothing."""
    with database.change() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
    before = proxy.messages
    with database.change() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
    assert proxy.messages - before == 1
    with database.connect() as connection:
        assert connection.scalar(text("SELECT n FROM numbers")) == 1


def test_an_idle_connection_is_asked_for(database, proxy, monkeypatch):
    """After some seconds a firewall may have forgotten it, without a word to either end."""
    monkeypatch.setattr(connect, "_IDLE_SECONDS", 0)
    before = proxy.messages
    read(database)
    assert proxy.messages - before == 2


def test_a_transaction_goes_on_being_one(database):
    """What was read alone changes nothing for those who begin a transaction on the same connection."""
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
        connection.rollback()
    with database.connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('numbers')")) is None
