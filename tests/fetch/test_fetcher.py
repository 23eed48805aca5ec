"""What the fetcher brings, how it asks for it, and how many fetches there are at a time."""

from __future__ import annotations

import socket
import threading

import pytest

from chevupload.errors import Busy, ConfigError, FetchFailed, InvalidUrl, UrlRefused
from chevupload.fetch.connector import system_dial, system_resolve
from chevupload.fetch.fetcher import FetchRules, HttpFetcher
from tests.fetch.hostile import PUBLIC, URL, Counter, answer
from tests.ports import free_port

BODY = bytes(range(256)) * 1000


def test_a_file_is_brought_under_its_name(world):
    """Every byte, and the URL's last segment without its query."""
    world.pages[None] = answer(BODY)
    assert world.fetch("http://good.example/x/my%20photo.png?size=1#top") == (BODY, "my photo.png")
    assert world.dialled == [(PUBLIC, 80)]


def test_a_file_without_a_name(world):
    """A path that ends in a slash names nothing."""
    assert world.fetch("http://good.example/x/") == (b"file", None)


def test_the_request_is_fixed(worlds):
    """Nothing of the client is in it but the URL, and the bytes are asked for as they are."""
    world = worlds(user_agent="pictures.example (admin@pictures.example)")
    world.fetch("http://GOOD.example./ä?q=1")
    assert world.requests == [
        b"GET /%C3%A4?q=1 HTTP/1.1\r\nHost: good.example\r\n"
        b"User-Agent: pictures.example (admin@pictures.example)\r\n"
        b"Accept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n"
    ]


@pytest.mark.parametrize(
    "page",
    [
        answer(BODY, "Content-Encoding: identity"),
        answer(BODY, "Content-Type: text/html"),
        answer(BODY, "Content-Type: multipart/x; boundary*=no-such-charset''%ff"),
        answer(BODY, "X: 1") + b"and more",
        answer(BODY, length=False),
        answer(BODY, f"Content-Length: {len(BODY)}"),
        answer(BODY, f"Content-Length: {len(BODY)}, {len(BODY)}", length=False),
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.1 200\nContent-Length: 256000 \n\n" + BODY,
        answer(b"3E800;x=y\r\n" + BODY + b"\r\n0\r\nX: y\r\n\r\n", "Transfer-Encoding: Chunked", length=False),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(BODY),
    ],
    ids=[
        "identity",
        "any type",
        "malformed type",
        "more behind it",
        "until the end",
        "one length twice",
        "one length in a list",
        "1.0",
        "bare lines",
        "chunked",
        "interim answers",
    ],
)
def test_a_file_may_come_in_many_ways(world, page):
    """All that HTTP allows for bytes as they are: lengths, chunks, the connection's end, interim answers."""
    world.pages[None] = page
    assert world.fetch()[0] == BODY


def test_a_file_in_single_bytes(world):
    """A slow server is fine as long as it is done in time."""
    world.pages[None] = lambda talk: talk.drip(answer(b"file"), pause=0)
    assert world.fetch()[0] == b"file"


def test_many_files_at_a_time(worlds):
    """The fetcher is shared between threads, and keeps their files apart."""
    world = worlds(max_concurrent=8)
    world.pages.update({f"/{number}": answer(bytes([number]) * 50_000) for number in range(8)})
    found = {}

    def fetch(number):
        found[number] = world.fetch(f"http://good.example/{number}")

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: (bytes([number]) * 50_000, str(number)) for number in range(8)}


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_no_proxy_is_used(world, monkeypatch, name):
    """Proxies of the environment would connect to whatever they are told."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert world.fetch()[0] == b"file"
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert world.dialled == [(PUBLIC, 80)]


def test_no_more_than_so_many_at_a_time(worlds):
    """One more is refused at once, and a place is free again when a fetch has ended, however it did."""
    world = worlds(max_concurrent=2)
    arrived, go_on = threading.Semaphore(0), threading.Event()

    def page(talk):
        arrived.release()
        go_on.wait(300)
        talk.send(answer(b"file"))

    world.pages[None] = page
    found = []
    threads = [threading.Thread(target=lambda: found.append(world.fetch())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert arrived.acquire(timeout=300)
    with pytest.raises(Busy) as caught:
        world.fetch()
    go_on.set()
    for thread in threads:
        thread.join()
    assert (caught.value.status, found) == (503, [(b"file", "a.png")] * 2)
    assert str(caught.value) == "too many URLs are fetched already"
    for _ in range(3):
        with pytest.raises(UrlRefused):
            world.fetch("http://127.0.0.1/")
    assert world.fetch()[0] == b"file"


def test_without_a_thread_to_be_had(world, monkeypatch):
    """A process that can start no more threads is busy, and recovers."""
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        for _ in range(9):
            with pytest.raises(Busy):
                HttpFetcher.fetch(world.fetcher, URL, Counter())
    assert world.fetch()[0] == b"file"


def _no_thread(thread):
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (socket.gaierror(socket.EAI_NONAME, "secret"), UrlRefused),
        (socket.gaierror(socket.EAI_NODATA, "secret"), UrlRefused),
        (socket.gaierror(socket.EAI_AGAIN, "secret"), FetchFailed),
        (socket.gaierror(socket.EAI_FAIL, "secret"), FetchFailed),
        (OSError("secret"), FetchFailed),
        (UnicodeError("secret"), FetchFailed),
        (ZeroDivisionError("secret"), FetchFailed),
    ],
)
def test_a_resolver_that_fails(world, error, refusal):
    """A name without an address is refused; a resolver in trouble is a failure that may pass."""

    def fail():
        raise error

    world.names["good.example"] = fail
    with pytest.raises(refusal) as caught:
        world.fetch()
    assert caught.value.message == refusal.text


def test_the_systems_resolver():
    """It answers with addresses, which the door takes as they are."""
    assert system_resolve("127.0.0.1", 80) == ["127.0.0.1"]
    assert system_resolve("::1", 80) == ["::1"]


def test_a_connection_of_its_own():
    """The default way to dial connects, or leaves nothing open."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), system_dial("127.0.0.1", port, 20) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        system_dial("127.0.0.1", port, 20)
    with pytest.raises(OSError):  # noqa: PT011 - no name, and nobody resolves it
        system_dial("::no::address", port, 20)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "①②⑦.0.0.1",
    ],
)
def test_nothing_on_this_machine_is_reached(host):
    """A server that listens here hears nothing, by whichever name, with its port allowed and nothing replaced."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        with pytest.raises((InvalidUrl, UrlRefused)):
            HttpFetcher(FetchRules(ports=(port,))).fetch(f"http://{host}:{port}/", Counter())
        with pytest.raises(BlockingIOError):
            listener.accept()


SECONDS = "FetchRules.seconds must be positive, and at most 3600"
COUNTS = "FetchRules.max_concurrent must be positive, max_redirects not negative"
PORTS = "FetchRules.ports must be numbers from 1 to 65535, at least one"
AGENT = "FetchRules.user_agent must be printable ASCII"
TUPLES = "FetchRules takes tuples of hosts"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seconds": 0}, SECONDS),
        ({"seconds": -1}, SECONDS),
        ({"seconds": float("nan")}, SECONDS),
        ({"seconds": float("inf")}, SECONDS),
        ({"max_redirects": -1}, COUNTS),
        ({"max_concurrent": 0}, COUNTS),
        ({"ports": ()}, PORTS),
        ({"ports": (0,)}, PORTS),
        ({"ports": (80, 65536)}, PORTS),
        ({"user_agent": "a\r\nX-Injected: b"}, AGENT),
        ({"user_agent": "ä"}, AGENT),
        ({"allow_hosts": "good.example"}, TUPLES),
        ({"allow_hosts": ("*",)}, "not a host name in lower case: '*'"),
        ({"allow_hosts": ("*.good.example",)}, "not a host name in lower case: '*.good.example'"),
        ({"allow_hosts": ("Good.example",)}, "not a host name in lower case: 'Good.example'"),
        ({"allow_hosts": ("http://good.example",)}, "not a host name in lower case: 'http://good.example'"),
        ({"allow_hosts": ("",)}, "not a host name in lower case: ''"),
        ({"deny_hosts": (".",)}, "not a host name in lower case: '.'"),
        ({"deny_hosts": ("good.example:80",)}, "not a host name in lower case: 'good.example:80'"),
        ({"deny_hosts": ("good.example.",)}, "not a host name in lower case: 'good.example.'"),
        ({"deny_hosts": ("127.0.0.1",)}, "not a host name in lower case: '127.0.0.1'"),
        ({"deny_hosts": "good.example"}, TUPLES),
        (
            {"deny_networks": ("good.example",)},
            "not a network: 'good.example' does not appear to be an IPv4 or IPv6 network",
        ),
        ({"deny_networks": ("93.184.215.1/24",)}, "not a network: 93.184.215.1/24 has host bits set"),
        ({"deny_networks": "93.184.215.0/24"}, "FetchRules.deny_networks is a tuple"),
    ],
)
def test_wrong_rules_are_refused(wrong, told):
    """A rule that would not do what it seems to is a mistake, told at once."""
    with pytest.raises(ConfigError) as refused:
        FetchRules(**wrong)
    assert str(refused.value) == told


@pytest.mark.parametrize(
    "right",
    [{"seconds": 0.5}, {"seconds": 3600}, {"max_redirects": 0}, {"max_concurrent": 1}, {"ports": (1, 65535)}],
)
def test_the_bounds_of_rules_are_within(right):
    """What a message says that it expects is taken."""
    assert FetchRules(**right) != FetchRules()


def test_the_defaults():
    """Every public host, the web's ports, and nothing that needs saying."""
    rules = FetchRules()
    assert (rules.allow_hosts, rules.ports, rules.max_redirects) == ("*", (80, 443), 4)
    assert HttpFetcher()._rules == rules
