"""What a real server refuses by itself, and the bodies it takes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sqlite3
from urllib.parse import urlsplit

import pytest
import requests

from chevupload.cli import main
from chevupload.config import Limits
from chevupload.site.data_folder import DATABASE, Site
from chevupload.wsgi.body import body_limit
from tests.support import SECONDS, picture


@pytest.fixture
def key(site_folder):
    """Return a new key."""
    site = Site(site_folder)
    made = site.accounts.add_key("ann")
    site.close()
    return made


def raw(server, request):
    """Send bytes and read the answer to its end."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers["Content-Type"], answer.read()


CHUNKED = b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n", 501),
        (b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431),
        (b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
        (b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nabcdef", 400),
        (b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n Folded: 6\r\n\r\nabcdef", 400),
        (b"POST /upload HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400),
        (b"POST /upload HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", 400),
        (CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n", 400),
        (CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n0\r\n\r\n", 501),
        (CHUNKED + b"\r\nzz\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n-5\r\nabcde\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n5\nabcde\r\n0\r\n\r\n", 400),
        (CHUNKED + b"\r\n5\r\nabcdef\r\n0\r\n\r\n", 400),
    ],
)
def test_the_servers_own_refusals_are_json(server, request_, status):
    """Malformed and over-long requests never see a plain-text page."""
    found, content_type, body = raw(server, request_)
    document = json.loads(body)
    assert (found, content_type) == (status, "application/json; charset=UTF-8")
    assert list(document) == ["status_code", "error", "status_txt"]
    assert (document["status_code"], document["error"]["code"]) == (status, status)


def head(path, length, *lines):
    """Return the headers of a POST."""
    lines = (f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *lines)
    return "\r\n".join((*lines, "", "")).encode()


MULTIPART = "Content-Type: Multipart/Form-Data; boundary=b"
LARGEST = body_limit("multipart/form-data", Limits().max_bytes)


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["sent", "asked"])
@pytest.mark.parametrize(
    ("path", "length", "lines"),
    [
        ("/api/1/upload", LARGEST + 1, [MULTIPART]),
        ("/api/1/upload/?key=guests", LARGEST + 1, [MULTIPART]),
        ("/api/1/upload", LARGEST + 1, []),
        ("/api/1/upload", 999_999_999_999, ["Content-Type: application/x-www-form-urlencoded"]),
        ("/upload", LARGEST + 1, [MULTIPART]),
        ("/image/x/delete/y", 1_048_577, ["Content-Type: application/x-www-form-urlencoded"]),
        ("/", 1_048_577, [MULTIPART]),
    ],
)
def test_bodies_declared_too_long_are_refused_at_once(server, path, length, lines, expect):
    """Before anything of them is sent, also to a client that waits to be asked for it, and the connection ends."""
    status, content_type, body = raw(server, head(path, length, *lines, *expect))
    assert (status, content_type) == (413, "application/json; charset=UTF-8")
    assert json.loads(body)["error"]["code"] == 413


def test_who_sends_on_reads_why_a_body_is_refused(server):
    """What comes after a refusal is dropped: were the connection closed, it would be reset under its client's hands."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(head("/api/1/upload", LARGEST + 1, MULTIPART))
        for _ in range(20):
            connection.sendall(bytes(1_000_000))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.headers["Connection"]) == (413, "close")
        answer.read()
        connection.sendall(bytes(1_000_000))
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("path", "length", "line"),
    [
        ("/api/1/upload", LARGEST, MULTIPART),
        ("/api/1/upload/", LARGEST, "Content-Type: application/json"),
        ("/api/1/upload", LARGEST + 1, "Content-Type: application/x-www-form-urlencoded"),
        ("/1/upload", LARGEST, MULTIPART),
        ("/upload", LARGEST, MULTIPART),
        ("/", 1_048_576, MULTIPART),
    ],
)
def test_bodies_that_may_come_are_asked_for(server, path, length, line):
    """A client that waits is told to go on."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(head(path, length, line, "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_nothing_to_wait_for(server):
    """A client that waits for leave to send nothing gets its answer."""
    status, _, _ = raw(server, head("/api/1/upload", 0, "Expect: 100-continue", "Connection: close"))
    assert status == 401


def test_chunked_bodies_have_an_end(server):
    """Without a declared length, the server counts."""
    parts = urlsplit(server.address)
    limit = body_limit("application/x-www-form-urlencoded", Limits().max_bytes)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(limit // 0x100000 + 2):
                connection.sendall(chunk)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["status_code"]) == (413, 413)


def test_chunked_bodies_are_no_longer_than_declared_ones(server):
    """Where only a few fields are read, they end after a megabyte."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
        connection.sendall(b"POST /image/x/delete/y HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n1\r\nx\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["status_code"]) == (413, 413)


def test_options_star(server):
    """A request for the server itself is answered."""
    status, _, _ = raw(server, b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert status in (204, 400, 404)


def test_keys_end_through_the_server(server, site_folder, key, capsys):
    """A key works until it is revoked or expires, without a restart."""

    def send(text):
        files = {"source": ("a.png", picture())}
        return requests.post(f"{server.address}/api/1/upload", headers={"X-API-Key": text}, files=files)

    assert send(key.key).status_code == 200
    assert main(["key", "revoke", key.id, "--data", str(site_folder)]) == 0
    assert (send(key.key).status_code, send(key.key).json()["error"]["code"]) == (401, 100)
    assert main(["key", "add", "ann", "--expires", "P1D", "--json", "--data", str(site_folder)]) == 0
    short = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert send(short["key"]).status_code == 200
    with sqlite3.connect(site_folder / DATABASE) as connection:
        past = "UPDATE chevupload_keys SET expires_at = '2020-01-01 00:00:00' WHERE id = ?"
        assert connection.execute(past, [short["id"]]).rowcount == 1
    connection.close()
    assert send(short["key"]).status_code == 401
    assert send("guests").status_code == 200


def test_chunked_uploads(server):
    """A body without length, as Go's clients send it."""
    boundary = "b"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="source"; filename="c.png"\r\n\r\n'.encode()
    answer = requests.post(
        f"{server.address}/api/1/upload",
        headers={"X-API-Key": "guests", "Content-Type": f"multipart/form-data; boundary={boundary}"},
        data=iter([head, picture(), f"\r\n--{boundary}--\r\n".encode()]),
    )
    assert answer.json()["image"]["name"] == "c"
