"""Clients that mean no good, before a real server: others are answered while they hold on."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import requests

from chevupload.cli.task_queue import TaskQueue
from chevupload.site.data_folder import Site
from tests.benchmarks.attackers import Target, attacking
from tests.support import SECONDS, picture

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "TCP_INFO"), reason="only Linux tells whether the other side still holds a connection"
)
LARGE = picture((64, 48), "JPEG") + bytes(range(256)) * 120_000
"""More than what sockets and waitress keep of an answer that nobody reads."""
PAGE = "/api/1/openapi.json"


@pytest.fixture(scope="module")
def key(site_folder):
    """Return the key of a user, who may upload large files."""
    site = Site(site_folder)
    site.accounts.add_user("ann")
    key = site.accounts.add_key("ann").key
    site.close()
    return key


@pytest.fixture(scope="module")
def run(start, site_folder, key):
    """Return a function that runs a server with fewer threads than there are unfriendly clients."""

    def run_server(*options):
        return start(site_folder, "--guest-key", "guests", "--threads", "2", *options)

    return run_server


@pytest.fixture(scope="module")
def server(run):
    """Run one with the usual limits."""
    with run() as running:
        yield running


@pytest.fixture(scope="module")
def target(server, key):
    """Return what there is to ask for."""
    answer = upload(server, LARGE, key)
    assert answer.status_code == 200, answer.text
    path = urlsplit(answer.json()["image"]["url"]).path
    return Target(port=port_of(server), key="guests", large_file=path, page=PAGE)


def port_of(server):
    """Return where a server listens."""
    return urlsplit(server.address).port


def upload(server, content, key="guests"):
    """Upload a picture."""
    files = {"source": ("a.jpg", content, "image/jpeg")}
    headers = {"X-API-Key": key}
    return requests.post(f"{server.address}/api/1/upload", headers=headers, files=files, timeout=SECONDS)


def assert_others_are_answered(server):
    """Ask for health, and upload."""
    assert requests.get(f"{server.address}/health", timeout=SECONDS).status_code == 200
    assert upload(server, picture((9, 9))).status_code == 200


def connect(server, source="127.0.0.1"):
    """Open a connection from an address of this machine."""
    return socket.create_connection(("127.0.0.1", port_of(server)), timeout=SECONDS, source_address=(source, 0))


def answer_on(connection):
    """Read one answer: its status, its headers and its body."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.headers, answer.read()


def next_answer(file):
    """Read one answer out of several: its status and its body."""
    status = int(file.readline().split()[1])
    headers = http.client.parse_headers(file)
    return status, file.read(int(headers["Content-Length"]))


def is_closed(connection):
    """Wait for what comes next, and say whether it is the end."""
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


@pytest.mark.parametrize("kind", ["paused readers", "pipeliners"])
def test_clients_that_do_not_read_hold_no_thread(server, target, kind):
    """Six, where there are two threads; all of them still hold on when others have been answered."""
    with attacking(kind, target, 6) as attack:
        assert_others_are_answered(server)
        assert attack.alive() == 6


@pytest.mark.parametrize("range_", ["", "Range: bytes=1000-29999999\r\n"])
def test_a_reader_who_pauses_gets_the_rest(server, target, range_):
    """Every byte of it, and the next answer behind it."""
    part = LARGE[1000:30_000_000] if range_ else LARGE
    with connect(server) as connection:
        connection.sendall(f"GET {target.large_file} HTTP/1.1\r\nHost: x\r\n{range_}\r\n".encode() * 2)
        with connection.makefile("rb") as file:
            status_line = file.readline()
            assert_others_are_answered(server)
            assert status_line.split()[1] == (b"206" if range_ else b"200")
            length = int(http.client.parse_headers(file)["Content-Length"])
            assert file.read(length) == part
            assert next_answer(file)[1] == part


def test_pipelined_requests_are_answered_in_order(server, target):
    """Of all kinds, and with empty lines between them."""
    body = b"x" * 1_000
    paths = [target.large_file, "/health", PAGE, "/nowhere"]
    requests_ = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths]
    requests_.append(b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + body)
    requests_.append(b"HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    with connect(server) as connection, connection.makefile("rb") as file:
        connection.sendall(b"\r\n\r\n".join(requests_))
        answers = [next_answer(file) for _ in requests_[:-1]]
        rest = file.read()
    assert [status for status, _ in answers] == [200, 200, 200, 404, 401]
    assert answers[0][1] == LARGE
    assert json.loads(answers[1][1])["status"] == "ok"
    assert rest.startswith(b"HTTP/1.1 200")
    assert rest.endswith(b"\r\n\r\n")


CHUNKED = b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"


def test_chunks_of_nearly_nothing_are_refused(server, target):
    """At once and for good: the senders are gone, others have been answered."""
    with connect(server) as connection:
        connection.sendall(CHUNKED + b"\r\n" + b"1\r\nx\r\n" * 6_000)
        status, headers, body = answer_on(connection)
        assert (status, headers["Content-Type"]) == (400, "application/json; charset=UTF-8")
        assert json.loads(body)["status_code"] == 400
    with attacking("1-byte chunks", target, 4) as attack:
        assert_others_are_answered(server)
        deadline = time.monotonic() + SECONDS
        while attack.alive():
            assert time.monotonic() < deadline


def test_small_chunks_are_taken(server):
    """Bytes one by one where there are few of them, and lines."""
    head = b'--b\r\nContent-Disposition: form-data; name="source"; filename="a.png"\r\n\r\n'
    form = head + picture() + b"\r\n--b--\r\n"
    long_form = head + picture() + b"x" * 500_000 + b"\r\n--b--\r\n"
    for body, size in ((form, 1), (long_form, 76)):
        pieces = (body[start : start + size] for start in range(0, len(body), size))
        headers = {"X-API-Key": "guests", "Content-Type": "multipart/form-data; boundary=b"}
        answer = requests.post(f"{server.address}/api/1/upload", data=pieces, headers=headers, timeout=SECONDS)
        assert answer.status_code == 200, answer.text


def test_trickling_requests_end(run):
    """With 408 in JSON, headers as bodies; who brings a kilobyte a second goes on, and who is idle is left alone."""
    with run("--read-timeout", "2") as server:
        idle, headers, body, slow = (connect(server) for _ in range(4))
        with idle, headers, body, slow:
            idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer_on(idle)[0] == 200
            headers.sendall(b"GET / HTTP/1.1\r\nHo")
            body.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500_000)
            slow.sendall(b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 25000\r\n\r\n")
            began, sent = time.monotonic(), 0
            while sent < 25_000:
                time.sleep(0.1)
                # As many as its rate asks for, however long this process has slept.
                due = min(25_000, int(5_000 * (time.monotonic() - began)))
                slow.sendall(b"x" * (due - sent))
                sent = due
                with contextlib.suppress(OSError):
                    headers.sendall(b"s")
                    body.sendall(b"x")
            for connection in (headers, body):
                status, found, content = answer_on(connection)
                assert (status, found["Connection"]) == (408, "close")
                assert json.loads(content)["status_txt"] == "Request Timeout"
                assert is_closed(connection)
            assert answer_on(slow)[0] == 401
            idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer_on(idle)[0] == 200


def test_an_address_has_so_many_connections(run):
    """Its own oldest go, which have let the server wait for longest, and nobody else's."""
    with run("--connections", "100", "--connections-per-address", "5") as server:
        other = connect(server, "127.0.0.2")
        crowd = [connect(server) for _ in range(8)]
        for connection in crowd[-5:]:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer_on(connection)[0] == 200
        assert [is_closed(connection) for connection in crowd[:3]] == [True] * 3
        other.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer_on(other)[0] == 200
        for connection in (other, *crowd):
            connection.close()


def persistently(action, *arguments):
    """Do what a client does whose connection a full server closed before its request was there: ask again."""
    for _ in range(4):
        with contextlib.suppress(requests.ConnectionError):
            return action(*arguments)
    return action(*arguments)


@pytest.mark.parametrize("options", [("--connections-per-address", "0"), ("--trusted-proxies", "1")])
def test_a_full_server_lets_others_in(run, options):
    """In the place of who lets it wait: trickling clients and paused readers have none to themselves."""
    with run("--connections", "20", *options) as server:
        target = Target(port=port_of(server), key="guests", large_file=PAGE, page=PAGE)
        with attacking("trickling headers", target, 15) as attack, attacking("pipeliners", target, 10) as others:
            for _ in range(3):
                persistently(assert_others_are_answered, server)
            assert 10 < attack.alive() + others.alive() < 25


def test_bodies_share_a_space(run):
    """What is beyond is refused with 503, and there is room again when those who hold it are gone."""
    with run("--body-bytes", "3000000", "--read-timeout", "600") as server:
        with connect(server) as holder:
            holder.sendall(head(5_000_000))
            holder.sendall(b"x" * 2_500_000)
            deadline = time.monotonic() + SECONDS
            while received_bytes(server) < 2_500_000:
                assert time.monotonic() < deadline
            refused = upload(server, LARGE[:1_000_000])
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.json()["status_code"] == 503
            assert_others_are_answered(server)
        while received_bytes(server):
            assert time.monotonic() < deadline
        assert upload(server, LARGE[:1_000_000]).status_code == 200


def test_one_client_leaves_space_to_the_others(run):
    """Who sends large bodies but for their ends has half of it: more is refused, and bodies of others are not."""
    with run("--body-bytes", "240000000", "--read-timeout", "600") as server, contextlib.ExitStack() as stack:
        holders = [stack.enter_context(connect(server, "127.0.0.2")) for _ in range(3)]
        for holder in holders:
            holder.sendall(head(100_000_000))
            with contextlib.suppress(ConnectionError):
                holder.sendall(bytes(79_900_000))
        assert upload(server, LARGE[:1_000_000]).status_code == 200
        assert [answer_on(holder)[0] for holder in holders[1:]] == [503, 503]
        assert 79_000_000 < received_bytes(server) < 120_000_000


def received_bytes(server):
    """Count the bytes of temporary files without a name, in which bodies are received."""
    size = 0
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if "(deleted)" in os.readlink(link):
                size += link.stat().st_size
    return size


def test_a_full_disk_is_not_the_clients_fault(run, site_folder):
    """Where the body of a request cannot be kept, it is 503, and what fits goes on."""
    resource = pytest.importorskip("resource", reason="a limit of written bytes stands for a full disk")
    with run() as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
        with connect(server) as connection:
            connection.sendall(head(3_000_000) + b"x" * 2_999_999)
            status, headers, body = answer_on(connection)
            assert (status, json.loads(body)["status_code"]) == (503, 503)
            assert int(headers["Retry-After"]) > 0
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert_others_are_answered(server)


def head(length):
    """Return the headers of an upload."""
    return (
        "POST /api/1/upload HTTP/1.1\r\nHost: x\r\nX-API-Key: guests\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--connections", "0"], "'--connections': 0 is not in the range x>=1."),
        (["--connections-per-address", "-1"], "'--connections-per-address': -1 is not in the range x>=0."),
        (["--read-timeout", "nan"], "'--read-timeout': not a number, 0 or more: nan"),
        (["--read-timeout", "0"], "'--read-timeout': it must be more than 0"),
        (["--body-bytes", "10"], "'--body-bytes': 10 is not in the range x>=1000000."),
        (["--connections-per-address", "9", "--trusted-proxies", "1"], "--connections-per-address would bound"),
    ],
)
def test_limits_that_make_no_sense_are_told(tmp_path, capsys, options, told):
    """In one line, before there is a folder."""
    from chevupload.cli import main

    assert main(["serve", "--port", "0", "--data", str(tmp_path / "site"), *options]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_requests_wait_by_turns_of_their_clients():
    """One of each in turn, and the oldest of each first."""
    queue = TaskQueue()
    tasks = [SimpleNamespace(client=name[0], name=name) for name in ("a1", "a2", "a3", "b1", "c1", "b2")]
    for task in tasks[:3]:
        queue.append(task)
    order = [queue.popleft().name]
    for task in tasks[3:]:
        queue.append(task)
    assert len(queue) == 5
    order += [queue.popleft().name for _ in range(5)]
    assert order == ["a1", "a2", "b1", "c1", "a3", "b2"]
    assert not queue
