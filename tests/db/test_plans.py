"""Whatever an upload, its readers and the sweep ask a database for is found by an index, among however many rows."""

from __future__ import annotations

import io
import json
import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, literal, select, update

from chevupload.config import Policy
from chevupload.db import Accounts, SqlCatalog, SqlKeys, Tables
from chevupload.model import Album, Cursor
from chevupload.records.selection import Selection
from chevupload.uploads.sweep import PAGE_SIZE
from tests.benchmarks.rows import NOW, Site
from tests.support import Clock, picture

ROWS = 3_000


def _is_wide(condition, values):
    """Whether an index is read for all that is ready, which is nearly everything."""
    return "state" in condition and "expires_at" not in condition and "ready" in values


@pytest.fixture
def statements(each_database):
    """Return a function that notes the statements of a block, each once, with the values that it was given first."""

    @contextmanager
    def note():
        noted = {}

        def see(connection, cursor, statement, parameters, context, executemany):
            if not executemany and not statement.startswith("SET "):
                noted.setdefault(statement, parameters)

        event.listen(each_database.engine, "before_cursor_execute", see)
        yield noted
        event.remove(each_database.engine, "before_cursor_execute", see)

    return note


@pytest.fixture
def site(each_database, make):
    """Return a component on a database with many rows, and the key of a user there."""
    Site(each_database, ROWS)
    accounts = Accounts(each_database)
    accounts.add_user("ann")
    stand = make(
        catalog=SqlCatalog(each_database),
        keys=SqlKeys(each_database),
        policy=Policy(duplicates="reject", usage="all"),
        clock=Clock(NOW),
    )
    return stand, accounts, accounts.add_key("ann").key


def _sqlite_plan(connection, statement, parameters):
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
        is_scan = row.detail.startswith("SCAN") and "CONSTANT ROW" not in row.detail
        if is_scan or _is_wide(row.detail, parameters):
            yield row.detail


def _postgres_plan(connection, statement, parameters):
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar()
    nodes = [entry["Plan"] for entry in (json.loads(found) if isinstance(found, str) else found)]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        is_index, condition = "Index" in node["Node Type"], node.get("Index Cond", "")
        if "Seq Scan" in node["Node Type"] or (is_index and not condition) or node["Plan Rows"] > ROWS / 10:
            yield f"{node['Node Type']} of {node['Relation Name']}"


def _mariadb_plan(connection, statement, parameters):
    if not statement.startswith("INSERT"):
        for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters):
            if row.type in ("ALL", "index") or int(row.rows or 0) > ROWS / 10:
                yield f"{row.type} of {row.table}, {row.rows} rows"


PLANS = {"sqlite": _sqlite_plan, "postgresql": _postgres_plan, "mysql": _mariadb_plan}


def full_scans(database, statements):
    """Return what reads a whole table or index, by statement.

    A sweep reads the tables of pending uploads and of moves whole, which hold those alone that are on their way.
    """
    small = re.compile(r"[^()]*\sFROM chevupload_(pending|moves)\s")
    statements = {text: values for text, values in statements.items() if not small.match(text)}
    scans = {}
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # Tables with a handful of rows are read whole for good reasons; asked to avoid it, it shows that it can.
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in statements.items():
            found = list(PLANS[connection.dialect.name](connection, statement, parameters))
            if found:
                scans[statement] = found
        connection.rollback()
    return scans


@pytest.mark.slow
def test_an_upload_and_its_readers_read_no_table_whole(site, each_database, statements):
    """Key, albums, category, duplicate, record, tags, viewer, files, list, delete link: each is a look at an index."""
    stand, accounts, key = site
    albums, ann, category = stand.component.albums, accounts.user_id("ann"), accounts.add_category("Animals")
    album = albums.add(ann, "Cats").id
    fields = {"tags": "cat,dog", "album_id": album, "category_id": str(category), "expiration": "P1D"}
    with statements() as noted:
        image = stand.upload(picture((9, 9)), key=key, **fields)
        refused = stand.send({"source": (io.BytesIO(picture((9, 9))), "again.png")}, key=key)
        assert refused.json["error"]["code"] == 101
        for address in (image["url_viewer"], image["url"], image["thumb"]["url"]):
            assert stand.open(address).status_code == 200
        owner = stand.catalog.get(image["id_encoded"]).owner_id
        page = stand.component.uploads.list(owner, limit=1)
        assert stand.component.uploads.list(owner, limit=1, before=page[0]) == []
        cats = albums.add(ann, "Dogs")
        assert albums.list(ann, limit=1, after="Cats") == [cats]
        assert stand.catalog.find_album(ann, "Dogs") == albums.rename(cats.id, "Dogs")
        assert albums.delete(cats.id)
        for field in ("md5", "source_md5"):
            stand.catalog.duplicates("0" * 32, field=field, owner_id=owner, now=NOW, limit=9)
        stand.catalog.has_duplicate("0" * 32, owner_id=None, since=NOW - timedelta(days=1))
        assert stand.open(image["delete_url"], "POST").status_code == 200
        for counted_owner in (owner, None):
            stand.component.uploads.usage(counted_owner, recount=True)
    assert len(noted) > 15
    assert full_scans(each_database, noted) == {}


@pytest.mark.slow
def test_a_change_reads_no_table_whole(site, each_database, statements):
    """Its record, its tags, those that are new and those that go, its event."""
    stand, _, key = site
    upload_id = stand.upload(picture((9, 9)), key=key, tags="cat,dog")["id_encoded"]
    catalog = stand.catalog
    with statements() as noted:
        assert catalog.change(upload_id, {"tags": ("dog", "bird"), "title": "T"}, now=NOW, events=True) is not None
        _, upload = catalog.change(upload_id, {"tags": (), "expires_at": NOW + timedelta(days=1)}, now=NOW)
        assert catalog.resize(upload, changed_at=NOW)
    assert len(noted) > 7
    assert full_scans(each_database, noted) == {}


LISTS = {
    "all": {},
    "album": {"album_id": "album-7-1"},
    "videos": {"type": "video"},
    "images": {"type": "image"},
    "album's videos": {"album_id": "album-7-1", "type": "video"},
    "text": {"query": "nothing"},
}
LIST_INDEXES = {"album": "_album", "album's videos": "_album", "videos": "_videos"}
"""Of the others it is the owner's, on MariaDB also of the videos. A text is looked for in any way but all rows."""


@pytest.mark.slow
def test_a_page_of_a_list_is_read_along_its_index(each_database, statements):
    """From where it begins, in the index's order, however far down that is: nothing before or behind it is looked at.

    Of uploads of one moment alone the ids are sorted.
    """
    catalog, place = Site(each_database, ROWS).catalog, Cursor(NOW - timedelta(days=180), "x")
    dialect = each_database.engine.dialect.name.replace("mariadb", "mysql")
    for name, chosen in LISTS.items():
        for before in (None, place):
            with statements() as noted:
                catalog.owned("owner-7", now=NOW, limit=2, before=before, **chosen)
            assert full_scans(each_database, noted) == {}
            with each_database.engine.connect() as connection:
                plan = _explained(connection, *next(iter(noted.items())))
            index = "_owned" if (dialect, name) == ("mysql", "videos") else LIST_INDEXES.get(name, "_owned")
            assert name == "text" or f"ix_chevupload_uploads{index}" in plan, (name, plan)
            if before is not None and dialect == "sqlite":
                assert "received_at<?" in plan, (name, plan)


@pytest.mark.slow
def test_an_album_is_emptied_along_its_index(each_database, statements):
    """However many other uploads its owner has: each page is read from where the one before ended, and not sorted."""
    catalog, album = Site(each_database, ROWS).catalog, Album("album-7-1", "owner-7", "A")
    with statements() as noted:
        assert catalog.clear_album(album, limit=2) == 2
    dialect = each_database.engine.dialect.name.replace("mariadb", "mysql")
    page = next(text for text in noted if text.startswith("SELECT"))
    with each_database.engine.connect() as connection:
        plan = _explained(connection, page, noted[page])
    assert ("ix_chevupload_uploads_album" in plan, SORTS[dialect] in plan) == (True, False), plan
    assert full_scans(each_database, noted) == {}


@pytest.mark.slow
def test_a_sweep_reads_no_table_whole(site, each_database, statements):
    """A site with millions of uploads is swept every few minutes, for the few that have expired or were left."""
    stand, _, _ = site
    uploads, views, pending = Tables.default().uploads, Tables.default().views, Tables.default().pending
    with each_database.begin() as connection:
        lasting = connection.scalars(select(uploads.c.id).where(uploads.c.expires_at.is_(None)).limit(4)).all()
        connection.execute(update(uploads).where(uploads.c.id.in_(lasting[:2])).values(state="deleting"))
        left = [{"upload_id": upload_id, "received_at": NOW - timedelta(days=2)} for upload_id in lasting[2:]]
        connection.execute(insert(pending), left)
        # Of an empty table, MariaDB always reads the whole.
        connection.execute(insert(views).from_select(["upload_id", "count"], select(uploads.c.id, literal(1))))
    with statements() as noted:
        report = stand.component.maintenance.sweep()
    assert (report.uploads, report.failed) == (5, 0)
    assert full_scans(each_database, noted) == {}


def _explained(connection, statement, parameters):
    """Return what a database says of how it reads pages in an order: sorts, and where it begins to read an index."""
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
    return "\n".join(" ".join(map(str, row)) for row in rows)


SORTS = {"sqlite": "TEMP B-TREE", "postgresql": "Sort", "mysql": "filesort"}
EXPIRED = {
    "sqlite": "(expires_at,id)>(?,?) AND expires_at<?",
    "postgresql": "ROW(expires_at, (id)::text) > ROW(",
    "mysql": "_expiring",
}
IN_ORDER = {"sqlite": "(id>?)", "postgresql": "((id)::text >", "mysql": "PRIMARY"}


def _withdrawn(catalog):
    """Yield what is withdrawn because it has expired, page after page."""
    page = catalog.withdraw_expired(now=NOW + timedelta(days=1), limit=PAGE_SIZE)
    while page:
        yield from page
        page = catalog.withdraw_expired(now=NOW + timedelta(days=1), limit=PAGE_SIZE, after=page[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pages", "count", "begins"),
    [(_withdrawn, ROWS // 4, EXPIRED), (SqlCatalog.uploads, ROWS, IN_ORDER)],
    ids=["expired", "all"],
)
def test_pages_of_all_rows_go_on_where_the_last_one_ended(each_database, statements, pages, count, begins):
    """No page sorts, and none reads what was read before it: together they cost what one walk along the index costs."""
    site = Site(each_database, ROWS)
    with statements() as noted:
        assert len(list(pages(site.catalog))) == count
    first, later = (each for each in noted if "FROM chevupload_uploads" in each)
    dialect = each_database.engine.dialect.name.replace("mariadb", "mysql")
    with each_database.engine.connect() as connection:
        plans = [_explained(connection, statement, noted[statement]) for statement in (first, later)]
    assert [SORTS[dialect] in plan for plan in plans] == [False, False], plans
    assert begins[dialect] in plans[1], plans[1]


@pytest.mark.slow
def test_a_search_reads_a_window_at_most(each_database, statements, monkeypatch):
    """Of an owner by the owner's index; by anything else along the primary key, a window in each statement."""
    monkeypatch.setattr("chevupload.db.search.WINDOW", ROWS // 20)
    site = Site(each_database, ROWS)
    with statements() as noted:
        owned = [*site.catalog.search(Selection(owner_id="owner-7"))]
        assert [*site.catalog.search(Selection(owner_id="owner-7", md5="0" * 32, received_from=NOW))] == []
        assert [*site.catalog.search(Selection(min_bytes=1_000_001, type="image", album_id="none"))] == []
        assert len([*site.catalog.search(Selection(received_before=NOW))]) == ROWS
        assert site.catalog.count(Selection(owner_id="owner-7")).files == len(owned)
        assert site.catalog.count(Selection(max_bytes=1)).files == 0
        assert len(site.catalog.remaining("owner-7", limit=200)) == len(owned) > ROWS // 200
        site.catalog.forget_owner("owner-7")
        assert [*site.catalog.audit_of("owner-7")] == []
    dialect = each_database.engine.dialect.name.replace("mariadb", "mysql")
    window = next(each for each in noted if each.startswith("SELECT chevupload_uploads.id \nFROM"))
    with each_database.engine.connect() as connection:
        plan = _explained(connection, window, noted.pop(window))
    assert SORTS[dialect] not in plan, plan
    assert {"postgresql": "Index Only Scan using chevupload_uploads_pkey"}.get(dialect, IN_ORDER[dialect]) in plan
    assert full_scans(each_database, noted) == {}
