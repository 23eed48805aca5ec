"""A real server: its first start, its own refusals, its end; and the client that talks to it."""

from __future__ import annotations

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
import threading
from urllib.parse import urlsplit

import pytest
import requests

from chevupload.cli import main
from chevupload.cli import server as server_module
from chevupload.site import Site
from tests.support import Server, environment, picture


@pytest.fixture(scope="module")
def site_folder(tmp_path_factory):
    """Return a data folder whose name asks for quoting."""
    return tmp_path_factory.mktemp("sites") / "my site, 1"


@pytest.fixture(scope="module")
def server(site_folder):
    """Run a server with a user and a guest key."""
    site = Site(site_folder)
    site.accounts.add_user("ann")
    site.close()
    with Server(site_folder, "--guest-key", "guests", "--sweep-minutes", "0.001") as running:
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


def test_first_and_second_start(tmp_path):
    """The first start prints a key and a curl line that works as it is; the second prints neither; both end with 0."""
    folder = tmp_path / "a, b; c"
    first = Server(folder)
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
    second = Server(folder)
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
    assert upload(server, tmp_path / "none.png") == 1
    assert capsys.readouterr().err.strip() == f"chevupload: {tmp_path / 'none.png'}: No such file or directory"
    assert upload(server, bad, good) == 1
    captured = capsys.readouterr()
    assert captured.err.strip() == f"{bad}: Can't get target upload source info"
    assert len(captured.out.split()) == 1
    assert upload(server, bad, "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == 610


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
    """Nobody listens."""
    file = tmp_path / "a.png"
    file.write_bytes(picture())
    assert main(["upload", "--url", "https://127.0.0.1:9", "--key", "k", str(file)]) == 1
    assert capsys.readouterr().err.strip() == "chevupload: Connection refused"


def test_a_terminal_sees_a_progress_bar(server, tmp_path):
    """From nothing to 100 %."""
    file = tmp_path / "a.png"
    file.write_bytes(picture())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "chevupload", "upload", "--url", server.address, "--key", "guests", str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment())
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert (done.returncode, done.stdout.startswith(server.address)) == (0, True)
    assert re.findall(r"(\d+)% a\.png", shown)[-1] == "100"
    assert "█" * 30 in shown


def test_addresses_are_spelled_for_clients(tmp_path):
    """Any interface is this machine, and IPv6 has its brackets."""
    site = Site(tmp_path / "site")
    component = site.component(decode="inline")
    for host, expected in (("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "")):
        try:
            running, address = server_module.create_server(component, host=host, port=0, threads=1)
        except OSError:
            assert host == "::1"
            continue
        assert re.fullmatch(rf"http://{re.escape(expected)}.*:\d+", address)
        running.close()
    assert server_module._outside_name("::") == "127.0.0.1"
    assert server_module._outside_name("fe80::1%eth0") == "[fe80::1%25eth0]"
    site.close()
