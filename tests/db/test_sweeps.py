"""Sweeps of several processes at once share the work: nothing is removed or told twice, and nothing is left."""

from __future__ import annotations

import contextlib
import io
import math
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

import chevupload.uploads.sweep
from chevupload import Hooks
from chevupload.app import ChevUpload
from chevupload.db import Database, SqlCatalog, engine_from
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import StaticKeys
from chevupload.testing.records import NOW, new_upload
from chevupload.testing.storage import PNG
from tests import processes
from tests.support import SECRET, files_in, records

pytestmark = pytest.mark.slow

PROCESSES = 4
HOUR = timedelta(hours=1)


class CountingStorage(LocalStorage):
    """Tells of each file that it is asked to remove, and with the ``last`` of them waits to be killed."""

    def __init__(self, folder: Path, pipe: Connection, last: float) -> None:
        super().__init__(folder)
        self._lock, self._pipe, self._left = threading.Lock(), pipe, last

    def delete(self, path: str) -> None:
        """Remove it."""
        self.tell("delete", path)
        super().delete(path)

    def tell(self, *message: str) -> None:
        """Send what was done."""
        with self._lock:
            self._pipe.send(message)
            self._left -= message[0] == "delete"
            if not self._left:
                self._pipe.recv()


def make_component(database: Database, storage: LocalStorage, on_delete: Any = None) -> ChevUpload:
    """Put a component together, a day after everything came."""
    return ChevUpload(
        keys=StaticKeys({}),
        catalog=SqlCatalog(database),
        storage=storage,
        secret_keys=[SECRET],
        hooks=Hooks(on_delete=on_delete),
        clock=lambda: NOW + timedelta(days=1),
    )


def sweep(pipe: Connection, url: str, folder: Path, last: float) -> None:
    """Sweep once all the others are there, and send what was done."""
    engine = engine_from(url)
    storage = CountingStorage(folder, pipe, last)
    component = make_component(Database(engine), storage, lambda upload: storage.tell("told", upload.id))
    component.catalog.get("nobody")
    # Otherwise the first two would have all.
    chevupload.uploads.sweep.PAGE_SIZE = 20
    pipe.send("ready")
    pipe.recv()
    report = component.maintenance.sweep(grace=HOUR)
    pipe.send(("removed", report.uploads, report.failed))
    component.close()
    engine.dispose()


def fill(catalog: SqlCatalog, storage: LocalStorage, uploads: int = 240) -> int:
    """Keep expired, stalled, half deleted and living uploads with a file each; return how many are to go."""
    for number in range(uploads):
        kind = ("expired", "expired", "stalled", "deleting")[number % 4]
        upload = new_upload(f"{kind}-{number}", expires_at=NOW if kind == "expired" else None, size=1)
        catalog.reserve(upload)
        storage.save(upload.path, io.BytesIO(b"x"), headers=PNG)
        if kind != "stalled":
            catalog.publish(upload.id)
        if kind == "deleting":
            catalog.withdraw(upload.id)
        if number % 8 == 3:
            assert len(catalog.claim(now=NOW, since=NOW - HOUR, limit=1)) == 1, "a sweep that died yesterday has it"
    living = new_upload("living", size=1)
    catalog.reserve(living)
    storage.save(living.path, io.BytesIO(b"x"), headers=PNG)
    catalog.publish("living")
    return uploads


def start_sweep(database: Database, folder: Path, last: float = math.inf) -> tuple[BaseProcess, Connection]:
    """Start a process that sweeps once it is told to, up to the ``last`` file."""
    return processes.start(sweep, database.engine.url.render_as_string(hide_password=False), folder, last)


def received(pipe: Connection) -> Iterator[Any]:
    """Yield what a process sends until it ends."""
    with contextlib.suppress(EOFError):
        while True:
            yield pipe.recv()


def test_four_processes_sweep_once(each_database, tmp_path):
    """Each file is removed by one of them, each deletion told by one; which one has how many is up to the machine."""
    catalog, images = SqlCatalog(each_database), tmp_path / "images"
    wanted = fill(catalog, LocalStorage(images))
    started = [start_sweep(each_database, images) for _ in range(PROCESSES)]
    assert [pipe.recv() for _, pipe in started] == ["ready"] * PROCESSES
    for _, pipe in started:
        pipe.send("go")
    sent = [message for _, pipe in started for message in received(pipe)]
    for process, _ in started:
        process.join()
    assert [process.exitcode for process, _ in started] == [0] * PROCESSES
    removed = [message[1:] for message in sent if message[0] == "removed"]
    assert (sum(count for count, _ in removed), {failed for _, failed in removed}) == (wanted, {0})
    deletes = Counter(message for message in sent if message[0] == "delete")
    assert (len(deletes), set(deletes.values())) == (wanted, {1})
    told = Counter(message for message in sent if message[0] == "told")
    assert (len(told), set(told.values())) == (120, {1}), "of what stalled or was deleted nobody is told again"
    assert [record.id for record in records(catalog)] == ["living"]
    assert len(files_in(images)) == 1


@pytest.mark.parametrize("kind", ["database", "postgres_database"], ids=["sqlite", "postgres"])
def test_what_a_killed_sweep_began_the_next_one_ends(request, kind, tmp_path):
    """At whatever file of a page it was: nothing is left over, and what lives is whole."""
    database = request.getfixturevalue(kind)
    catalog, images = SqlCatalog(database), tmp_path / "images"
    storage = LocalStorage(images)
    fill(catalog, storage)
    for files in (1, 9, 23):
        process, pipe = start_sweep(database, images, files)
        assert pipe.recv() == "ready"
        pipe.send("go")
        while files:
            files -= pipe.recv()[0] == "delete"
        process.kill()
        process.join()
    left = len(files_in(images))
    assert left > 1, "they were killed in the middle"
    component = make_component(database, storage)
    # Nobody holds what the dead have claimed, once the grace is over.
    report = component.maintenance.sweep(grace=timedelta(0))
    assert (report.failed, report.uploads >= left - 1) == (0, True)
    assert [record.id for record in records(catalog)] == ["living"]
    check = component.maintenance.check(grace=timedelta(0))
    assert (check.uploads, check.missing, check.strays) == (1, (), ())
    assert len(files_in(images)) == 1
    component.close()
