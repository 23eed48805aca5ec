"""The client that talks to a real server, and to something else."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import socket
import subprocess
import sys
import termios
import threading
from importlib import import_module
from pathlib import Path

import click
import pytest
import requests

from chevupload import Flood, Policy
from chevupload.cli import main
from chevupload.config import Limits
from chevupload.errors import BackendError
from chevupload.testing import serve
from chevupload.wsgi.body import body_limit
from tests.support import environment, noise, picture

client_module = import_module("chevupload.cli.client")
LARGEST = body_limit("multipart/form-data", Limits().max_bytes)


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
    assert [document["file"] for document in documents] == [str(file) for file in files[1:3]]
    assert documents[1]["image"]["original_filename"] == "日本.png"
    assert documents[0]["status_code"] == 200


def test_the_client_waits_for_places(make, tmp_path, capsys, monkeypatch):
    """As long as the server says, if that is not longer than it may; then the file is sent again."""
    stand = make(policy=Policy(flood=Flood(minute=2, hour=4)))
    monkeypatch.setattr(client_module, "sleep", lambda seconds: stand.clock.move(seconds=seconds))
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for file in files:
        file.write_bytes(picture())
    with serve(stand.component) as address:
        assert main(["upload", "--url", address, "--key", "user-key", "--wait", "100", *map(str, files)]) == 1
    told = capsys.readouterr()
    assert len(told.out.split()) == 4
    reason = "Flooding detected. You can only upload 2 images per minute"
    # The last would have to wait for the end of the hour.
    assert told.err.splitlines() == [f"{files[2]}: {reason}; it is sent again in 53 seconds", f"{files[4]}: {reason}"]


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
    document = json.loads(capsys.readouterr().out)
    assert (document["file"], document["error"]["code"]) == (str(bad), 610)
    assert upload(server, bad.with_name("none.png"), "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "file": str(bad.with_name("none.png")),
        "error": {"message": "No such file or directory"},
    }
    assert captured.err == ""


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


def told(capsys):
    """Return the last line of the errors."""
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "caf\udce9"])
def test_the_client_refuses_what_is_no_key(key, tmp_path, capsys):
    """No header could carry it."""
    assert main(["upload", "--key", key, str(tmp_path / "a.png")]) == 2
    assert told(capsys).startswith("Error: Invalid value for '--key'")


@pytest.mark.parametrize("size", [4, 6])
def test_a_file_that_changes_is_told(tmp_path, size):
    """Shorter or longer than was declared: the server is not left waiting, and gets no part as the whole."""
    with click.progressbar(length=5, hidden=True) as bar:
        pieces = client_module._followed([b"1234", b"56"[: size - 4]], 5, bar)
        assert next(pieces) == b"1234"
        with pytest.raises(BackendError, match="changed while it was sent"):
            list(pieces)


def test_a_file_that_cannot_be_read_is_told(tmp_path, capsys, server):
    """The others are sent."""
    file, good = Path("/proc/self/mem"), tmp_path / "a.png"
    good.write_bytes(picture())
    assert upload(server, file, good) == 1
    captured = capsys.readouterr()
    assert captured.err == f"{file}: Input/output error\n"
    assert len(captured.out.split()) == 1


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://x:port", "http://[x"])
def test_the_client_refuses_strange_addresses(url, tmp_path, capsys):
    """Before anything is sent."""
    assert main(["upload", "--url", url, "--key", "k", str(tmp_path)]) == 2
    assert told(capsys).endswith(f": not the address of a server: {url}")


def test_the_client_needs_a_key(monkeypatch, tmp_path, capsys):
    """As option or in the environment."""
    monkeypatch.delenv("CHEVUPLOAD_KEY", raising=False)
    assert main(["upload", str(tmp_path / "a")]) == 2
    assert told(capsys) == "Error: Missing option '--key' (env var: 'CHEVUPLOAD_KEY')."


def test_the_client_says_what_to_install(monkeypatch, tmp_path, capsys):
    """By the name of the extra."""
    monkeypatch.setitem(sys.modules, "httpx2", None)
    assert main(["upload", "--key", "k", str(tmp_path / "a")]) == 1
    assert told(capsys) == "Error: upload needs httpx2: pip install 'chevupload[client]'"


@pytest.mark.slow
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
    assert capsys.readouterr().err.splitlines() == [f"{file}: {url}/api/1/upload: Connection refused" for file in files]


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
    assert capsys.readouterr().err.startswith(f"{file}: https://{address}/api/1/upload: [SSL")


def test_a_connection_that_is_lost(tmp_path, capsys):
    """Reset without an answer, half-way."""
    file = tmp_path / "a.png"
    with file.open("wb") as content:
        content.truncate(50_000_000)
    with rude_server(b"") as address:
        assert main(["upload", "--url", f"http://{address}", "--key", "k", str(file)]) == 1
    url = f"http://{address}/api/1/upload"
    assert capsys.readouterr().err in (
        f"{file}: {url}: Connection reset by peer\n",
        f"{file}: no HTTP answer from {url}\n",
    )


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
    """From nothing to 100 %, never twice the same; the link is on a line of its own."""
    file = tmp_path / "a.png"
    file.write_bytes(noise((1500, 1000)))
    shown, link = re.fullmatch(r"(.*)\x1b\[\?25h\r\n(\S+)\r\n", watched_upload(server, file, 80)).groups()
    assert link.startswith(server.address)
    texts = [text.rstrip() for text in shown.split("\r\x1b[?25l")[1:]]
    percents = [int(re.fullmatch(r"1/1  \[#*-*\] +(\d+)%", text)[1]) for text in texts]
    assert percents == sorted(set(percents)) or len(texts) == len(set(texts))
    assert (percents[0], percents[-1]) == (0, 100)
    assert len(texts) > 10


@pytest.mark.parametrize("columns", [40, 20, 0])
def test_the_progress_bar_keeps_to_its_line(server, tmp_path, columns):
    """Whatever the width of the terminal, and the name of the file."""
    file = tmp_path / "\x1b\n図.png"
    file.write_bytes(picture())
    *drawn, _ = watched_upload(server, file, columns).split("\x1b[?25h\r\n")
    for text in "".join(drawn).split("\r\x1b[?25l")[1:]:
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= (columns or 80)
