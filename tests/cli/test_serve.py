"""A real server: its first start, its own refusals, its end; and the client that talks to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import termios
import threading
from urllib.parse import urlsplit

import pytest
import requests

from chevupload.cli import client as client_module
from chevupload.cli import main
from chevupload.cli import server as server_module
from chevupload.config import Limits
from chevupload.errors import BackendError, ConfigError
from chevupload.request.forms import body_limit
from chevupload.site import Site
from tests.support import Server, environment, noise, picture


@pytest.fixture(scope="module")
def site_folder(tmp_path_factory):
    """Return a data folder whose name asks for quoting."""
    return tmp_path_factory.mktemp("sites") / "my site, 1"


class MortalServer(Server):
    """A server that does not outlive a failed start, or a test."""

    def __init__(self, folder, *options):
        try:
            super().__init__(folder, *options)
        except BaseException:
            self.kill()
            raise

    def kill(self):
        """End what is left of its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


@pytest.fixture(scope="module")
def start():
    """Return a function that starts servers, none of which is left at the end."""
    servers = []

    def start_server(folder, *options):
        servers.append(MortalServer(folder, *options))
        return servers[-1]

    try:
        yield start_server
    finally:
        for running in servers:
            running.kill()


@pytest.fixture(scope="module")
def server(start, site_folder):
    """Run a server with a user and a guest key."""
    site = Site(site_folder)
    site.accounts.add_user("ann")
    site.close()
    with start(site_folder, "--guest-key", "guests", "--sweep-minutes", "0.001") as running:
        yield running


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
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers["Content-Type"], answer.read()


def test_first_and_second_start(start, tmp_path):
    """The first start prints a key and a curl line that works as it is; the second prints neither; both end with 0."""
    folder = tmp_path / "a, b; c"
    first = start(folder)
    lines = []
    for line in first.process.stdout:
        lines.append(line.strip())
        if line.strip().startswith("curl "):
            break
    (command,) = (line for line in lines if line.startswith("curl "))
    (key,) = (line for line in lines if line.startswith("chv_"))
    assert key in command
    done = subprocess.run([*shlex.split(command), "--silent"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    image = json.loads(done.stdout)["image"]
    assert json.loads(done.stdout)["status_code"] == 200
    assert (image["name"], image["width"]) == ("example", 1600)
    assert requests.get(image["url"]).status_code == 200
    assert len(first.workers()) >= 1
    status, _ = first.stop()
    assert (status, first.wait_for_workers()) == (0, [])
    assert key not in (tmp_path / "a, b; c.log").read_text()
    second = start(folder)
    assert requests.get(f"{second.address}{image['path_viewer']}").status_code == 200
    status, rest = second.stop(signal.SIGINT)
    assert (status, rest) == (0, "")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n", 501),
        (b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431),
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
        ("/image/x/delete/y", 1_048_577, ["Content-Type: application/x-www-form-urlencoded"]),
        ("/", 1_048_577, [MULTIPART]),
    ],
)
def test_bodies_declared_too_long_are_refused_at_once(server, path, length, lines, expect):
    """Before anything of them is sent, also to a client that waits to be asked for it, and the connection ends."""
    status, content_type, body = raw(server, head(path, length, *lines, *expect))
    assert (status, content_type) == (413, "application/json; charset=UTF-8")
    assert json.loads(body)["error"]["code"] == 413


@pytest.mark.parametrize(
    ("path", "length", "line"),
    [
        ("/api/1/upload", LARGEST, MULTIPART),
        ("/api/1/upload/", LARGEST, "Content-Type: application/json"),
        ("/api/1/upload", LARGEST + 1, "Content-Type: application/x-www-form-urlencoded"),
        ("/", 1_048_576, MULTIPART),
    ],
)
def test_bodies_that_may_come_are_asked_for(server, path, length, line):
    """A client that waits is told to go on."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
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
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(b"POST /api/1/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(limit // 0x100000 + 2):
                connection.sendall(chunk)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["status_code"]) == (413, 413)


def test_a_taken_port_is_told(server, tmp_path, capfd):
    """One line that names the way out, and no data folder."""
    port = urlsplit(server.address).port
    command = [sys.executable, "-m", "chevupload", "serve", "--port", str(port), "--data", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    expected = f"chevupload: cannot listen at 127.0.0.1:{port}: Address already in use; choose another with --port\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no such host", "", "a..b"])
def test_an_unusable_address_is_told(host):
    """One line; the address is that of nobody here, or none at all."""
    with pytest.raises(ConfigError, match="cannot listen at ") as refused:
        server_module.listen(host, 0)
    assert "\n" not in str(refused.value)


def test_no_socket_stays_when_one_cannot_be_had(monkeypatch):
    """Of a host with several addresses, every one or none is listened at."""
    free = socket.create_server(("127.0.0.1", 0))
    usable = free.getsockname()
    free.close()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (usable, ("192.0.2.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **named: found)
    with pytest.raises(ConfigError, match="choose another with --host"):
        server_module.listen("two.test", usable[1])
    socket.create_server(usable).close()


def test_a_server_ends_on_an_interrupt_that_was_ignored(start, tmp_path):
    """Shells start background jobs with SIGINT ignored; kill -INT ends a server all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        running = start(tmp_path / "site")
    finally:
        signal.signal(signal.SIGINT, before)
    assert running.stop(signal.SIGINT)[0] == 0


def test_a_server_may_open_files_for_every_connection(start, tmp_path):
    """A low limit is raised as far as the system allows."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("the system allows less")
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        running = start(tmp_path / "site")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE) == (4096, hard)


def test_busy_threads_do_not_flood_the_log(start, tmp_path):
    """More requests than threads are nothing to warn of."""
    with start(tmp_path / "site", "--threads", "1") as running:
        parts = urlsplit(running.address)
        connections = [socket.create_connection((parts.hostname, parts.port), timeout=20) for _ in range(20)]
        for connection in connections:
            connection.sendall(b"GET /api/1/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for connection in connections:
            assert connection.recv(12) == b"HTTP/1.1 401"
            connection.close()
    assert "queue" not in (tmp_path / "site.log").read_text()


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
    assert main(["key", "add", "ann", "--expires", "2", "--data", str(site_folder)]) == 0
    short = capsys.readouterr().out.split()[-1]
    assert send(short).status_code == 200
    import time

    time.sleep(2.1)
    assert send(short).status_code == 401
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


# The client


def upload(server, *arguments, key="guests"):
    return main(["upload", "--url", server.address, "--key", key, *map(str, arguments)])


def test_the_client_prints_viewer_links(server, tmp_path, capsys):
    """One a line; fields go along; JSON when asked for."""
    files = [tmp_path / name for name in ("a.png", 'q"u\\o;te, \n.png', "日本.png")]
    for file in files:
        file.write_bytes(picture())
    assert upload(server, *files, "--title", "Tïtle") == 0
    links = capsys.readouterr().out.split()
    assert len(links) == 3
    for link in links:
        assert requests.get(link).status_code == 200
        assert "/image/T%C3%AFtle." in link
    assert upload(server, files[1], files[2], "--json") == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert documents[1]["image"]["original_filename"] == "日本.png"
    assert documents[0]["status_code"] == 200


def test_the_client_sends_names_that_are_no_text(server, tmp_path, capsys):
    """A file name in another encoding loses what cannot be spelled, and the file is sent."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    with open(path, "wb") as file:
        file.write(picture())
    assert upload(server, path) == 0
    assert capsys.readouterr().out.startswith(server.address)


def test_the_client_names_what_is_refused(server, tmp_path, capsys):
    """Status 1 and one line: wrong key, missing file, no picture; the others are sent."""
    good, bad = tmp_path / "a.png", tmp_path / "b.png"
    good.write_bytes(picture())
    bad.write_text("no picture")
    assert upload(server, good, key="wrong") == 1
    assert capsys.readouterr().err.strip() == f"{good}: Invalid API key."
    assert upload(server, bad, good) == 1
    captured = capsys.readouterr()
    assert captured.err.strip() == f"{bad}: Can't get target upload source info"
    assert len(captured.out.split()) == 1
    assert upload(server, bad, "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == 610


def test_the_client_goes_on_after_an_unreadable_file(server, tmp_path, capsys):
    """Missing files, folders and pipes are named, and the others are sent."""
    good, none, folder, pipe = (tmp_path / name for name in ("a.png", "none.png", "folder", "pipe"))
    good.write_bytes(picture())
    folder.mkdir()
    os.mkfifo(pipe)
    assert upload(server, none, folder, pipe, good) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        f"{none}: No such file or directory",
        f"{folder}: not a regular file",
        f"{pipe}: not a regular file",
    ]
    assert len(captured.out.split()) == 1


def test_the_client_reads_an_early_refusal(server, tmp_path, capsys):
    """A server that ends the connection half-way is listened to."""
    huge, good = tmp_path / "huge.png", tmp_path / "a.png"
    with huge.open("wb") as file:
        file.truncate(LARGEST)
    good.write_bytes(picture())
    assert upload(server, huge, good) == 1
    captured = capsys.readouterr()
    assert captured.err.strip() == f"{huge}: Request Entity Too Large"
    assert len(captured.out.split()) == 1


def test_the_client_sends_every_parameter(server, tmp_path, capsys):
    """Each option goes along under the parameter's name."""
    file = tmp_path / "a.png"
    file.write_bytes(picture((40, 20)))
    assert upload(server, file, "--json", "--width", "20", "--nsfw", "--description", "D") == 0
    image = json.loads(capsys.readouterr().out)["image"]
    assert (image["width"], image["nsfw"], image["description"]) == (20, 1, "D")
    assert upload(server, file, "--category-id", "77") == 1
    assert "category" in capsys.readouterr().err.lower()


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "caf\udce9"])
def test_the_client_refuses_what_is_no_key(key, tmp_path, capsys):
    """No header could carry it."""
    assert main(["upload", "--key", key, str(tmp_path / "a.png")]) == 1
    assert capsys.readouterr().err == "chevupload: a key has only printable ASCII characters\n"


def test_a_file_that_shrinks_is_told(tmp_path):
    """The server is not left waiting for bytes that will never come."""
    file = tmp_path / "a.png"
    file.write_bytes(b"12345")
    with file.open("rb") as content:
        pieces = client_module._body(b"head", content, 6, b"tail")
        assert [next(pieces), next(pieces)] == [b"head", b"12345"]
        with pytest.raises(BackendError, match="shorter"):
            next(pieces)
        content.seek(0)
        assert b"".join(client_module._body(b"<", content, 3, b">")) == b"<123>"
    with open(os.open(file, os.O_WRONLY), "rb", buffering=0) as content, pytest.raises(BackendError, match="Bad file"):
        list(client_module._body(b"head", content, 6, b"tail"))


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://x:port", "http://[x"])
def test_the_client_refuses_strange_addresses(url, tmp_path, capsys):
    """Before anything is sent."""
    assert main(["upload", "--url", url, "--key", "k", str(tmp_path)]) == 1
    assert capsys.readouterr().err.strip() == f"chevupload: not the address of a server: {url}"


def test_the_client_needs_a_key(monkeypatch, tmp_path, capsys):
    """As option or in the environment."""
    monkeypatch.delenv("CHEVUPLOAD_KEY", raising=False)
    assert main(["upload", str(tmp_path / "a")]) == 1
    assert "a key is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>", "HTTP 502, and no JSON"),
        (b"HTTP/1.0 200 OK\r\n\r\n[]", "HTTP 200, and no JSON"),
        (b"SSH-2.0\r\n", "no HTTP answer from http://127.0.0.1:"),
        (b"", "no HTTP answer from http://127.0.0.1:"),
    ],
)
def test_the_client_talks_to_something_else(reply, message, tmp_path, capsys):
    """One line, and no traceback."""
    file = tmp_path / "a.png"
    file.write_bytes(picture())
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                received = b""
                while not received.endswith(b"--\r\n"):
                    received += connection.recv(65_536)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/deep/api/1/upload"
        assert main(["upload", "--url", url, "--key", "k", str(file)]) == 1
        thread.join(10)
    assert message in capsys.readouterr().err


def test_a_refused_connection(tmp_path, capsys):
    """Nobody listens: each file is named, with the server."""
    files = [tmp_path / name for name in ("a.png", "b.png")]
    for file in files:
        file.write_bytes(picture())
    url = "https://127.0.0.1:9"
    assert main(["upload", "--url", url, "--key", "k", *map(str, files)]) == 1
    assert capsys.readouterr().err.splitlines() == [f"{file}: {url}: Connection refused" for file in files]


@contextlib.contextmanager
def rude_server(reply):
    """Run a server that reads a little of one connection, sends ``reply`` and hangs up; return where it is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            connection, _ = listener.accept()
            with connection:
                connection.recv(10)
                connection.sendall(reply)

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_a_failed_handshake(tmp_path, capsys):
    """A server that speaks no TLS."""
    file = tmp_path / "a.png"
    file.write_bytes(picture())
    with rude_server(b"HTTP/1.0 400 Bad Request\r\n\r\n") as address:
        assert main(["upload", "--url", f"https://{address}", "--key", "k", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"{file}: https://{address}: ")


def test_a_connection_that_is_lost(tmp_path, capsys):
    """Reset without an answer, half-way."""
    file = tmp_path / "a.png"
    with file.open("wb") as content:
        content.truncate(50_000_000)
    with rude_server(b"") as address:
        assert main(["upload", "--url", f"http://{address}", "--key", "k", str(file)]) == 1
    reason = capsys.readouterr().err.removeprefix(f"{file}: http://{address}: ")
    assert reason in ("Broken pipe\n", "Connection reset by peer\n")


def watched_upload(server, file, columns):
    """Upload a file at a terminal, and return what was shown at it, links included."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    command = [sys.executable, "-m", "chevupload", "upload", "--url", server.address, "--key", "guests", str(file)]
    variables = {name: value for name, value in environment().items() if name != "COLUMNS"}
    done = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=variables)
    os.close(theirs)
    shown = b""
    # Linux ends a terminal that nobody has any more with an error.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    assert done.wait() == 0
    return shown.decode()


def test_a_terminal_sees_a_progress_bar(server, tmp_path):
    """From nothing to 100 %, never twice the same; it is gone when the link is there."""
    file = tmp_path / "a.png"
    file.write_bytes(noise((1500, 1000)))
    *drawn, rest = watched_upload(server, file, 80).split("\r\x1b[K")
    assert re.fullmatch(rf"{server.address}/\S+\r\n", rest)
    texts = "".join(drawn).removeprefix("\r").removesuffix("\x1b[K").split("\x1b[K\r")
    percents = [int(re.fullmatch(r"[█░]{30} +(\d+)% a\.png", text)[1]) for text in texts]
    assert percents == sorted(set(percents))
    assert percents[-1] == 100
    assert len(percents) > 10


@pytest.mark.parametrize(
    ("columns", "name"), [(40, "x" * 90 + ".png"), (50, "図" * 40 + ".png"), (20, "\x1b\n.png"), (0, "a")]
)
def test_the_progress_bar_keeps_to_its_line(server, tmp_path, columns, name):
    """Whatever the width of the terminal and the name of the file."""
    file = tmp_path / name
    file.write_bytes(picture())
    *drawn, _ = watched_upload(server, file, columns).split("\r\x1b[K")
    for text in filter(None, re.split("\r|\x1b\\[K", "".join(drawn))):
        assert text.isprintable()
        assert sum(2 if character == "図" else 1 for character in text) < (columns or 80)


def test_addresses_are_spelled_for_clients(tmp_path):
    """Any interface is this machine, and IPv6 has its brackets."""
    site = Site(tmp_path / "site")
    component = site.component(decode="inline")
    for host, expected in (("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "")):
        try:
            sockets = server_module.listen(host, 0)
        except ConfigError:
            assert host == "::1"
            continue
        running, address = server_module.create_server(component, sockets, threads=1)
        assert re.fullmatch(rf"http://{re.escape(expected)}.*:\d+", address)
        running.close()
    assert server_module._outside_name("::") == "127.0.0.1"
    assert server_module._outside_name("fe80::1%eth0") == "[fe80::1%25eth0]"
    site.close()
