"""Celery and RQ bring tasks to their workers by a real Redis. That workers may be killed shows tests/endurance."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from celery import Celery

from chevupload import embedded
from chevupload.contrib.celery import register
from chevupload.errors import BackendError
from tests.databases import data_folder
from tests.ports import free_port
from tests.redis_server import RedisServer, needs_redis
from tests.support import ROOT, SECONDS, environment, file


@pytest.fixture
def component(tmp_path):
    """Return a site with one upload."""
    component = embedded(data_folder(tmp_path / "celery-data"), renderer="inline")
    component.uploads.save(file()[0], owner="7")
    return component


@pytest.fixture
def redis(tmp_path):
    """Return a running Redis."""
    server = RedisServer(tmp_path)
    yield server
    server.kill()


def test_each_task_has_its_name(component):
    """They are what a schedule names, and what another process sends."""
    app = Celery("site", broker="memory://")
    tasks = register(app, component, parallel=1)
    job = tasks.start("render")
    for name in ("run_range", "resume", "sweep"):
        app.tasks[f"chevupload.{name}"].apply(kwargs={"job_id": job.id} if name == "run_range" else {}).get()
    assert component.jobs.progress(job.id).ended_at is not None


def test_a_queue_that_is_away_is_told(component):
    """A job is there all the same, and is resumed later."""
    app = Celery("site", broker=f"redis://127.0.0.1:{free_port()}/0")
    tasks = register(app, component)
    with pytest.raises(BackendError, match="queue of tasks is away"):
        tasks.start("render")
    assert len(component.jobs.idle()) == 1


@needs_redis
def test_another_library_takes_twenty_lines(component, redis, tmp_path):
    """The page's example for RQ, with the address of this Redis."""
    (code,) = re.findall(r"^```py\n(# site_rq.py\n.*?)^```$", (ROOT / "docs" / "celery.md").read_text(), re.S | re.M)
    body = code.partition("\n\n\n")[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20
    (tmp_path / "site_rq.py").write_text(code.replace("redis://localhost/0", redis.url))

    def run(*words):
        command = [sys.executable, *words]
        subprocess.run(command, cwd=tmp_path, env=environment(), check=True, capture_output=True, timeout=SECONDS)

    run("-c", "import site_rq; site_rq.tasks.start('render', owner_id='7')")
    assert [job.done for job in component.jobs.unfinished()] == [0]
    run("-m", "rq.cli", "worker", "--worker-class", "rq.worker.SimpleWorker", "--burst", "--url", redis.url)
    assert component.jobs.unfinished() == []
