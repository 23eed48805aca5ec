"""What each operation costs a PostgreSQL and an S3, counted: messages, commits and requests, not times.

    python -m tests.benchmarks.costs [--json]

A message is one round trip of PostgreSQL's protocol, BEGIN, COMMIT and pings included: what the client has to wait for
an answer to. A proxy between the two counts them. A commit is a transaction that has written something, by the numbers
that the server gave to transactions. A request is one call of the S3. Everything is measured in one process, after a
first time that opens connections; of several rounds the cheapest counts, because the server works for itself, too.

It ends with status 1 if something costs more than its limit. Needs the extra ``test``, and Linux.

Source: PostgreSQL's pages "Message Flow" and "Message Formats".
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, create_engine, insert, text
from webob import Request

from chevupload.app import ChevUpload
from chevupload.config import Config, Limits, Policy
from chevupload.db import Accounts, Database, SqlCatalog, SqlKeys, Tables, engine_from
from chevupload.model import FileHeaders
from chevupload.uploads.hooks import Hooks
from tests.benchmarks.rows import NOW, make_row
from tests.databases import new_database, running_postgres
from tests.db.proxy import Proxy
from tests.storage.object_stores import S3
from tests.support import picture

ROUNDS = 3
SWEPT = 200
"""How many uploads a sweep finds: a page."""
HEADERS = FileHeaders(content_type="image/jpeg", cache_control="no-store", content_disposition="inline")
_QUERY, _SYNC = b"Q", b"S"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation costs, or may cost at most; ``what`` names the requests."""

    messages: float
    commits: float
    requests: float
    what: str = ""

    def exceeds(self, limit: Cost) -> bool:
        """Whether something of it is more than ``limit``."""
        return self.messages > limit.messages or self.commits > limit.commits or self.requests > limit.requests


LIMITS = {
    "upload, user key": Cost(7, 2, 3),
    "upload, 3 new tags": Cost(12, 2, 3),
    "upload, 3 known tags": Cost(10, 2, 3),
    "viewer page": Cost(1, 0, 0),
    "viewer page, 3 tags": Cost(1, 0, 0),
    "5,000 views, written": Cost(5, 1, 0),
    "file": Cost(1, 0, 1),
    "file, not modified": Cost(1, 0, 0),
    "title changed": Cost(4, 1, 0),
    "3 known tags changed": Cost(6, 1, 0),
    "delete by its link": Cost(7, 2, 1),
    # One statement more, for which a transaction has to begin and end: where an event is kept, and nowhere else.
    "upload, with its event": Cost(10, 2, 3),
    "delete, with its event": Cost(10, 2, 1),
    # One statement more for an upload, three to give its room back.
    "upload, with its usage": Cost(8, 2, 3),
    "delete, with its usage": Cost(11, 2, 1),
    "swept upload": Cost(0.3, 0.02, 0.02),
    "swept upload, with usage": Cost(0.3, 0.02, 0.02),
    "upload deleted in bulk": Cost(1.2, 1.1, 0.02),
}


class CountingProxy(Proxy):
    """A way to a PostgreSQL that counts round trips."""

    messages = 0

    def __init__(self, url: Any) -> None:
        self._unread: dict[socket.socket, bytes] = {}
        # The proxy reads along, which nobody can in an encrypted connection.
        super().__init__(url.update_query_dict({"sslmode": "disable", "gssencmode": "disable"}))

    def on_data(self, source: socket.socket, data: bytes, *, is_answer: bool) -> None:
        """Count the messages of a client that the server answers at once."""
        if is_answer:
            return
        # The first message of a connection has a length and no type.
        is_first = source not in self._unread
        data = self._unread.get(source, b"") + data
        while len(data) >= 5:
            head = 0 if is_first else 1
            size = head + int.from_bytes(data[head : head + 4], "big")
            if len(data) < size:
                break
            self.messages += is_first or data[:1] in (_QUERY, _SYNC)
            is_first, data = False, data[size:]
        self._unread[source] = data


class Site:
    """A component on a PostgreSQL behind a counting proxy, and on an S3 that writes its requests down."""

    def __init__(self, stack: ExitStack) -> None:
        """Start everything; ``stack`` ends it."""
        server = stack.enter_context(running_postgres())
        url = stack.enter_context(new_database(server))
        self.proxy = CountingProxy(url)
        stack.callback(self.proxy.close)
        # Looks at the server beside the proxy.
        self._beside: Engine = create_engine(url, isolation_level="AUTOCOMMIT")
        stack.callback(self._beside.dispose)
        engine = engine_from(self.proxy.url)
        stack.callback(engine.dispose)
        self.store = stack.enter_context(S3())
        self.storage = self.store.storage()
        database = Database(engine)
        self.catalog = SqlCatalog(database)
        self.catalog.create_tables()
        accounts = Accounts(database)
        accounts.add_user("user")
        self.key = accounts.add_key("user").key
        parts: dict[str, Any] = {
            "keys": SqlKeys(database),
            "catalog": self.catalog,
            "storage": self.storage,
            "secret_keys": ["a secret of sixteen characters or more"],
            "config": Config(
                limits=Limits(decode_workers=1),
                spool_folder=stack.enter_context(tempfile.TemporaryDirectory(prefix="chevupload-costs-")),
            ),
        }
        self.component = ChevUpload(**parts)
        stack.callback(self.component.close)
        parts |= {"renderer": self.component.renderer}
        self.telling = ChevUpload(**parts, hooks=Hooks(on_event={"nobody": lambda event: None}))
        config = replace(self.component.config, policy=Policy(usage="all", quota_files=1_000_000))
        self.counting = ChevUpload(**parts | {"config": config})
        self._picture = picture((1_000, 800), "JPEG")
        self._numbers = itertools.count()

    def cost(self, action: Callable[[], object], uploads: int = 1) -> Cost:
        """Return what ``action`` costs for each of so many uploads."""
        messages, calls, commits = self.proxy.messages, len(self.store.calls), self._transactions()
        action()
        made = Counter(call.method for call in self.store.calls[calls:])
        return Cost(
            (self.proxy.messages - messages) / uploads,
            (self._transactions() - commits) / uploads,
            made.total() / uploads,
            " ".join(f"{count} {method}" for method, count in sorted(made.items())),
        )

    @contextmanager
    def using(self, component: ChevUpload) -> Iterator[None]:
        """Use a component that keeps more meanwhile."""
        quiet, self.component = self.component, component
        yield
        self.component = quiet

    def upload(self, tags: str = "") -> dict[str, Any]:
        """Upload a picture of its own."""
        number = next(self._numbers)
        content = self._picture + number.to_bytes(4, "big")
        fields = {"source": (f"photo{number}.jpg", io.BytesIO(content)), **({"tags": tags} if tags else {})}
        image: dict[str, Any] = self._send(
            "/api/1/upload", method="POST", POST=fields, headers={"X-API-Key": self.key}
        ).json["image"]
        return image

    def get(self, url: str, status: int = 200, **headers: str) -> Any:
        """Ask for an address of this site."""
        return self._send(url.removeprefix("http://localhost"), status=status, headers=headers)

    def delete(self, url: str) -> None:
        """Use a delete link."""
        self._send(url.removeprefix("http://localhost"), method="POST")

    def expired(self, count: int, owner_id: str | None = None) -> None:
        """Keep ``count`` uploads of three files; they are expired, or an owner's who is to be forgotten."""
        rows = []
        for number in range(count):
            row = make_row(number) | {"owner_id": owner_id}
            rows.append(row | {"expires_at": None if owner_id else NOW - timedelta(days=1)})
            for suffix in ("", ".th", ".md"):
                self.storage.save(f"{row['stem_key']}{suffix}.jpg", io.BytesIO(b"x"), headers=HEADERS)
        with self._beside.connect() as connection:
            connection.execute(insert(Tables.default().uploads), rows)

    def _send(self, path: str, *, status: int = 200, **arguments: Any) -> Any:
        response = Request.blank(path, **arguments).get_response(self.component)
        # Reading the body is part of the cost.
        assert (response.status_code, response.body is not None) == (status, True), response.text
        return response

    def _transactions(self) -> int:
        """Return how many transactions have ever written something."""
        with self._beside.connect() as connection:
            number = connection.scalar(text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))
        return int(number or 0)


def operations(site: Site) -> Iterator[tuple[str, Cost]]:
    """Yield what each operation costs, once."""
    yield "upload, user key", site.cost(site.upload)
    tags = ",".join(f"tag{next(site._numbers)}" for _ in range(3))
    yield "upload, 3 new tags", site.cost(lambda: site.upload(tags))
    yield "upload, 3 known tags", site.cost(lambda: site.upload(tags))
    image, other, tagged = site.upload(), site.upload(), site.upload(tags)
    site.component.views.flush()
    yield "viewer page", site.cost(lambda: site.get(image["url_viewer"]))
    yield "viewer page, 3 tags", site.cost(lambda: site.get(tagged["url_viewer"]))
    for _ in range(5_000):
        site.component.views.add(image["id_encoded"])
    yield "5,000 views, written", site.cost(site.component.views.flush)
    known = {"If-None-Match": site.get(image["url"]).headers["ETag"]}
    yield "file", site.cost(lambda: site.get(image["url"]))
    yield (
        "file, not modified",
        site.cost(lambda: site.get(image["url"], 304, **known)),
    )
    update, found = site.component.uploads.update, site.component.catalog.get(site.upload()["id_encoded"])
    yield "title changed", site.cost(lambda: update(found, title=f"Title {next(site._numbers)}"))
    yield "3 known tags changed", site.cost(lambda: update(found, tags=tags))
    yield "delete by its link", site.cost(lambda: site.delete(image["delete_url"]))
    with site.using(site.telling):
        yield "upload, with its event", site.cost(site.upload)
        yield "delete, with its event", site.cost(lambda: site.delete(other["delete_url"]))
    with site.using(site.counting):
        counted = site.upload()
        yield "upload, with its usage", site.cost(site.upload)
        yield "delete, with its usage", site.cost(lambda: site.delete(counted["delete_url"]))


@contextmanager
def running_site() -> Iterator[Site]:
    """Give a site that has opened its connections."""
    with ExitStack() as stack:
        site = Site(stack)
        site.upload()
        yield site


def measure() -> dict[str, Cost]:
    """Return what each operation costs in its cheapest round."""
    found: dict[str, list[Cost]] = {}
    with running_site() as site:
        for _ in range(ROUNDS):
            for name, cost in operations(site):
                found.setdefault(name, []).append(cost)
        site.expired(SWEPT)
        found["swept upload"] = [site.cost(site.component.maintenance.sweep, SWEPT)]
        with site.using(site.counting):
            site.expired(SWEPT)
            site.component.uploads.usage(None, recount=True)
            found["swept upload, with usage"] = [site.cost(site.component.maintenance.sweep, SWEPT)]
        site.expired(SWEPT, "leaving")
        found["upload deleted in bulk"] = [site.cost(lambda: site.component.uploads.delete_all("leaving"), SWEPT)]
    return {name: min(costs, key=lambda cost: (cost.messages, cost.commits)) for name, costs in found.items()}


def main() -> int:
    """Measure, print, and tell whether everything is within its limits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    costs = measure()
    too_dear = [name for name, cost in costs.items() if cost.exceeds(LIMITS[name])]
    if options.json:
        numbers = {name: [cost.messages, cost.commits, cost.requests] for name, cost in costs.items()}
        print(json.dumps({"costs": numbers, "too_dear": too_dear}))
        return bool(too_dear)
    print(f"{'operation':<26}{'messages':>10}{'commits':>9}{'requests':>10}")
    for name, cost in costs.items():
        limit = LIMITS[name]
        print(
            f"{name:<26}{cost.messages:>10.4g}{cost.commits:>9.3g}{cost.requests:>10.3g}"
            f"   at most {limit.messages:g} / {limit.commits:g} / {limit.requests:g}"
            f"{'   TOO DEAR' if name in too_dear else ''}   {cost.what}"
        )
    return bool(too_dear)


if __name__ == "__main__":
    sys.exit(main())
