"""Whatever a server sends is a file or a refusal."""

from __future__ import annotations

import contextlib
import gzip
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chevupload.errors import FetchFailed, Refusal, StorageError, TooLarge
from tests.fetch.hostile import PUBLIC, URL, Counter, answer


@pytest.mark.parametrize(
    "status",
    [201, 203, 204, 206, 300, 304, 305, 306, 400, 401, 403, 404, 410, 429, 500, 503, 599, 999],
)
def test_any_other_status_is_a_failure(world, status):
    """The refusal tells the status and nothing more."""
    world.pages[None] = answer(b"secret", status=f"{status} <secret>")
    with pytest.raises(FetchFailed) as caught:
        world.fetch()
    assert caught.value.status == 502
    assert caught.value.message == f"The server behind the URL answered with status {status}"


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"\r\n",
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b"<html>",
        b"HTTP/0.9\r\n\r\nfile",
        b"HTTP/2 200 OK\r\n\r\nfile",
        b"HTTP/1.1\r\n\r\nfile",
        b"HTTP/1.1 OK\r\n\r\nfile",
        b"HTTP/1.1 99 No\r\n\r\n",
        b"HTTP/1.1 20000 No\r\n\r\n",
        b"ICY 200 OK\r\n\r\nfile",
        b"HTTP/1.1 200 OK" + b"!" * 70_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\nfile",
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 2000 + b"\r\n") * 50 + b"\r\nfile",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\nfile",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 102 Processing\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nno header\r\nContent-Encoding: gzip\r\n\r\nfile",
        b"HTTP/1.1 200 OK\r\n continued\r\n\r\nfile",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"+PONG\r\n" * 1000,
    ],
    ids=lambda page: page[:24],
)
def test_what_is_no_answer(world, page):
    """Junk, other protocols, heads without end: a failure, with no word of what it was."""
    world.pages[None] = page
    with pytest.raises(FetchFailed) as caught:
        world.fetch()
    assert caught.value.message == FetchFailed.text


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5",),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: 4, 5",),
        ("Content-Length: -4",),
        ("Content-Length: +4",),
        ("Content-Length: 4.0",),
        ("Content-Length: 0x4",),
        ("Content-Length: 0_4",),
        ("Content-Length: \xb2",),
        ("Content-Length:",),
        ("Content-Length: " + "9" * 5000,),
        ("Content-Length: four",),
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: gzip",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked ",),
        ("Transfer-Encoding: \x0bchunked",),
        ("Transfer-Encoding: identity",),
    ],
)
def test_lengths_that_do_not_hold(world, headers):
    """Too short a file, and a length that two programs would read differently, is a failure."""
    world.pages[None] = answer(b"file", *headers, length=False)
    with pytest.raises(FetchFailed):
        world.fetch()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"4\r\nfi",
        b"4\r\nfile",
        b"4\r\nfile\r\n",
        b"4\r\nfile\r\nx\r\n",
        b"-4\r\nfile\r\n0\r\n\r\n",
        b"four\r\nfile\r\n0\r\n\r\n",
        b"\r\n\r\n",
        b"ffffffffffffffff\r\nfile",
        b"4;" + b"x" * 200_000 + b"\r\nfile\r\n0\r\n\r\n",
    ],
    ids=lambda body: body[:20],
)
def test_chunks_that_do_not_hold(world, body):
    """A file in chunks has an end, or it is not whole."""
    world.pages[None] = answer(body, "Transfer-Encoding: chunked", length=False)
    with pytest.raises(FetchFailed):
        world.fetch()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "gzip, gzip", "x"])
def test_encoded_bytes_are_refused(world, encoding):
    """We asked for the bytes as they are: nothing is unpacked, so nothing can burst."""
    world.pages[None] = answer(gzip.compress(bytes(10_000)), f"Content-Encoding: {encoding}")
    with pytest.raises(FetchFailed):
        world.fetch()


def test_an_encoding_behind_another_is_refused(world):
    """Every header of the name counts."""
    world.pages[None] = answer(b"x", "Content-Encoding: identity", "Content-Encoding: gzip")
    with pytest.raises(FetchFailed):
        world.fetch()


def test_an_endless_file_ends_at_the_limit(world):
    """What is too large is refused as soon as it is."""

    def page(talk):
        talk.send(answer(length=False))
        while True:
            talk.send(bytes(65536))

    world.pages[None] = page
    with pytest.raises(TooLarge):
        world.fetch(max_bytes=1_000_000)


def test_an_announced_giant_costs_nothing(world):
    """A length is believed by nobody: what comes is what counts."""
    world.pages[None] = answer(b"file", f"Content-Length: {10**18 - 1}", length=False)
    with pytest.raises(FetchFailed):
        world.fetch()


def test_the_sinks_errors_are_its_own(world):
    """A full disk is not the fault of the server that sends."""
    with pytest.raises(StorageError):
        world.fetcher.fetch(URL, Counter(0, StorageError))
    with pytest.raises(ZeroDivisionError):
        world.fetcher.fetch(URL, Counter(0, ZeroDivisionError))


def test_a_connection_that_breaks(world):
    """A reset in the middle of a file is a failure."""

    world.pages[None] = lambda talk: (talk.send(answer(bytes(1000))[:500]), talk.hang(0.1), talk.cut())
    with pytest.raises(FetchFailed):
        world.fetch()


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["200 OK", "302 Found", "103 X", "204 X", "x"]),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "Content-Length",
                    "Transfer-Encoding",
                    "Content-Encoding",
                    "Location",
                    "Content-Type",
                    "Connection",
                ]
            )
            | st.text(string.printable, max_size=9),
            st.sampled_from(["chunked", "3", "identity", "gzip", "/b", "multipart/x; boundary=b", "message/rfc822"])
            | st.text(st.characters(max_codepoint=255), max_size=20),
        ),
        max_size=4,
    ),
    st.binary(max_size=60) | st.sampled_from([b"3\r\nabc\r\n0\r\n\r\n", b"abc"]),
)
def test_any_answer_is_a_file_or_a_refusal(world, status, headers, body):
    """Whatever a server sends, it causes no other error."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    world.pages[None] = f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body
    with contextlib.suppress(Refusal):
        world.fetch()
    assert set(world.dialled) <= {(PUBLIC, 80)}


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_a_file_or_a_refusal(world, data):
    """Even without a trace of HTTP."""
    world.pages[None] = data
    with contextlib.suppress(Refusal):
        world.fetch()
