"""Kills servers while clients upload, and looks whether anything that was acknowledged is lost, or anything is left.

    python -m tests.endurance.run local  [--uploads 2000] [--kills 10] [--keys]
    python -m tests.endurance.run shared [--uploads 2000] [--keys]

``local`` is ``chevupload serve`` on SQLite and a local disk, killed as a whole; ``shared`` is two gunicorn servers of
four workers over one PostgreSQL and one S3 server, with a worker killed every second and S3 stopped twice. Both have 16
clients, which repeat a request until it is acknowledged: with ``--keys`` by its Idempotency-Key, so that no picture may
be stored twice. Needs the extra ``test``, and Linux.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import requests
from sqlalchemy import create_engine

from chevupload.data_folder import Site
from chevupload.db import Database
from chevupload.factory import embedded
from chevupload.storage.local import LocalStorage
from tests.databases import new_database, running_postgres
from tests.endurance.clients import Clients
from tests.endurance.outcome import Outcome, outcome
from tests.endurance.servers import Gunicorn, ObjectStore, Serve


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
        for number in range(1, kills + 1):
            while len(clients.tally.acknowledged) < uploads * number // (kills + 1) and clients.are_at_work():
                time.sleep(0.01)
            server.kill()
            server = Serve(site.folder, folder / "serve.log")
        clients.wait()
        server.stop()
    component = embedded(site)
    storage = LocalStorage(site.images, incoming=site.incoming)
    found = outcome(component, storage, clients.tally, [site.incoming])
    component.close()
    site.close()
    return found


def run_shared(folder: Path, *, uploads: int, keys: bool, pauses: int = 2, patience: float = 150.0) -> Outcome:
    """Kill a worker of two servers every second, and stop their storage now and then."""
    from tests.endurance.site import API_KEY, make_component

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
        stack.callback(component.close)
        database = Database(create_engine(url))
        database.create_tables()
        database.engine.dispose()
        storage = component.context.storages.by_name[""]
        assert requests.put(f"{store.address}/endurance", timeout=30).ok, "there is a bucket"
        servers = []
        for number in range(2):
            servers.append(Gunicorn(folder / f"gunicorn-{number}.log"))
            stack.callback(servers[-1].kill)
        clients = Clients(
            [lambda server=server: server.address for server in servers],
            API_KEY,
            uploads=uploads,
            repeat=keys,
            patience=patience,
        )
        clients.start()
        killed = paused = 0
        while clients.are_at_work():
            time.sleep(1)
            if workers := random.choice(servers).children():
                os.kill(random.choice(workers), signal.SIGKILL)
                killed += 1
            if paused < pauses and len(clients.tally.acknowledged) >= uploads * (paused + 1) // (pauses + 1):
                store.pause(5)
                paused += 1
        for server in servers:
            server.stop()
        print(f"killed {killed} workers, stopped S3 {paused} times", file=sys.stderr)
        found = outcome(component, storage, clients.tally, [spools])
        component.catalog._database.engine.dispose()
        return found


def main() -> int:
    """Run one of them at full length, and print its numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=["local", "shared"])
    parser.add_argument("--uploads", type=int, default=2_000, help="pictures to be acknowledged (%(default)s)")
    parser.add_argument("--kills", type=int, default=10, help="how often a local server is killed (%(default)s)")
    parser.add_argument("--keys", action="store_true", help="repeat requests by an Idempotency-Key")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chevupload-endurance-", ignore_cleanup_errors=True) as folder:
        start = time.monotonic()
        if options.kind == "local":
            found = run_local(Path(folder), uploads=options.uploads, kills=options.kills, keys=options.keys)
        else:
            found = run_shared(Path(folder), uploads=options.uploads, keys=options.keys)
        seconds = round(time.monotonic() - start, 1)
    print(json.dumps(dataclasses.asdict(found) | {"seconds": seconds, "is_sound": found.is_sound}))
    return 0 if found.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
