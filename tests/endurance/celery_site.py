"""A site whose batch work is done by Celery: what its workers import. Its folder and Redis are in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from celery import Celery
from celery.schedules import schedule

from chevupload import Config, Renditions, Upload, embedded
from chevupload.contrib.celery import register
from chevupload.uploads import jobs

FOLDER = Path(os.environ["TEST_CHEVUPLOAD_FOLDER"])
jobs._CLAIMED = timedelta(seconds=8)

app = Celery("site", broker=os.environ["TEST_CHEVUPLOAD_REDIS"])
app.conf.update(
    broker_transport_options={"visibility_timeout": 5},
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    beat_schedule_filename=str(FOLDER / "beat"),
    beat_schedule={"resume": {"task": "chevupload.resume", "schedule": schedule(1.0)}},
)
component = embedded(FOLDER / "site", renderer="inline", config=Config(renditions=Renditions(thumb_side=20)))
tasks = register(app, component, parallel=2)

_LOG = os.open(FOLDER / "rendered", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_kind = component.jobs._kinds["render"]
_run = _kind.run


def _noted(uploads: Sequence[Upload], arguments: Mapping[str, str]) -> int:
    failed = _run(uploads, arguments)
    os.write(_LOG, "".join(f"{upload.id}\n" for upload in uploads).encode())
    return failed


_kind.run = _noted  # type: ignore[method-assign]
