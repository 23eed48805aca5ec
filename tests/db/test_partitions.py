"""Uploads in a table for each month, made as docs/scaling.md shows it, by the catalog as it is."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from chevupload.config import Policy
from chevupload.db import Accounts, Database, SqlCatalog, SqlKeys, engine_from
from chevupload.naming import month_digits
from tests.databases import new_database
from tests.support import NOW, ROOT, Clock, picture


@pytest.fixture
def database(postgres):
    """Return a database whose uploads are in partitions, with those of two months."""
    page = (ROOT / "docs" / "scaling.md").read_text()
    statements = re.findall(r"```sql\n(C[^`]*chevupload_(?:parts|add_month).*?)```", page, re.DOTALL)
    assert len(statements) == 2
    with new_database(postgres, template="template0 ENCODING 'UTF8' LOCALE 'C'") as url:
        engine = engine_from(url)
        SqlCatalog(Database(engine)).create_tables()
        with engine.connect() as connection:
            for statement in (*statements, statements[1].replace("-03-", "-04-")):
                connection.connection.driver_connection.execute(statement)
            connection.connection.commit()
        yield Database(engine)
        engine.dispose()


@pytest.fixture
def clock():
    """Return a clock that can be set."""
    return Clock(NOW)


@pytest.fixture
def stand(make, database, clock):
    """Return a site whose ids tell the month, and a key of a user there."""
    accounts = Accounts(database)
    accounts.add_user("ann")
    policy = Policy(monthly_ids=True, id_length=13, duplicates="reject")
    stand = make(catalog=SqlCatalog(database), keys=SqlKeys(database), policy=policy, clock=clock)
    stand.key = accounts.add_key("ann").key
    return stand


def rows(database, month):
    """Return how many uploads are in the partition of a month."""
    with database.connect() as connection:
        return connection.scalar(text(f"SELECT count(*) FROM chevupload_uploads_2026_{month:02}"))


@pytest.mark.slow
def test_uploads_live_in_the_partition_of_their_month(stand, database, clock):
    """From the upload to its end: viewer, files, list, duplicate, name that is taken, deletion, sweep and check."""
    first = stand.upload(picture(color="red"), "a.png", key=stand.key, tags="cat")
    second = stand.upload(picture(color="blue"), "a.png", key=stand.key)
    assert first["name"] == "a"
    assert second["name"] != "a"
    assert first["id_encoded"][:2] == month_digits(2026, 3)
    clock.now += timedelta(days=31)
    third = stand.upload(picture(color="green"), "a.png", key=stand.key, expiration="PT5M")
    assert (third["name"], third["id_encoded"][:2]) == ("a", month_digits(2026, 4))
    assert (rows(database, 3), rows(database, 4)) == (2, 1)
    for image in (first, second, third):
        for address in (image["url_viewer"], image["url"], image["thumb"]["url"]):
            assert stand.open(address).status_code == 200
    owner = stand.catalog.get(first["id_encoded"]).owner_id
    newest = [upload.id for upload in stand.component.uploads.list(owner, limit=9)]
    assert newest == [third["id_encoded"], *sorted((first["id_encoded"], second["id_encoded"]), reverse=True)]
    assert stand.catalog.has_duplicate(first["md5"], owner_id=owner, since=NOW)
    assert stand.component.maintenance.check(grace=timedelta(0)).uploads == 3
    assert stand.open(first["delete_url"], "POST").status_code == 200
    clock.now += timedelta(minutes=6)
    assert stand.component.maintenance.sweep().uploads == 1
    assert (rows(database, 3), rows(database, 4)) == (1, 0)
    report = stand.component.maintenance.check(grace=timedelta(0))
    assert (report.uploads, report.left) == (1, 0)


def test_a_viewer_reads_one_partition(stand, database):
    """The id tells which."""
    image = stand.upload(picture(), key=stand.key)
    with database.connect() as connection:
        plan = connection.execute(
            text("EXPLAIN (FORMAT JSON) SELECT * FROM chevupload_uploads WHERE id = :id"), {"id": image["id_encoded"]}
        ).scalar()
    assert set(re.findall(r"chevupload_uploads_\d{4}_\d{2}\b", json.dumps(plan))) == {"chevupload_uploads_2026_03"}


def test_the_database_and_the_ids_agree_about_months(database):
    """Both spell them alike."""
    with database.connect() as connection:
        for year, month in ((1970, 1), (2026, 3), (2289, 12)):
            day = f"{year}-{month:02}-01"
            assert connection.scalar(text("SELECT chevupload_month(:day)"), {"day": day}) == month_digits(year, month)
