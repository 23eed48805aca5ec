"""How a server ends: what is under way comes to its end, nobody else is let in, and nothing takes for ever."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests

from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from tests.support import SECONDS, noise, picture
from tests.wsgi.bodies import MULTIPART, multipart, part

SENDERS = 24


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a site."""
    return tmp_path / "site"


@pytest.fixture
def key(folder):
    """Return the key of a user of the site."""
    site = Site(folder)
    site.accounts.add_user("ann")
    key = site.accounts.add_key("ann").key
    site.close()
    return key


def wait_until(condition):
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_signal_to_all_processes_in_the_middle_of_uploads(start, folder, key):
    """Each upload that was taken in is answered, none is blamed, and what was acknowledged is there."""
    content = noise((900, 700))
    running = start(folder)
    requests.post(f"{running.address}/api/1/upload", headers={"X-API-Key": key}, files={"source": ("a.png", picture())})
    outcomes = []

    def send(number):
        own = content + bytes([number])
        try:
            answer = requests.post(
                f"{running.address}/api/1/upload",
                headers={"X-API-Key": key},
                files={"source": ("same.png", own)},
                timeout=SECONDS,
            )
        except requests.ConnectionError:
            outcomes.append((None, own))
        else:
            image = answer.json()["image"]["id_encoded"] if answer.status_code == 200 else None
            outcomes.append((answer.status_code, own if image is None else (image, hashlib.md5(own).hexdigest())))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(outcomes) >= 2)
    os.killpg(running.process.pid, signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert running.process.wait(SECONDS) == 0
    assert running.wait_for_workers() == []
    statuses = [status for status, _ in outcomes]
    assert set(statuses) <= {200, 503, None}
    assert statuses.count(200) >= 3, "what was at work at the signal has come to its end"
    site = Site(folder)
    component = embedded(site)
    for status, found in outcomes:
        if status == 200:
            assert component.catalog.get(found[0]).md5 == found[1]
    assert component.maintenance.check().missing == ()
    component.close()
    site.close()
    assert "Traceback" not in (folder.parent / f"{folder.name}.log").read_text()


def request(key, body):
    """Spell an upload."""
    head = f"POST /api/1/upload HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: {MULTIPART}\r\n\r\n".encode() + body


def serving(running):
    """Return a server once it serves, which it says a moment before."""
    assert requests.get(f"{running.address}/health").status_code == 200
    return running


def connected(running):
    """Connect to a server."""
    parts = urlsplit(running.address)
    return socket.create_connection((parts.hostname, parts.port), timeout=SECONDS)


def received(connection):
    """Read until the other side closes."""
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


def test_a_body_on_its_way_is_waited_for_and_an_idle_connection_is_not(start, folder, key):
    """The answer says that the connection ends with it, and nobody new gets in."""
    running = serving(start(folder))
    whole = request(key, multipart(part("source", picture(), "a.png")))
    with connected(running) as idle, connected(running) as sending:
        sending.sendall(whole[:-50])
        # Once this is answered, the server has read what came before it.
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += idle.recv(65_536)
        os.killpg(running.process.pid, signal.SIGTERM)
        assert received(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            connected(running)
        sending.sendall(whole[-50:])
        answer = received(sending)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert running.process.wait(SECONDS) == 0


def test_a_stalled_body_is_waited_for_no_longer_than_allowed(start, folder, key):
    """It may stall for ever."""
    running = serving(start(folder, "--stop-seconds", "0.2"))
    with connected(running) as sending:
        sending.sendall(request(key, bytes(1_000))[:-500])
        assert running.stop() == (0, "")
        assert received(sending) == b""


def test_a_second_signal_ends_at_once(start, folder, key):
    """Who does not want to wait says so again."""
    running = serving(start(folder, "--stop-seconds", "1000"))
    with connected(running) as sending, connected(running) as idle:
        sending.sendall(request(key, bytes(1_000))[:-500])
        running.process.send_signal(signal.SIGTERM)
        assert received(idle) == b"", "the first one was heard"
        assert running.stop() == (0, "")


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf"])
def test_a_senseless_time_is_told(seconds, capsys, tmp_path):
    """Before anything is made."""
    from chevupload.cli import main

    assert main(["serve", "--data", str(tmp_path / "site"), "--stop-seconds", seconds]) == 2
    assert "'--stop-seconds': not a number, 0 or more" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()
