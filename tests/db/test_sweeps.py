"""Sweeps of several processes at once share the work: nothing is removed or told twice, and nothing is left."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

import chevupload.uploads.sweep
from chevupload import Hooks
from chevupload.app import ChevUpload
from chevupload.db import Database, SqlCatalog, engine_from
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import StaticKeys
from chevupload.testing.records import NOW, new_upload
from chevupload.testing.storage import PNG
from tests.support import SECRET, environment, files_in, records

pytestmark = pytest.mark.slow

PROCESSES = 4
HOUR = timedelta(hours=1)


class CountingStorage(LocalStorage):
    """Tells of each file that it is asked to remove, and with the ``last`` of them waits to be killed."""

    def __init__(self, folder: Path, last: float) -> None:
        super().__init__(folder)
        self._lock, self._left = threading.Lock(), last

    def delete(self, path: str) -> None:
        """Remove it."""
        with self._lock:
            print("delete", path, flush=True)
            self._left -= 1
            if not self._left:
                sys.stdin.readline()
        super().delete(path)


def make_component(database: Database, folder: Path, last: float = math.inf) -> ChevUpload:
    """Put a component together, a day after everything came."""
    return ChevUpload(
        keys=StaticKeys({}),
        catalog=SqlCatalog(database),
        storage=CountingStorage(folder / "images", last),
        secret_keys=[SECRET],
        hooks=Hooks(on_delete=lambda upload: print("told", upload.id)),
        clock=lambda: NOW + timedelta(days=1),
    )


def sweep(url: str, folder: str, last: str) -> None:
    """Sweep once all the others are there, and print what was done."""
    engine = engine_from(url)
    component = make_component(Database(engine), Path(folder), float(last))
    component.catalog.get("nobody")
    # Otherwise the first two would have all.
    chevupload.uploads.sweep.PAGE_SIZE = 20
    print("ready", flush=True)
    sys.stdin.readline()
    report = component.maintenance.sweep(grace=HOUR)
    print("removed", report.uploads, report.failed)
    component.close()
    engine.dispose()


def fill(component: ChevUpload, folder: Path, uploads: int = 240) -> int:
    """Keep expired, stalled, half deleted and living uploads with a file each; return how many are to go."""
    catalog, storage = component.catalog, LocalStorage(folder / "images")
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


def start_sweep(database: Database, folder: Path, last: float = math.inf) -> subprocess.Popen[str]:
    """Start a process that sweeps once it is told to, up to the ``last`` file."""
    place = database.engine.url.render_as_string(hide_password=False)
    code = "import sys; from tests.db.test_sweeps import sweep\nsweep(*sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, place, str(folder), str(last)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def test_four_processes_sweep_once(each_database, tmp_path):
    """Each file is removed by one of them, each deletion told by one; which one has how many is up to the machine."""
    wanted = fill(make_component(each_database, tmp_path), tmp_path)
    processes = [start_sweep(each_database, tmp_path) for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    removed = [line.split()[1:] for line in lines if line.startswith("removed")]
    assert (sum(int(count) for count, _ in removed), {failed for _, failed in removed}) == (wanted, {"0"})
    deletes = Counter(line for line in lines if line.startswith("delete"))
    assert (len(deletes), set(deletes.values())) == (wanted, {1})
    told = Counter(line for line in lines if line.startswith("told"))
    assert (len(told), set(told.values())) == (120, {1}), "of what stalled or was deleted nobody is told again"
    component = make_component(each_database, tmp_path)
    assert [record.id for record in records(component.catalog)] == ["living"]
    assert len(files_in(tmp_path / "images")) == 1
    component.close()


@pytest.mark.parametrize("kind", ["database", "postgres_database"], ids=["sqlite", "postgres"])
def test_what_a_killed_sweep_began_the_next_one_ends(request, kind, tmp_path):
    """At whatever file of a page it was: nothing is left over, and what lives is whole."""
    database = request.getfixturevalue(kind)
    component = make_component(database, tmp_path)
    fill(component, tmp_path)
    for files in (1, 9, 23):
        with start_sweep(database, tmp_path, files) as process:
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("go\n")
            process.stdin.flush()
            while files and (line := process.stdout.readline()):
                files -= line.startswith("delete")
            process.kill()
        assert not files
    left = len(files_in(tmp_path / "images"))
    assert left > 1, "they were killed in the middle"
    # Nobody holds what the dead have claimed, once the grace is over.
    report = component.maintenance.sweep(grace=timedelta(0))
    assert (report.failed, report.uploads >= left - 1) == (0, True)
    assert [record.id for record in records(component.catalog)] == ["living"]
    check = component.maintenance.check(grace=timedelta(0))
    assert (check.uploads, check.missing, check.strays) == (1, (), ())
    assert len(files_in(tmp_path / "images")) == 1
    component.close()
