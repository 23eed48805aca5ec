"""A process that stores uploads or tells their events, and writes down what it did, until somebody kills it.

    python -m tests.endurance.event_worker write|tell|tell-at-once URL FOLDER

Each line is one write at the end of a file, so that nothing of it is lost with the process and no two are mixed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from chevupload.app import ChevUpload
from chevupload.cli.stop_flag import StopFlag
from chevupload.clock import utc_now
from chevupload.db import Database, SqlCatalog, engine_from
from chevupload.errors import CatalogError
from chevupload.records.event import Event, new_event
from chevupload.testing import MemoryStorage, StaticKeys, new_upload
from chevupload.uploads import events
from chevupload.uploads.hooks import Hooks

CLAIMED_SECONDS = 15.0
"""In place of minutes: so long the events of a killed worker wait for the next one. A page takes a fraction of it."""
PAGE_SECONDS = 1.0
HANDLER_SECONDS = 0.002


class Log:
    """A file that several processes write lines into."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, *words: object) -> None:
        """Write a line, with the process and a clock that all of them share."""
        line = " ".join(map(str, (*words, os.getpid(), time.monotonic())))
        os.write(self._file, f"{line}\n".encode())


def write(catalog: SqlCatalog, log: Log) -> None:
    """Store uploads for ever, and take every second one away again."""
    number = 0
    while True:
        number += 1
        upload = new_upload(f"p{os.getpid()}n{number}")
        # SQLite says, on a busy machine, that somebody else writes: then this one stays pending, or is not deleted.
        with contextlib.suppress(CatalogError):
            catalog.reserve(upload)
            catalog.publish(upload.id, event=new_event("stored", upload, utc_now()))
            log.write("stored", upload.id)
            if number % 2:
                catalog.withdraw(upload.id, event=new_event("deleted", upload, utc_now()))
                log.write("deleted", upload.id)


def tell(catalog: SqlCatalog, log: Log, *, handler_seconds: float) -> None:
    """Tell events until SIGTERM comes."""
    events._CLAIMED, events._PAGE_SECONDS = timedelta(seconds=CLAIMED_SECONDS), PAGE_SECONDS

    def handle(event: Event) -> None:
        log.write("begun", event.id, event.kind, event.upload.id)
        if handler_seconds:
            time.sleep(handler_seconds)
        log.write("done", event.id, event.kind, event.upload.id)

    component = ChevUpload(
        keys=StaticKeys({}),
        catalog=catalog,
        storage=MemoryStorage(),
        secret_keys=["a secret of sixteen characters or more"],
        hooks=Hooks(on_event={"log": handle}),
        renderer="inline",
    )
    ending = StopFlag()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    component.events.watch(ending, seconds=0.05)


def main() -> None:
    """Do what the arguments say."""
    kind, url, folder = sys.argv[1:]
    catalog = SqlCatalog(Database(engine_from(url)))
    if kind == "write":
        write(catalog, Log(Path(folder) / "written"))
    else:
        Log(Path(folder) / "ready").write()
        tell(catalog, Log(Path(folder) / "told"), handler_seconds=HANDLER_SECONDS if kind == "tell" else 0)


if __name__ == "__main__":
    main()
