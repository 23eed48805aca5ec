"""Kills processes that store uploads and processes that tell their events, and looks whether an event is lost.

    python -m tests.endurance.events sqlite|postgresql|mariadb [--kills 50] [--uploads 2000] [--workers 4]

One process stores uploads, some tell events, and again and again one of all of them gets SIGKILL and starts anew. In
the end every upload that is there, or was, has been told. The rate is that of a second run, without kills and with a
handler that does nothing. Needs the extra ``test``, and Linux.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sqlalchemy import URL, select

from chevupload.clock import utc_now
from chevupload.db import Database, SqlCatalog, Tables, engine_from
from chevupload.records.event import new_event
from chevupload.testing import new_upload
from tests.databases import new_database, running_postgres
from tests.db.mariadb import mariadb_server
from tests.support import ROOT, environment

PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOutcome:
    """The numbers of a run; those from ``lost`` on have to be none.

    Attributes:
        events: that were to be told.
        repeated: that were told more than once, since their worker died.
        lost: uploads that were stored or deleted, and nobody was told.
        shared: events that two workers told at the same time.
        disordered: uploads whose end was told before their beginning.
        deadlocks: of the database, as the processes had them.
    """

    kills: int
    events: int
    repeated: int
    lost: int
    shared: int
    disordered: int
    deadlocks: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any((self.lost, self.shared, self.disordered, self.deadlocks))


class Workers:
    """Processes of :mod:`tests.endurance.event_worker`, which are started anew when they were killed."""

    def __init__(self, url: URL, folder: Path, kinds: list[str]) -> None:
        self._url, self._folder = url.render_as_string(hide_password=False), folder
        self.killed: dict[int, float] = {}
        """When each process was killed, by its number."""
        self._errors = folder / "errors"
        self._running = [(kind, self._start(kind)) for kind in kinds]

    def kill_one(self) -> None:
        """Kill any of them, and start another."""
        place = random.randrange(len(self._running))
        kind, process = self._running[place]
        process.kill()
        process.wait()
        self.killed[process.pid] = time.monotonic()
        self._running[place] = (kind, self._start(kind))

    def end(self, kind: str, number: signal.Signals) -> None:
        """End those of a kind."""
        for process in (process for name, process in self._running if name == kind):
            process.send_signal(number)
            process.wait()
            self.killed[process.pid] = time.monotonic()
        self._running = [(name, process) for name, process in self._running if name != kind]

    def _start(self, kind: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.endurance.event_worker", kind, self._url, str(self._folder)]
        with self._errors.open("ab") as errors:
            return subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=errors)


def run_events(url: URL, folder: Path, *, uploads: int, kills: int, workers: int) -> EventOutcome:
    """Kill one process after the other while so many uploads are stored, and wait until everything is told."""
    database = Database(engine_from(url))
    database.create_tables()
    catalog = SqlCatalog(database)
    processes = Workers(url, folder, ["write", *["tell"] * workers])
    try:
        for number in range(1, kills + 1):
            _wait(lambda share=uploads * number // (kills + 1): len(_lines(folder / "written")) >= share)
            processes.kill_one()
        _wait(lambda: len(_lines(folder / "written")) >= uploads)
        processes.end("write", signal.SIGKILL)
        _wait(lambda: catalog.oldest_event() is None)
        processes.end("tell", signal.SIGTERM)
        return _outcome(database, folder, processes, kills)
    finally:
        for kind in ("write", "tell"):
            processes.end(kind, signal.SIGKILL)
        database.engine.dispose()


def _outcome(database: Database, folder: Path, processes: Workers, kills: int) -> EventOutcome:
    tables = Tables.default()
    uploads, pending = tables.uploads.c, tables.pending.c
    published = select(uploads.id, uploads.state).where(uploads.id.not_in(select(pending.upload_id)))
    with database.connect() as connection:
        states = {row.id: row.state for row in connection.execute(published)}
    expected = {("stored", id_) for id_ in states}
    expected |= {("deleted", id_) for id_, state in states.items() if state == "deleting"}
    begun: dict[tuple[str, str], list[float]] = {}
    done: dict[tuple[str, str], list[float]] = {}
    spans: dict[tuple[str, str], list[tuple[float, float]]] = {}
    open_: dict[tuple[str, str, str], float] = {}
    for word, _, kind, upload_id, process, moment in _lines(folder / "told"):
        event, now = (kind, upload_id), float(moment)
        if word == "begun":
            begun.setdefault(event, []).append(now)
            open_[kind, upload_id, process] = now
        else:
            done.setdefault(event, []).append(now)
            spans.setdefault(event, []).append((open_.pop((kind, upload_id, process)), now))
    for (kind, upload_id, process), start in open_.items():
        spans.setdefault((kind, upload_id), []).append((start, processes.killed[int(process)]))
    ordered = {event: sorted(times) for event, times in spans.items()}
    both = [id_ for id_, state in states.items() if state == "deleting"]
    return EventOutcome(
        kills=kills,
        events=len(expected),
        repeated=sum(len(times) > 1 for times in begun.values()),
        lost=len(expected - done.keys()),
        shared=sum(any(later[0] < earlier[1] for earlier, later in pairwise(times)) for times in ordered.values()),
        disordered=sum(
            ("deleted", id_) in begun and min(begun["deleted", id_]) < min(done.get(("stored", id_), [float("inf")]))
            for id_ in both
        ),
        deadlocks=(folder / "errors").read_text(errors="replace").lower().count("deadlock"),
    )


def rate(url: URL, folder: Path, *, events: int, workers: int) -> float:
    """Return how many events a second so many workers tell, which wait for them."""
    database = Database(engine_from(url))
    database.create_tables()
    catalog = SqlCatalog(database)
    processes = Workers(url, folder, ["tell-at-once"] * workers)
    _wait(lambda: len(_lines(folder / "ready")) == workers)
    with database.begin() as connection:
        told = [new_event("stored", new_upload(f"u{number}"), utc_now()) for number in range(events)]
        catalog._add_events(connection, told)
    begun = time.monotonic()
    _wait(lambda: catalog.oldest_event() is None)
    seconds = time.monotonic() - begun
    processes.end("tell-at-once", signal.SIGTERM)
    database.engine.dispose()
    return events / seconds


def _lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def _wait(is_done) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, "nothing goes on"
        time.sleep(0.02)


@contextmanager
def running_database(kind: str, folder: Path) -> Iterator[URL]:
    """Give a new database of a kind."""
    with ExitStack() as stack:
        if kind == "sqlite":
            yield URL.create("sqlite", database=str(folder / "records.db"))
            return
        server = running_postgres() if kind == "postgresql" else mariadb_server()
        yield stack.enter_context(new_database(stack.enter_context(server)))


def main() -> int:
    """Run at full length, and print the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("database", choices=["sqlite", "postgresql", "mariadb"])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--uploads", type=int, default=2_000, help="lines that the storing process writes")
    parser.add_argument("--events", type=int, default=10_000, help="whose rate is measured")
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chevupload-events-") as name:
        folder = Path(name)
        numbers = {"uploads": options.uploads, "kills": options.kills, "workers": options.workers}
        with running_database(options.database, folder) as url:
            found = run_events(url, folder, **numbers)
        (folder / "rate").mkdir()
        with running_database(options.database, folder / "rate") as url:
            speed = rate(url, folder / "rate", events=options.events, workers=options.workers)
    print(json.dumps(dataclasses.asdict(found) | {"is_sound": found.is_sound, "events_a_second": round(speed)}))
    return 0 if found.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
