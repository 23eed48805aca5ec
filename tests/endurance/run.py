"""Kills servers while clients upload, and looks whether anything that was acknowledged is lost, or anything is left.

    python -m tests.endurance.run local  [--uploads 2000] [--kills 10] [--keys]
    python -m tests.endurance.run shared [--uploads 2000] [--kills 10] [--keys]
    python -m tests.endurance.run views  [--views 10000] [--kills 0]

``local`` is ``chevupload serve`` on SQLite and a local disk, killed as a whole; ``shared`` is two gunicorn servers of
four workers over one PostgreSQL and one S3 server, with a worker killed every second in which uploads came through, and
S3 stopped twice. Both have 16 clients, which repeat a request until it is acknowledged: with ``--keys`` by its
Idempotency-Key, so that no picture may be stored twice. They go on until there were so many kills. Needs the extra
``test``, and Linux.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import requests

from chevupload.app import ChevUpload
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from chevupload.storage.local import LocalStorage
from tests.databases import new_database, running_postgres
from tests.endurance.clients import Clients
from tests.endurance.outcome import Outcome, outcome
from tests.endurance.servers import Gunicorn, ObjectStore, Serve
from tests.endurance.viewers import Viewers
from tests.support import noise


def run_local(folder: Path, *, uploads: int, kills: int, keys: bool, patience: float = 150.0) -> Outcome:
    """Kill a whole server ``kills`` times, each time after its share of the uploads."""
    site = Site(folder / "site")
    site.accounts.add_user("user")
    api_key = site.accounts.add_key("user").key
    with ExitStack() as stack:
        server = Serve(site.folder, folder / "serve.log")
        stack.callback(lambda: server.kill())
        clients = Clients([lambda: server.address], api_key, uploads=uploads, repeat=keys, patience=patience)
        clients.start()
        killed = 0
        for number in range(1, kills + 1):
            while len(clients.tally.acknowledged) < uploads * number // (kills + 1) and clients.are_at_work():
                time.sleep(0.01)
            killed += clients.are_at_work()
            server.kill()
            server = Serve(site.folder, folder / "serve.log")
        clients.finish()
        clients.wait()
        server.stop()
    component = embedded(site)
    storage = LocalStorage(site.images, incoming=site.incoming)
    found = outcome(component, storage, clients.tally, [site.incoming], killed=killed)
    component.close()
    site.close()
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class Shared:
    """Two gunicorn servers over one PostgreSQL and one S3, and a component on the same."""

    component: ChevUpload
    store: ObjectStore
    servers: list[Gunicorn]
    spools: Path

    @property
    def addresses(self) -> list[Callable[[], str]]:
        """What tells the address of each server."""
        return [lambda server=server: server.address for server in self.servers]

    def kill_a_worker(self) -> bool:
        """Kill one worker of one server. False when there is none at this moment."""
        workers = random.choice(self.servers).children()
        if workers:
            os.kill(random.choice(workers), signal.SIGKILL)
        return bool(workers)

    def stop(self) -> None:
        """End both servers as a service manager does."""
        for server in self.servers:
            server.stop()


@contextmanager
def running_shared(folder: Path, workers: int) -> Iterator[Shared]:
    """Give such servers, of so many workers each, which end with the block."""
    from tests.endurance.site import make_component

    spools = folder / "spools"
    spools.mkdir()
    with ExitStack() as stack:
        url = stack.enter_context(new_database(stack.enter_context(running_postgres())))
        store = ObjectStore(folder / "s3.log")
        stack.callback(store.kill)
        places = {
            "ENDURANCE_DATABASE": url.render_as_string(hide_password=False),
            "ENDURANCE_S3": store.address,
            "ENDURANCE_SPOOLS": str(spools),
        }
        stack.enter_context(patch.dict(os.environ, places))
        component = make_component()
        stack.callback(component.catalog._database.engine.dispose)
        stack.callback(component.close)
        component.catalog.create_tables()
        # What is opened before a fork is the parent's.
        component.catalog._database.engine.dispose()
        assert requests.put(f"{store.address}/endurance", timeout=120).ok, "there is a bucket"
        shared = Shared(component, store, [], spools)
        for number in range(2):
            shared.servers.append(Gunicorn(folder / f"gunicorn-{number}.log", workers))
            stack.callback(shared.servers[-1].kill)
        yield shared


def run_shared(
    folder: Path, *, uploads: int, kills: int, keys: bool, workers: int = 4, pauses: int = 2, patience: float = 150.0
) -> Outcome:
    """Kill a worker of two servers every second in which uploads came through, and stop their storage now and then.

    Clients upload until ``kills`` workers were killed, or more.
    """
    from tests.endurance.site import API_KEY

    with running_shared(folder, workers) as shared:
        clients = Clients(shared.addresses, API_KEY, uploads=uploads, repeat=keys, patience=patience)
        clients.start()
        killed = paused = acknowledged = 0
        while clients.are_at_work():
            # On a machine with much to do, no upload would live long enough otherwise.
            if len(clients.tally.acknowledged) >= acknowledged + 4:
                acknowledged = len(clients.tally.acknowledged)
                killed += shared.kill_a_worker()
            if killed >= kills:
                clients.finish()
            if paused < pauses and len(clients.tally.acknowledged) >= uploads * (paused + 1) // (pauses + 1):
                shared.store.pause(15)
                paused += 1
            time.sleep(1)
        shared.stop()
        print(f"stopped S3 {paused} times", file=sys.stderr)
        storage = shared.component.context.storages.by_name[""]
        return outcome(shared.component, storage, clients.tally, [shared.spools], killed=killed)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The numbers of a run of views.

    Attributes:
        seen: views that were answered.
        broken: views that were asked for and not answered; each may be counted or not.
        counted: views that the record has in the end.
        killed: workers that were killed.
        at_risk: views that were answered within five seconds before a worker was killed, by any of the workers.
    """

    seen: int
    broken: int
    counted: int
    killed: int
    at_risk: int

    @property
    def is_sound(self) -> bool:
        """Whether no other views are missing, and none was counted twice."""
        return self.seen - self.at_risk <= self.counted <= self.seen + self.broken


def run_views(folder: Path, *, views: int, kills: int = 0, workers: int = 4) -> Views:
    """Look at one picture by 16 clients, kill a worker ``kills`` times meanwhile, and end the servers."""
    with running_shared(folder, workers) as shared:
        file = io.BytesIO(noise((60, 40)))
        upload = shared.component.uploads.save(file, owner="user", filename="a.png")
        page = shared.component.links({"HTTP_HOST": "any", "wsgi.url_scheme": "http"}).viewer(upload)
        viewers = Viewers(shared.addresses, page.removeprefix("http://any"), views=views)
        viewers.start()
        deaths: list[float] = []
        while viewers.are_at_work():
            time.sleep(0.1)
            is_due = len(deaths) < kills and len(viewers.seen) >= views * (len(deaths) + 1) // (kills + 1)
            if is_due and shared.kill_a_worker():
                deaths.append(time.monotonic())
        shared.stop()
        found = shared.component.catalog.get(upload.id)
        assert found is not None
        at_risk = sum(any(death - 5 <= moment <= death for death in deaths) for moment in viewers.seen)
        return Views(
            seen=len(viewers.seen), broken=viewers.broken, counted=found.views, killed=len(deaths), at_risk=at_risk
        )


def main() -> int:
    """Run one of them at full length, and print its numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=["local", "shared", "views"])
    parser.add_argument("--uploads", type=int, default=2_000, help="pictures to be sent, at least (%(default)s)")
    parser.add_argument("--views", type=int, default=10_000, help="views to be answered (%(default)s)")
    parser.add_argument("--kills", type=int, help="how often a server, or a worker, is killed (10; 0 for views)")
    parser.add_argument("--keys", action="store_true", help="repeat requests by an Idempotency-Key")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chevupload-endurance-", ignore_cleanup_errors=True) as folder:
        start = time.monotonic()
        found: Outcome | Views
        kills = 10 if options.kills is None else options.kills
        if options.kind == "local":
            found = run_local(Path(folder), uploads=options.uploads, kills=kills, keys=options.keys)
        elif options.kind == "shared":
            found = run_shared(Path(folder), uploads=options.uploads, kills=kills, keys=options.keys)
        else:
            found = run_views(Path(folder), views=options.views, kills=options.kills or 0)
        seconds = round(time.monotonic() - start, 1)
    print(json.dumps(dataclasses.asdict(found) | {"seconds": seconds, "is_sound": found.is_sound}))
    return 0 if found.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
