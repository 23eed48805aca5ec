"""Figures say what happens: in one process, and in all processes of a server together."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from wsgiref.validate import validator

import pytest
import requests
from werkzeug.test import Client

pytest.importorskip("prometheus_client", reason="the extra metrics is not installed")

from prometheus_client import CollectorRegistry, generate_latest

from chevupload.contrib.metrics import Metrics
from chevupload.errors import CatalogError
from chevupload.spool import Spool
from tests.ports import free_port
from tests.support import PNG, SECONDS, environment, file

SITE = """
from pathlib import Path

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from chevupload import Config, Limits, embedded
from chevupload.contrib.metrics import Metrics

limits = Limits(decode_workers=1)
component = embedded(Path(__file__).parent / "data", guest_key="guest-key", config=Config(limits=limits))
application = DispatcherMiddleware(component, {"/metrics": Metrics(component)})
"""


@pytest.fixture
def metrics():
    """Return a function that makes the figures of a component, whose handler of the log is gone in the end."""
    made = []
    level = logging.getLogger("chevupload.uploads").level

    def make_metrics(component, **settings):
        made.append(Metrics(component, **settings))
        return made[-1]

    yield make_metrics
    for one in made:
        one.close()
    logging.getLogger("chevupload.uploads").setLevel(level)


def figures(application):
    """Return the figures by name and labels, as a scraper gets them."""
    answer = Client(validator(application)).get("/", headers={"Accept": "text/plain"}, buffered=True)
    assert answer.status_code == 200
    return as_figures(answer.text)


def as_figures(text):
    lines = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) ([0-9.e+-]+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


def test_uploads_are_counted_by_how_they_ended(make, metrics):
    """With the time of each step; no label is anything that a client sent."""
    stand = make()
    application = metrics(stand.component)
    stand.upload(title="secret", key="user-key")
    stand.upload()
    assert stand.send({"source": file(b"no picture")}).status_code == 400
    assert stand.send({"source": file()}, key="wrong").status_code == 401
    found = figures(application)
    assert found['chevupload_uploads_total{outcome="stored",type="image"}'] == 2
    assert found['chevupload_uploads_total{outcome="refused",type="none"}'] == 2
    for step in ("receive", "check", "render", "reserve", "put", "publish"):
        assert found[f'chevupload_upload_seconds_count{{step="{step}"}}'] >= 2, step
    assert found['chevupload_upload_seconds_count{step="total"}'] == 4
    assert found["chevupload_spool_bytes"] == 0
    labels = {name for line in found for name in re.findall(r'(\w+)="', line)}
    assert labels <= {"outcome", "type", "step", "le"}
    assert "chevupload_event_lag_seconds" not in found


@pytest.mark.slow
def test_workers_and_temporary_files_are_shown(make, metrics):
    """Who was started, who waits, what the disk holds."""
    stand = make(renderer="worker")
    application = metrics(stand.component)
    assert figures(application)["chevupload_worker_starts_total"] == 0
    stand.upload()
    spools = stand.component.context.spools
    with Spool(spools.path, 100, budget=spools.for_all) as spool:
        spool.write(b"x" * 64)
        found = figures(application)
    assert (found["chevupload_spool_bytes"], found["chevupload_queue_waiting"]) == (64, 0)
    assert found["chevupload_worker_starts_total"] == 1
    stand.component.close()
    stand.upload()
    assert figures(application)["chevupload_worker_starts_total"] == 2


def test_events_that_wait_are_shown(make, metrics, monkeypatch):
    """For how long the oldest one does; a catalog that is away takes nothing but this figure away."""
    stand = make(on_event={"one": lambda event: None})
    application = metrics(stand.component)
    assert figures(application)["chevupload_event_lag_seconds"] == 0
    stand.upload()
    stand.clock.move(seconds=90)
    stand.upload()
    assert figures(application)["chevupload_event_lag_seconds"] == 90
    stand.component.events.deliver()
    assert figures(application)["chevupload_event_lag_seconds"] == 0

    def fail():
        raise CatalogError("away")

    monkeypatch.setattr(stand.catalog, "oldest_event", fail)
    found = figures(application)
    assert "chevupload_event_lag_seconds" not in found
    assert found['chevupload_uploads_total{outcome="stored",type="image"}'] == 2


def test_a_host_has_them_beside_its_own(make, metrics):
    """In its registry, at its own address."""
    registry = CollectorRegistry()
    stand = make()
    metrics(stand.component, registry=registry)
    stand.upload()
    assert 'chevupload_uploads_total{outcome="stored",type="image"} 1.0' in generate_latest(registry).decode()


@pytest.mark.slow
def test_every_process_answers_for_all(tmp_path):
    """Two workers of gunicorn: whoever is asked knows what the other one did, and what a dead one had done."""
    pytest.importorskip("gunicorn", reason="gunicorn does not run here")
    (tmp_path / "metrics_site.py").write_text(SITE)
    (tmp_path / "figures").mkdir()
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers=2", f"--bind=127.0.0.1:{port}", "--max-requests=4"]
    command += ["--timeout=100", "--log-level=error", "metrics_site:application"]
    places = {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "figures"),
        "PYTHONPATH": f"{tmp_path}:{environment()['PYTHONPATH']}",
    }
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=tmp_path, env=environment() | places) as server:
        try:
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    assert requests.get(f"{address}/metrics", timeout=SECONDS).ok
                    break
                except requests.ConnectionError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            for _ in range(10):
                sent = {"source": ("a.png", PNG, "image/png")}
                answer = requests.post(
                    f"{address}/api/1/upload", files=sent, headers={"X-API-Key": "guest-key"}, timeout=SECONDS
                )
                assert answer.status_code == 200, answer.text
            found = as_figures(requests.get(f"{address}/metrics", timeout=SECONDS).text)
        finally:
            server.terminate()
            server.wait(timeout=SECONDS)
    assert found['chevupload_uploads_total{outcome="stored",type="image"}'] == 10
    assert found['chevupload_upload_seconds_count{step="total"}'] == 10
    assert found["chevupload_worker_starts_total"] >= 2
    writers = {path.name.rpartition("_")[2] for path in (tmp_path / "figures").glob("counter_*.db")}
    assert len(writers) > 1, "one process did everything"
