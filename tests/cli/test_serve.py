"""A real server: its first start, where it listens, its end."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import requests

from chevupload.cli import server as server_module
from chevupload.errors import ConfigError
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from tests.ports import free_port
from tests.support import PNG, SECONDS, environment, picture


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
    # The first upload finds its decoder running.
    assert len(first.workers()) >= 1
    done = subprocess.run([*shlex.split(command), "--silent"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    image = json.loads(done.stdout)["image"]
    assert json.loads(done.stdout)["status_code"] == 200
    assert (image["name"], image["width"]) == ("example", 1600)
    assert requests.get(image["url"]).status_code == 200
    status, _ = first.stop()
    assert (status, first.wait_for_workers()) == (0, [])
    log = (tmp_path / "a, b; c.log").read_text()
    assert key not in log
    assert "still running" not in log
    second = start(folder)
    assert requests.get(f"{second.address}{image['path_viewer']}").status_code == 200
    status, rest = second.stop(signal.SIGINT)
    assert (status, rest) == (0, "")


def test_floods_are_limited_by_default(start, tmp_path):
    """With Chevereto's numbers, which the API's description has; others by an option."""
    told = "50 in a minute, 500 in an hour, 1,000 in a day, 5,000 in a week, 10,000 in a month"
    with start(tmp_path / "usual", flood=None) as usual:
        assert told in requests.get(f"{usual.address}/api/1/openapi.json").text
    one = "minute=off hour=off day=off week=off month=1"
    running = start(tmp_path / "site", "--guest-key", "guests", flood=one)
    url, key = f"{running.address}/api/1/upload", {"X-API-Key": "guests"}
    answers = [requests.post(url, headers=key, files={"source": PNG}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 0 < int(answers[1].headers["Retry-After"]) <= 30 * 86_400
    wrong = [requests.post(url, headers={"X-API-Key": str(number)}).status_code for number in range(41)]
    assert set(wrong[:20]) == {401}
    assert 429 in wrong


def test_tickets_are_made_where_they_are_wanted(start, tmp_path):
    """By an option; the ticket has the address of the upload page."""
    site = Site(tmp_path / "site")
    site.accounts.add_user("ann")
    key = {"X-API-Key": site.accounts.add_key("ann").key}
    site.close()
    running = start(tmp_path / "site", "--tickets")
    made = requests.post(f"{running.address}/api/1/tickets", headers=key).json()["ticket"]
    assert made["page_url"] == f"{running.address}/upload#ticket={made['key']}"
    answers = [
        requests.post(f"{running.address}/api/1/upload", headers={"X-API-Key": made["key"]}, files={"source": content})
        for content in (PNG, PNG, picture(color=(1, 2, 3)))
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401]


def test_a_taken_port_is_told(server, tmp_path, capfd):
    """One line that names the way out, and no data folder."""
    port = urlsplit(server.address).port
    command = [sys.executable, "-m", "chevupload", "serve", "--port", str(port), "--data", str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    expected = f"Error: cannot listen at 127.0.0.1:{port}: Address already in use; choose another with --port\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no such host", "", "a..b"])
def test_an_unusable_address_is_told(host):
    """One line; the address is that of nobody here, or none at all."""
    with pytest.raises(ConfigError, match=r"cannot listen at .*--host") as refused:
        server_module.listen(host, 0)
    assert "\n" not in str(refused.value)


def test_no_socket_stays_when_one_cannot_be_had(monkeypatch):
    """Of a host with several addresses, every one or none is listened at."""
    usable = ("127.0.0.1", free_port())
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
    resource = pytest.importorskip("resource", reason="only POSIX systems limit open files")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4500:
        pytest.skip("the system's hard limit of open files is below what serve asks for")
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        running = start(tmp_path / "site")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE) == (4500, hard)


def test_busy_threads_do_not_flood_the_log(start, tmp_path):
    """More requests than threads are nothing to warn of."""
    with start(tmp_path / "site", "--threads", "1") as running:
        parts = urlsplit(running.address)
        connections = [socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) for _ in range(20)]
        for connection in connections:
            connection.sendall(b"GET /api/1/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for connection in connections:
            assert connection.recv(12) == b"HTTP/1.1 401"
            connection.close()
    assert "queue" not in (tmp_path / "site.log").read_text()


def test_addresses_are_spelled_for_clients(tmp_path):
    """Any interface is this machine, and IPv6 has its brackets."""
    site = Site(tmp_path / "site")
    component = embedded(site, renderer="inline")
    for host, expected in (("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "")):
        try:
            sockets = server_module.listen(host, 0)
        except ConfigError:
            assert host == "::1"
            continue
        running, address = server_module.create_server(
            component, sockets, threads=1, limits=server_module.ServerLimits()
        )
        assert re.fullmatch(rf"http://{re.escape(expected)}.*:\d+", address)
        running.close()
    assert server_module._outside_name("::") == "127.0.0.1"
    assert server_module._outside_name("fe80::1%eth0") == "[fe80::1%25eth0]"
    site.close()


def test_a_server_says_how_it_is_and_logs_json(start, tmp_path):
    """At /health, and a line for each upload that a program can read."""
    site = Site(tmp_path / "site")
    site.accounts.add_user("ann")
    key = site.accounts.add_key("ann").key
    site.close()
    with start(tmp_path / "site", "--log-json") as running:
        assert requests.get(f"{running.address}/health/live").json() == {"status": "ok"}
        answer = requests.get(f"{running.address}/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "storage": "ok"})
        for sent in (key, "wrong"):
            data = {"source": ("a.png", picture())}
            requests.post(f"{running.address}/api/1/upload", headers={"X-API-Key": sent}, files=data)
    lines = [json.loads(line) for line in (tmp_path / "site.log").read_text().splitlines()]
    uploads = [line for line in lines if line["logger"] == "chevupload.uploads"]
    assert [(line["outcome"], line["status"]) for line in uploads] == [("stored", 200), ("refused", 401)]
    assert [line["owner"] is None for line in uploads] == [False, True]
    assert key not in (tmp_path / "site.log").read_text()
