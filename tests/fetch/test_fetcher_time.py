"""One deadline for everything, however a server, a resolver or an address spreads it."""

from __future__ import annotations

import threading
import time

import pytest

from chevupload.errors import Busy, FetchTimeout
from chevupload.fetch.fetcher import FetchRules, HttpFetcher
from tests.fetch.hostile import OTHER, PUBLIC, QUICK, URL, Counter, answer, redirect


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        lambda talk: talk.hang(),
        lambda talk: talk.drip(b"H" * 10_000),
        lambda talk: talk.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99),
        lambda talk: talk.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
        lambda talk: (talk.send(answer(length=False)), talk.drip(bytes(10_000))),
        lambda talk: (talk.send(answer(bytes(9999))[:-9000]), talk.hang()),
        lambda talk: (
            talk.send(answer(b"", "Transfer-Encoding: chunked", length=False)),
            talk.drip(b"1\r\nx\r\n" * 999),
        ),
        lambda talk: (
            talk.send(answer(b"0\r\n", "Transfer-Encoding: chunked", length=False)),
            talk.drip(b"X: y\r\n" * 999),
        ),
        lambda talk: (talk.hang(0.15), talk.send(redirect("/"))),
    ],
    ids=[
        "silence",
        "status line",
        "headers",
        "interim answers",
        "body",
        "half a body",
        "chunks",
        "trailers",
        "slow redirects",
    ],
)
def test_a_slow_server_ends_at_the_deadline(worlds, page):
    """However it spreads its bytes: what would take minutes is over, with 504."""
    world = worlds(seconds=QUICK)
    world.pages[None] = page
    with pytest.raises(FetchTimeout) as caught:
        world.fetch()
    assert caught.value.status == 504


@pytest.mark.slow
def test_a_server_that_never_reads(worlds):
    """A long request to a server with deaf ears is over in time, too."""
    world = worlds(seconds=QUICK)
    world.greet = lambda talk: talk.hang()
    with pytest.raises(FetchTimeout):
        world.fetch("http://good.example/" + "a" * 8000)


@pytest.mark.slow
def test_an_endless_file_ends_at_the_deadline(worlds):
    """A sink without a limit does not make it endless."""

    def page(talk):
        talk.send(answer(length=False))
        while True:
            talk.send(bytes(65536))

    world = worlds(seconds=QUICK)
    world.pages[None] = page
    with pytest.raises(FetchTimeout):
        world.fetcher.fetch(URL, Counter())


@pytest.mark.slow
def test_a_slow_resolver_ends_at_the_deadline(worlds):
    """Resolving cannot be interrupted, so it is left behind, and counts until it has ended."""
    release = threading.Event()
    world = worlds(seconds=QUICK, max_concurrent=1)
    world.names["slow.example"] = lambda: release.wait(300) and [OTHER]
    with pytest.raises(FetchTimeout):
        world.fetch("http://slow.example/")
    with pytest.raises(Busy):
        world.fetch()
    release.set()
    end = time.monotonic() + 300
    while True:
        try:
            assert world.fetch()[0] == b"file"
            break
        except (Busy, FetchTimeout):
            # A machine with much to do may need longer than that for any file.
            assert time.monotonic() < end, "the look-up's place was not given back"
            time.sleep(0.01)
    assert {*world.dialled} == {(PUBLIC, 80)}, "what was found too late is not dialled"


def test_a_slow_address_leaves_time_for_the_next(worlds):
    """Each gets a share of what is left."""
    shares = []
    world = worlds()
    world.names["good.example"] = [OTHER, PUBLIC]
    world.down[OTHER] = TimeoutError()
    dial = world.dial

    def dialling(address, port, seconds):
        shares.append(seconds)
        return dial(address, port, seconds)

    world.fetcher = HttpFetcher(FetchRules(seconds=2_000), resolve=world.resolve, dial=dialling)
    world.fetch()
    assert 900 < shares[0] <= 1_000
    assert 1_000 < shares[1] <= 2_000
