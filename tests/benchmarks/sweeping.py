"""How long sweepers take for uploads that have expired, with a store that takes its time for each request.

    python -m tests.benchmarks.sweeping [--uploads 10000] [--sweepers 1] [--delay 0.03] [--json]

The records are in a PostgreSQL, three files of each in an S3, of which every hundredth upload really has some; each
sweeper is a process. It ends with status 1 if an upload was swept twice or not at all, or if a file is left. Needs the
extra ``test``, and Linux.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from chevupload import Hooks
from chevupload.app import ChevUpload
from chevupload.db import Database, SqlCatalog, Tables, engine_from
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.testing.memory import StaticKeys
from tests.benchmarks.costs import HEADERS
from tests.benchmarks.rows import NOW, make_row, progress
from tests.databases import new_database, running_postgres
from tests.storage.object_stores import S3
from tests.support import SECRET, environment

_CHUNK = 5_000
_STORED = 100
"""Of how many uploads one has files."""


def sweep(database_url: str, store_url: str, options: dict[str, Any]) -> None:
    """Sweep once all the others are there, and print what was removed, and of how many uploads the hook was told."""
    engine = engine_from(database_url)
    told: list[str] = []
    storage = FsspecStorage(store_url, options=options)
    component = ChevUpload(
        keys=StaticKeys({}),
        catalog=SqlCatalog(Database(engine)),
        storage=storage,
        secret_keys=[SECRET],
        hooks=Hooks(on_delete=lambda upload: told.append(upload.id)),
    )
    # What is loaded and opened once is no part of the time.
    component.catalog.get("nobody")
    storage.exists("nothing")
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.process_time()
    report = component.maintenance.sweep()
    cpu = round(time.process_time() - start, 1)
    print(json.dumps({"uploads": report.uploads, "failed": report.failed, "told": len(told), "cpu": cpu}), flush=True)
    component.close()
    engine.dispose()


def fill(database: Database, storage: FsspecStorage, uploads: int) -> None:
    """Record uploads that have expired one after the other, and store some files."""
    for done in range(0, uploads, _CHUNK):
        numbers = range(done, min(done + _CHUNK, uploads))
        expired = [{"expires_at": NOW - timedelta(seconds=number)} for number in numbers]
        rows = [make_row(number) | values for number, values in zip(numbers, expired, strict=True)]
        with database.begin() as connection:
            connection.execute(insert(Tables.default().uploads), rows)
        for row in rows[::_STORED]:
            for suffix in ("", ".th", ".md"):
                storage.save(f"{row['stem_key']}{suffix}.jpg", io.BytesIO(b"x"), headers=HEADERS)
        progress(f"{numbers.stop:,} of {uploads:,} uploads")


def measure(uploads: int, sweepers: int, delay: float) -> dict[str, Any]:
    """Fill, sweep, and return what was done in how many seconds."""
    with ExitStack() as stack:
        url = stack.enter_context(new_database(stack.enter_context(running_postgres())))
        store = stack.enter_context(S3())
        storage = store.storage()
        engine = engine_from(url)
        stack.callback(engine.dispose)
        database = Database(engine)
        database.create_tables()
        fill(database, storage, uploads)
        arguments = json.dumps([url.render_as_string(hide_password=False), storage._files._source, store.options])
        code = "import json, sys; from tests.benchmarks.sweeping import sweep\nsweep(*json.loads(sys.argv[1]))"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code, arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment(),
            )
            for _ in range(sweepers)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        store.calls.clear()
        store.delay = delay
        start = time.perf_counter()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        reports = [json.loads(process.stdout.readline()) for process in processes if process.stdout is not None]
        seconds = time.perf_counter() - start
        for process in processes:
            process.communicate()
        store.delay, requests = 0.0, len(store.calls)
        with database.connect() as connection:
            left = len(connection.execute(select(Tables.default().uploads.c.id)).all())
        return {
            "uploads": uploads,
            "sweepers": sweepers,
            "delay": delay,
            "seconds": round(seconds, 1),
            "cpu_seconds": [report["cpu"] for report in reports],
            "requests": requests,
            "swept": [report["uploads"] for report in reports],
            "told": sum(report["told"] for report in reports),
            "failed": sum(report["failed"] for report in reports),
            "records_left": left,
            "files_left": len(list(storage.files())),
        }


def main() -> int:
    """Measure, print, and tell whether each upload was swept once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--sweepers", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.03, help="seconds for each request of the store (%(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.uploads, options.sweepers, options.delay)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:<14}{value}")
        print(f"a second      {found['uploads'] / found['seconds']:,.0f}")
    is_once = sum(found["swept"]) == found["told"] == found["uploads"]
    return 0 if is_once and not (found["failed"] or found["records_left"] or found["files_left"]) else 1


if __name__ == "__main__":
    sys.exit(main())
