"""PostgreSQL behind PgBouncer, whose clients share server processes by transactions; and what of it shows without."""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import event, text

from chevupload.db import Database, engine_from
from chevupload.errors import CatalogError, ConfigError
from chevupload.site.factory import database_engine
from tests.databases import new_database

pytestmark = pytest.mark.slow

SHOW = text("SHOW statement_timeout")
SLEEP = text("SELECT pg_sleep(20)")


@pytest.fixture
def direct(postgres):
    """Return the URL of a new database, by its server's own address."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def pooled(direct, pgbouncer):
    """Return the URL of the same database behind PgBouncer."""
    return pgbouncer.set(database=direct.database)


@pytest.fixture
def opened():
    """Return a function that opens a database at a URL, by an engine with our settings, until the test ends."""
    with contextlib.ExitStack() as stack:

        def open_database(url, **settings):
            engine = engine_from(url, **settings)
            stack.callback(engine.dispose)
            return Database(engine)

        yield open_database


@pytest.fixture(params=["direct", "pooled"])
def url(request):
    """Return each address of a new database."""
    return request.getfixturevalue(request.param)


def process_of(connection):
    """Return which process of the server a connection has now."""
    return connection.execute(text("SELECT pg_backend_pid()")).scalar()


def limits(database, times=1):
    """Return the limit of a statement in so many transactions at once, each in a server process of its own."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(database.begin()) for _ in range(times)]
        assert len({process_of(connection) for connection in connections}) == times
        return [connection.execute(SHOW).scalar() for connection in connections]


def statements_of(database):
    """Return what ``database`` tells its server to do in a transaction with one statement."""
    seen = []
    event.listen(database.engine, "before_cursor_execute", lambda *values: seen.append(values[2]))
    with database.connect() as connection:
        connection.execute(SHOW)
    return seen


def test_a_statement_ends_in_whichever_process_it_is(url, opened):
    """A pooler gives each transaction another process, and none of them lets a statement run without an end."""
    database = opened(url, statement_seconds=3)
    assert limits(database, times=3) == ["3s"] * 3
    assert limits(database, times=3) == ["3s"] * 3
    with pytest.raises(CatalogError), database.connect() as connection:
        connection.execute(SLEEP)


def test_strangers_keep_their_own_limits(direct, pooled, opened):
    """Whoever gets the process next, from the same pooler, finds nothing of ours in it."""
    ours, theirs = opened(pooled, statement_seconds=7), opened(pooled, statement_seconds=9)
    for _ in range(3):
        assert limits(ours) == ["7s"]
        assert limits(theirs) == ["9s"]
    with opened(pooled).engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert connection.execute(SHOW).scalar() == "0"


def test_without_a_pooler_a_transaction_costs_no_message_more(direct, pooled, opened):
    """The limit is set with the connection where that holds."""
    assert statements_of(opened(direct)) == ["SHOW statement_timeout"]
    assert statements_of(opened(pooled)) == ["SET LOCAL statement_timeout = 30000", "SHOW statement_timeout"]


def test_what_the_url_says_of_statements_holds(direct, opened):
    """Its options are the user's: the limit in them, and others beside ours."""
    chosen = direct.update_query_dict({"options": "-c statement_timeout=5000"})
    assert limits(opened(chosen)) == ["5s"]
    database = opened(direct.update_query_dict({"options": "-c work_mem=2MB"}))
    assert limits(database) == ["30s"]
    with database.connect() as connection:
        assert connection.execute(text("SHOW work_mem")).scalar() == "2MB"


def test_what_the_database_says_of_statements_holds(direct, url, opened):
    """An administrator's choice for a role or a database spares the message behind a pooler, too."""
    with opened(direct).begin() as connection:
        connection.execute(text(f"ALTER DATABASE {direct.database} SET statement_timeout = '4s'"))
    database = opened(url)
    assert limits(database, times=2) == ["4s"] * 2
    assert statements_of(database) == ["SHOW statement_timeout"]


def test_a_statement_may_have_been_used_in_another_process(pooled, opened):
    """Whoever used one often meets, at the next turn, a process that never saw it."""
    one, other = opened(pooled), opened(pooled)
    for _ in range(9):
        with one.begin() as connection:
            process = process_of(connection)
    with other.begin() as holding:
        assert process_of(holding) == process
        with one.begin() as connection:
            assert process_of(connection) != process


def test_statements_are_prepared_where_the_url_says_so(direct, opened):
    """By number of uses, as psycopg counts; never by default."""
    for query, threshold in (({}, None), ({"prepare_threshold": "3"}, 3)):
        with opened(direct.update_query_dict(query)).connect() as connection:
            assert connection.connection.driver_connection.prepare_threshold == threshold
    with pytest.raises(ConfigError):
        database_engine(direct.update_query_dict({"prepare_threshold": "often"}))
