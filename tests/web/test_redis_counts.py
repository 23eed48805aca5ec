"""Flood limits of several processes together, counted in a real Redis that comes and goes."""

from __future__ import annotations

import subprocess
import sys

import pytest
import redis

from chevupload import Flood, Policy
from chevupload.errors import ConfigError
from chevupload.web import redis_counts
from tests.redis_server import RedisServer, needs_redis
from tests.support import assert_refusal, environment, file
from tests.web.flooding import FLOOD, THREADS

pytestmark = [needs_redis, pytest.mark.servers]
PROCESSES = 4


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Wait longer for a Redis: on a machine with much to do it answers late, and is not away."""
    monkeypatch.setattr(redis_counts, "_TIMEOUT_SECONDS", 60.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def store(server):
    """Return a Redis in which nothing is counted yet."""
    with redis.Redis.from_url(server.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def own_server(tmp_path):
    """Return a Redis of the test's own, which it may kill."""
    server = RedisServer(tmp_path)
    yield server
    server.kill()


def statuses(stand, count):
    return [stand.send({"source": file()}).status_code for _ in range(count)]


@pytest.mark.slow
def test_processes_store_as_many_as_there_are_places(server, store, make):
    """Not one more; and places that refused pictures had held for a moment are there in the end."""
    command = [sys.executable, "-m", "tests.web.flooding", server.url]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) for _ in range(PROCESSES)
    ]
    sent = [int(status) for process in running for status in process.communicate()[0].split()]
    assert (len(sent), set(sent)) == (PROCESSES * THREADS * 4, {200, 400, 429})
    stored = sent.count(200)
    assert stored <= FLOOD.hour
    rest = FLOOD.hour - stored
    assert statuses(make(policy=Policy(flood=FLOOD), flood_store=server.url), rest + 1) == [200] * rest + [429]


def test_several_components_count_together(server, store, make):
    """What one gives back, the other may take; counts end with their windows."""
    flood = Flood(minute=3)
    one, other = (make(policy=Policy(flood=flood), flood_store=server.url) for _ in range(2))
    assert statuses(one, 2) == [200] * 2
    assert one.send({"source": file(b"no picture")}).status_code == 400
    assert statuses(other, 2) == [200, 429]
    answer = one.send({"source": file()})
    assert_refusal(answer, 429, 130, "Flooding detected. You can only upload 3 images per minute")
    assert answer.headers["Retry-After"] == "53"
    one.clock.move(seconds=53)
    assert statuses(one, 1) == [200]
    rests = {store.ttl(key) for key in store.scan_iter()}
    assert max(rests) <= 30 * 86_400
    assert min(rests) > 0


def test_what_is_given_back_leaves_nothing(server, store, make):
    """Senders of garbage fill no memory of the Redis."""
    stand = make(policy=Policy(flood=Flood()), flood_store=server.url)
    assert stand.send({"source": file(b"no picture")}).status_code == 400
    assert store.dbsize() == 0


def test_wrong_keys_are_counted_together(server, store, make):
    """The twentieth is the last, wherever it comes."""
    one, other = (make(policy=Policy(wrong_keys=20), flood_store=server.url) for _ in range(2))
    sent = [
        stand.send({"source": file()}, key="wrong", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code
        for _ in range(11)
        for stand in (one, other)
    ]
    assert sent == [401] * 20 + [429] * 2


def test_a_store_that_is_killed_and_back(own_server, make, monkeypatch, caplog):
    """Nothing fails: there are no limits meanwhile, and one line in the log says so."""
    monkeypatch.setattr(redis_counts, "_RETRY_SECONDS", 10_000.0)
    stand = make(policy=Policy(flood=Flood(minute=2), wrong_keys=1), flood_store=own_server.url)
    assert statuses(stand, 3) == [200, 200, 429]
    own_server.kill()
    assert statuses(stand, 4) == [200] * 4
    assert [stand.send({"source": file()}, key="wrong").status_code for _ in range(2)] == [401] * 2
    assert [record.levelname for record in caplog.records if "is away" in record.message] == ["WARNING"]
    own_server.start()
    assert statuses(stand, 1) == [200]
    monkeypatch.setattr(redis_counts, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(redis_counts.time, "monotonic", lambda: 1e9)
    assert statuses(stand, 3) == [200, 200, 429]
    assert [record.message for record in caplog.records if "is back" in record.message] != []


def test_a_store_that_hangs_holds_nobody_up(own_server, make, monkeypatch, caplog):
    """It is given half a second."""
    monkeypatch.undo()
    stand = make(policy=Policy(flood=Flood(minute=2)), flood_store=own_server.url)
    assert statuses(stand, 1) == [200]
    own_server.pause()
    assert statuses(stand, 4) == [200] * 4
    assert len([record for record in caplog.records if "is away" in record.message]) == 1


def test_a_store_that_was_never_there(make, caplog):
    """A component starts without it."""
    stand = make(policy=Policy(flood=Flood(minute=1)), flood_store="redis://127.0.0.1:1")
    assert statuses(stand, 3) == [200] * 3
    assert len([record for record in caplog.records if "is away" in record.message]) == 1


def test_without_the_extra_it_is_named(make, monkeypatch):
    """At construction, not at the first upload."""
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "chevupload.web.redis_counts")
    with pytest.raises(ConfigError, match=r"pip install 'chevupload\[ratelimit\]'"):
        make(flood_store="redis://127.0.0.1")
