"""The component under the servers that hosts run it with, in whatever way each of them makes processes and threads."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from tests.ports import free_port
from tests.support import environment, files_in, noise, picture

# Neither a worker's start nor its end takes so long, on whatever machine.
_PATIENT = ("--timeout", "300", "--graceful-timeout", "300")
_GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", *_PATIENT, "site_app:application")
_TWO = ("--workers", "2")
SERVERS = {
    "gunicorn-sync": (*_GUNICORN, *_TWO),
    "gunicorn-preload": (*_GUNICORN, *_TWO, "--preload"),
    "gunicorn-gthread": (*_GUNICORN, *_TWO, "--preload", "--worker-class", "gthread", "--threads", "4"),
    "gunicorn-gevent": (*_GUNICORN, *_TWO, "--worker-class", "gevent"),
    "granian": (
        *("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}"),
        *("--workers", "2", "--blocking-threads", "4", "site_app:application"),
    ),
    "waitress": ("-m", "waitress", "--listen", "127.0.0.1:{port}", "--threads", "4", "site_app:application"),
}
MODULES = {"gunicorn-gevent": "gevent"}
"""What a server needs besides itself."""
SITE_APP = """
from chevupload import Config, embedded

component = embedded("data", config=Config(base_url="http://127.0.0.1:{port}"))
component.warm()


def host(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"host"]


application = component.wrap(host)
"""
SECONDS = 300
UPLOADS = 24


@pytest.fixture(params=SERVERS)
def command(request):
    """Return each server's command in turn, where it is installed."""
    command = SERVERS[request.param]
    for module in filter(None, (command[1], MODULES.get(request.param))):
        pytest.importorskip(module, reason=f"{module} is not installed")
    return command


@pytest.fixture
def key(tmp_path):
    """Return the key of a user of the site."""
    site = Site(tmp_path / "data")
    site.accounts.add_user("ann")
    made = site.accounts.add_key("ann").key
    site.close()
    return made


@pytest.fixture
def port():
    """Return a free port."""
    return str(free_port())


@pytest.fixture
def process(tmp_path, command, key, port):
    """Run the server; it ends by the signal that service managers send."""
    (tmp_path / "site_app.py").write_text(SITE_APP.replace("{port}", port))
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *(part.replace("{port}", port) for part in command)],
            cwd=tmp_path,
            env=environment() | {"PYTHONPATH": os.pathsep.join((environment()["PYTHONPATH"], str(tmp_path)))},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(process, f"http://127.0.0.1:{port}/", log)
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
        assert wait_for_end_of(process.pid) == [], "a process outlives the server"
        assert "Traceback" not in log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)


@pytest.fixture
def address(process, port):
    """Return the address of the server, which runs."""
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def session(address, key):
    """Return a client whose connections stay open: it lets go of them before the server ends, which waits for them."""
    with requests.Session() as session:
        session.headers["X-API-Key"] = key
        yield session


def wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            assert requests.get(url, timeout=SECONDS).text == "host"
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def wait_for_end_of(group: int) -> list[str]:
    """Wait until nothing of a process group is left, and list what is."""
    deadline = time.monotonic() + SECONDS
    while (left := members(group)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def members(group: int) -> list[str]:
    """List the living processes of a group by their commands."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, process_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are counted in /proc")
def test_a_server_carries_uploads(address, session, key, tmp_path):
    """Uploads at the same time, a chunked one and a refused one: each is answered, stored, served and deleted."""
    pictures = [picture((40, 30), color=(number, 99, 7)) for number in range(UPLOADS)]

    def send(content):
        files = {"source": ("same.png", content, "image/png")}
        return requests.post(f"{address}/api/1/upload", headers={"X-API-Key": key}, files=files, timeout=SECONDS)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, pictures))
    assert [answer.status_code for answer in answers] == [200] * UPLOADS
    images = [answer.json()["image"] for answer in answers]
    for content, image in zip(pictures, images, strict=True):
        assert image["md5"] == hashlib.md5(content).hexdigest()
        assert session.get(image["url"], timeout=SECONDS).content == content
    part = session.get(images[0]["url"], headers={"Range": "bytes=1-3"}, timeout=SECONDS)
    assert (part.status_code, part.content) == (206, b"PNG")

    body = multipart(pictures[0])
    chunked = session.post(
        f"{address}/api/1/upload",
        data=iter((body[:100], body[100:])),
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
        timeout=SECONDS,
    )
    assert chunked.status_code == 200, chunked.text
    refused = requests.post(f"{address}/api/1/upload", data={"key": "wrong", "source": "x"}, timeout=SECONDS)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 100)

    for chunks in (b"zz\r\n", b"-5\r\nabc\r\n0\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"3;\x01\r\nabc\r\n0\r\n\r\n"):
        assert answer_to_chunks(address, key, chunks) in (b"HTTP/1.1 400", b""), chunks

    for image in (*images, chunked.json()["image"]):
        assert session.delete(image["delete_url"], timeout=SECONDS).status_code == 200
    assert session.get(images[0]["url"], timeout=SECONDS).status_code == 404
    assert files_in(tmp_path / "data" / "images") == []
    assert files_in(tmp_path / "data" / "incoming") == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are counted in /proc")
@pytest.mark.parametrize("command", ["gunicorn-gthread"], indirect=True)
def test_a_signal_to_all_processes_in_the_middle_of_uploads(process, address, key, tmp_path):
    """What is under way comes to its end, as service managers stop a server: no picture is blamed for it."""
    content, outcomes = noise((900, 700)), []

    def send(number):
        files = {"source": ("same.png", content + bytes([number]))}
        try:
            answer = requests.post(f"{address}/api/1/upload", headers={"X-API-Key": key}, files=files, timeout=SECONDS)
        except requests.ConnectionError:
            outcomes.append((None, None))
        else:
            outcomes.append((answer.status_code, answer.json().get("image", {}).get("id_encoded")))

    with ThreadPoolExecutor(UPLOADS) as threads:
        sent = [threads.submit(send, number) for number in range(UPLOADS)]
        while not outcomes:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGTERM)
    assert [future.exception() for future in sent] == [None] * UPLOADS
    statuses = [status for status, _ in outcomes]
    assert set(statuses) <= {200, 503, None}
    assert statuses.count(200) >= 3, "what was at work at the signal has come to its end"
    site = Site(tmp_path / "data")
    component = embedded(site)
    assert all(component.catalog.get(found) is not None for status, found in outcomes if status == 200)
    assert component.maintenance.check().missing == ()
    component.close()
    site.close()


def answer_to_chunks(address: str, key: str, chunks: bytes) -> bytes:
    """Send what should be a chunked body, and return the start of the answer; nothing where the connection closes."""
    host, _, port = address.removeprefix("http://").partition(":")
    head = f"POST /api/1/upload HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nTransfer-Encoding: chunked\r\n"
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + chunks)
        with contextlib.suppress(ConnectionError):
            return connection.recv(12, socket.MSG_WAITALL)
    return b""


def multipart(content: bytes) -> bytes:
    """Build a form by hand, so that it can be sent in pieces of unknown length."""
    head = '--edge\r\nContent-Disposition: form-data; name="source"; filename="chunked.png"\r\n\r\n'
    return head.encode() + content + b"\r\n--edge--\r\n"
