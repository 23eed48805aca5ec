"""A process that moves uploads, sweeps, deletes or reads, and writes down what went wrong, until somebody kills it.

    python -m tests.endurance.move_worker move|sweep|delete|read FOLDER

What the processes share is in ``settings.json`` of the folder.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from chevupload.app import ChevUpload
from chevupload.config import Config, Policy
from chevupload.db import Database, SqlCatalog, engine_from
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.storage.local import LocalStorage
from chevupload.testing import StaticKeys
from chevupload.uploads import jobs
from tests.endurance.event_worker import Log

CLAIMED_SECONDS = 15.0
"""In place of minutes: so long a range of a killed process waits for the next one."""
GRACE = timedelta(seconds=15)
"""In place of an hour: so long the former files are there."""


def make_component(settings: dict[str, Any]) -> ChevUpload:
    """Put a site with a local disk and an S3 together."""
    storages = {
        "disk": LocalStorage(settings["disk"]),
        "bucket": FsspecStorage(settings["bucket"], options=settings["options"]),
    }
    jobs._CLAIMED = timedelta(seconds=CLAIMED_SECONDS)
    return ChevUpload(
        keys=StaticKeys({}),
        catalog=SqlCatalog(Database(engine_from(settings["url"]))),
        storage=storages,
        secret_keys=["a secret of sixteen characters or more"],
        renderer="inline",
        config=Config(policy=Policy(pending_grace=GRACE)),
    )


def move(component: ChevUpload, settings: dict[str, Any]) -> None:
    """Work on the job to its end."""
    for _ in component.jobs.run(settings["job"], ending=threading.Event()):
        pass


def sweep(component: ChevUpload) -> None:
    """Sweep for ever."""
    while True:
        component.maintenance.sweep()
        time.sleep(0.5)


def delete(component: ChevUpload, settings: dict[str, Any]) -> None:
    """Delete those uploads that nobody reads, some at a time."""
    random.shuffle(settings["going"])
    for upload_id in settings["going"]:
        component.uploads.delete(upload_id)
        time.sleep(settings["pause"])


def read(component: ChevUpload, settings: dict[str, Any], log: Log) -> None:
    """Read one file after the other for ever, and write down each answer that is not that file."""
    files = list(settings["files"].items())
    count = 0
    while True:
        path, digest = random.choice(files)
        body, status, _ = run_wsgi_app(component, EnvironBuilder(f"/images/{path}").get_environ(), buffered=True)
        if status[:3] != "200" or hashlib.md5(b"".join(body)).hexdigest() != digest:
            log.write("wrong", path, status[:3])
        count += 1
        if count % 50 == 0:
            log.write("read", 50)
        time.sleep(0.02)


def main() -> None:
    """Do what the arguments say."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    settings = json.loads((folder / "settings.json").read_text())
    component = make_component(settings)
    if kind == "move":
        move(component, settings)
    elif kind == "sweep":
        sweep(component)
    elif kind == "delete":
        delete(component, settings)
    else:
        read(component, settings, Log(folder / "read"))


if __name__ == "__main__":
    main()
