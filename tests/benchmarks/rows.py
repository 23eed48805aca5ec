"""What a database that holds millions of uploads adds to the database time of the next one, and of a list's pages.

Two new databases take turns, one with next to no rows and one filled, so that each ratio is of one run: the median time
of every step that an upload and its readers ask the database for, with many rows against few. In the filled one, pages
of owners' lists are asked for at the beginning and farther down, by turns. Nothing here asserts a time.

    python tests/benchmarks/rows.py [--rows 20000] [--rounds 200] [--server URL] [--json]

``--rows 5_000_000`` takes some minutes and gigabytes, below the temporary folder. Without ``--server``, the URL of a
server on which databases may be made, both are SQLite files.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, insert, make_url

from chevupload.db import Accounts, Database, SqlCatalog, SqlKeys, Tables, engine_from, sqlite_engine
from chevupload.model import Cursor, Upload

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
OWNERS = 100
"""Users among whom the rows are shared."""
ALBUMS = 5
"""How many albums an owner has."""
FEW = 1_000
"""How many rows the other database has: more than a page of a check or of a sweep."""
PAGE = 50
"""How many uploads of a list are asked for together."""
LISTS: dict[str, dict[str, Any]] = {
    "all": {},
    "of an album": {},
    "images": {"type": "image"},
    "videos": {"type": "video"},
}
DEPTHS = (0, 0.25, 0.5, 0.75, 0.9)
"""How far down a page begins, as a part of the list."""
_YEAR_SECONDS = 31_536_000
_CHUNK = 50_000
_CACHE_KIB = 1_500_000
"""For filling only: without it, SQLite would write each page of its indexes many times."""


def make_row(number: int, start: int | None = None) -> dict[str, Any]:
    """Make the row of a ready upload of some owner, or guest, at some time of the last year.

    Names, ids and digests are random, so that an index meets them where it meets real ones: anywhere. ``start`` is a
    number of 64 bits with which name and id begin.
    """
    # Each owner's first is the oldest, so that there is always one far down a list.
    age = _YEAR_SECONDS if number < OWNERS else random.random() * _YEAR_SECONDS
    received_at = NOW - timedelta(seconds=age)
    name = f"{random.getrandbits(64) if start is None else start:016x}{random.getrandbits(64):016x}"
    turn = number // OWNERS
    owner_id = f"owner-{number % OWNERS}" if number % 11 or number < OWNERS else None
    return {
        "id": name[:16],
        "state": "ready",
        "stem_key": f"2026/03/04/{name}",
        "has_tags": False,
        "owner_id": owner_id,
        # Every other upload is in one of its owner's albums; a few are films.
        "album_id": f"album-{number % OWNERS}-{turn // 2 % ALBUMS}" if owner_id and turn % 2 else None,
        "created_at": received_at,
        "received_at": received_at,
        "folder": "2026/03/04",
        "name": name,
        "extension": "mp4" if turn % 49 == 0 else "jpg",
        "size": 1_000_000,
        "width": 4_000,
        "height": 3_000,
        "md5": random.randbytes(16).hex(),
        "source_md5": random.randbytes(16).hex() if number % 5 == 0 else None,
        "original_filename": "IMG_0001.jpg",
        "title": "A title",
        "nsfw": False,
        "storage_mode": "datefolder",
        "is_animated": False,
        "is_360": False,
        "duration": 0,
        "thumb_size": 10_000,
        "medium_size": 50_000,
        "frame_size": 0,
        "storage": "",
        "expires_at": NOW + timedelta(seconds=number) if number % 4 == 0 else None,
        "views": 0,
    }


def fill(database: Database, rows: int) -> None:
    """Fill a database as if a site had run for long, and let servers count what they have, as they do by themselves."""
    uploads = Tables.default().uploads
    is_sqlite = database.engine.dialect.name == "sqlite"
    with database.engine.connect() as connection:
        if is_sqlite:
            for setting in (f"cache_size=-{_CACHE_KIB}", "journal_mode=OFF", "synchronous=OFF"):
                connection.exec_driver_sql(f"PRAGMA {setting}")
        # Made at once at the end, they take a fraction of the time.
        for index in uploads.indexes:
            index.drop(connection)
        connection.commit()
        # Spread evenly, the names are where random ones would be, but each goes to the end of what is there already.
        step = 2**64 // rows
        for done in range(0, rows, _CHUNK):
            numbers = range(done, min(done + _CHUNK, rows))
            _insert(connection, [make_row(number, number * step) for number in numbers])
            connection.commit()
            progress(f"{min(done + _CHUNK, rows):,} of {rows:,} rows")
        for index in uploads.indexes:
            index.create(connection)
        connection.commit()
        if not is_sqlite:
            is_mysql = connection.dialect.name in ("mysql", "mariadb")
            connection.exec_driver_sql(f"ANALYZE {'TABLE ' if is_mysql else ''}{uploads.name}")
            connection.commit()
        # What was set is this connection's, and goes with it.
        connection.invalidate()


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    uploads = Tables.default().uploads
    if connection.dialect.driver != "psycopg":
        connection.execute(insert(uploads), rows)
        return
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor().copy(f"COPY {uploads.name} ({', '.join(rows[0])}) FROM STDIN") as copy:
        for row in rows:
            # Columns have no zones.
            copy.write_row([one.replace(tzinfo=None) if isinstance(one, datetime) else one for one in row.values()])


class Site:
    """A database, what an upload and its readers ask it for, and how long that takes."""

    def __init__(self, database: Database, rows: int) -> None:
        """Make tables, an owner with a key, and ``rows`` uploads."""
        database.create_tables()
        fill(database, rows)
        self.catalog, self.keys = SqlCatalog(database), SqlKeys(database)
        accounts = Accounts(database)
        accounts.add_user("owner")
        self.key = accounts.add_key("owner").key

    def steps(self, number: int) -> dict[str, Callable[[], Any]]:
        """Return every step of the ``number``-th upload and of its readers, in their order."""
        upload = _upload(number)
        catalog, owner_id = self.catalog, str(upload.owner_id)
        return {
            "key": lambda: self.keys.authenticate(self.key, {}),
            "duplicate": lambda: catalog.has_duplicate(upload.md5, owner_id=owner_id, since=NOW - timedelta(days=1)),
            "guest's duplicate": lambda: catalog.has_duplicate(upload.md5, owner_id=None, since=NOW),
            "reserve": lambda: catalog.reserve(upload),
            "publish": lambda: catalog.publish(upload.id),
            "viewer": lambda: catalog.get(upload.id),
            "view": lambda: catalog.add_views({upload.id: 1}),
            "file": lambda: catalog.find(upload.stem),
            "list": lambda: catalog.owned(owner_id, now=NOW, limit=1),
            "list, far down": lambda: catalog.owned(owner_id, now=NOW, limit=1, before=_old(upload)),
            "check page": lambda: next(catalog.uploads()),
            "expired": lambda: catalog.withdraw_expired(now=NOW - timedelta(days=1), limit=200),
            "stalled": lambda: catalog.withdraw_stalled(now=NOW, pending_since=NOW - timedelta(hours=1)),
            "withdraw": lambda: catalog.withdraw(upload.id),
            "claim": lambda: catalog.claim(now=NOW, since=NOW - timedelta(hours=1), limit=200),
            "forget": lambda: catalog.forget([upload]),
        }


UPLOAD = ("key", "duplicate", "reserve", "publish")
"""The steps that an upload waits for; the others are those of readers, owners and the sweep."""


def _upload(number: int) -> Upload:
    row = make_row(number)
    names = {field.name for field in dataclasses.fields(Upload)}
    values = {name: value for name, value in row.items() if name in names}
    return Upload(**values | {"owner_id": f"owner-{number % OWNERS}", "received_at": NOW})


def _old(upload: Upload) -> Upload:
    """Return an upload of the same owner in the middle of a list of a year."""
    return dataclasses.replace(upload, received_at=NOW - timedelta(seconds=_YEAR_SECONDS / 2))


def measure(sites: list[Site], rounds: int) -> list[dict[str, float]]:
    """Return each site's median milliseconds of each step; the sites take turns."""
    times: list[dict[str, list[float]]] = [{} for _ in sites]
    for number in range(rounds):
        for site, found in zip(sites, times, strict=True):
            for name, step in site.steps(number).items():
                start = time.perf_counter()
                step()
                found.setdefault(name, []).append((time.perf_counter() - start) * 1_000)
    return [{name: statistics.median(found) for name, found in site.items()} for site in times]


def measure_pages(catalog: SqlCatalog, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median milliseconds of a page of each list, by how far down it begins, as a part of the list.

    Each page is of another owner, whose rows nobody has read, and asked for twice: ``again`` is the second time.
    """
    cases = [(name, depth) for name in LISTS for depth in DEPTHS]
    times: dict[str, dict[str, list[float]]] = {name: {} for name in LISTS}
    for number in range(rounds):
        # In any order, so that none has what another one has left in memory.
        for name, depth in random.sample(cases, len(cases)):
            owner = random.randrange(OWNERS)
            chosen = {**LISTS[name], "album_id": f"album-{owner}-{number % ALBUMS}" if "album" in name else None}
            before = Cursor(NOW - timedelta(seconds=_YEAR_SECONDS * (depth + 0.05 * random.random())), "")
            for kind in (f"{depth:.0%}", f"{depth:.0%} again"):
                start = time.perf_counter()
                page = catalog.owned(f"owner-{owner}", now=NOW, limit=PAGE, before=before if depth else None, **chosen)
                seconds = time.perf_counter() - start
                if len(page) == PAGE:
                    times[name].setdefault(kind, []).append(seconds * 1_000)
    return {name: {kind: statistics.median(found) for kind, found in kinds.items()} for name, kinds in times.items()}


@contextmanager
def two_databases(server: str | None, folder: Path) -> Iterator[list[Database]]:
    """Make two new databases: files in ``folder``, or on a server, from which they are removed in the end."""
    with ExitStack() as stack:
        engines = []
        for number in range(2):
            if server is None:
                engines.append(sqlite_engine(folder / f"{number}.db"))
            else:
                engines.append(engine_from(stack.enter_context(_on_server(server)), statement_seconds=3_600))
            stack.callback(engines[-1].dispose)
        yield [Database(engine) for engine in engines]


@contextmanager
def _on_server(server: str) -> Iterator[Any]:
    name = f"chevupload_rows_{secrets.token_hex(4)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            yield make_url(server).set(database=name)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
    admin.dispose()


def progress(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def table(rows: int, few: dict[str, float], many: dict[str, float]) -> str:
    """Return the medians as text."""
    few, many = ({"upload": sum(map(times.get, UPLOAD)), **times} for times in (few, many))  # type: ignore[arg-type]
    head = f"{'ms in the database':<20}{f'{FEW:,} rows':>12}{f'{rows:,} rows':>18}{'ratio':>8}"
    lines = [f"{name:<20}{few[name]:>12.3f}{many[name]:>18.3f}{many[name] / few[name]:>8.2f}" for name in few]
    return "\n".join([head, "-" * len(head), *lines])


def page_table(pages: dict[str, dict[str, float]]) -> str:
    """Return the medians of pages as text; the ratio is that of the slowest to the first page.

    With few rows, no page that begins so far down a list is a whole one: it has a dash.
    """
    lines = []
    for suffix in ("", " again"):
        columns = [f"{depth:.0%}{suffix}" for depth in DEPTHS]
        lines.append(f"{f'ms of a page{suffix}':<20}{''.join(f'{one:>12}' for one in columns)}{'ratio':>8}")
        for name, found in pages.items():
            there = [found.get(one) for one in columns]
            measured = [one for one in there if one is not None]
            ratio = max(measured) / there[0] if there[0] else None
            lines.append(f"{name:<20}{''.join(_cell(one, 12, 3) for one in there)}{_cell(ratio, 8, 2)}")
    return "\n".join(lines)


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'-' if value is None else f'{value:.{digits}f}':>{width}}"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--server", metavar="URL", help="a server instead of SQLite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="chevupload-rows-") as folder,
        two_databases(options.server, Path(folder)) as (first, second),
    ):
        sites = [Site(first, FEW), Site(second, options.rows)]
        pages = measure_pages(sites[1].catalog, options.rounds)
        few, many = measure(sites, options.rounds)
    document = {"rows": options.rows, "rounds": options.rounds, "few_ms": few, "many_ms": many, "page_ms": pages}
    print(json.dumps(document) if options.json else f"{table(options.rows, few, many)}\n\n{page_table(pages)}")


if __name__ == "__main__":
    main()
