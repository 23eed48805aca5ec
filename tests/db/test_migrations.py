"""Migrations make the tables that the models say, on each database, alone and inside of a host's own Alembic."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect, make_url, text

from chevupload.db import Database, SqlCatalog, SqlKeys, Tables, engine_from
from chevupload.db.migrations import Migrations, revisions
from chevupload.db.revisions import VERSION_LOCATION, VERSION_TABLE
from chevupload.db.tables import REVISION
from chevupload.errors import ConfigError
from chevupload.keys import digest, new_key
from chevupload.model import Principal
from chevupload.policy.restrictions import KeyRestrictions
from chevupload.testing.records import in_threads
from tests.databases import new_database
from tests.support import ROOT


@pytest.fixture(params=["sqlite", "postgres", "pgbouncer", "mariadb"])
def engine(request, tmp_path):
    """Return the engine of each database in turn, with nothing in it."""
    if request.param == "sqlite":
        urls = contextlib.nullcontext(make_url(f"sqlite:///{tmp_path / 'records.db'}"))
    else:
        urls = new_database(request.getfixturevalue("mariadb" if request.param == "mariadb" else "postgres"))
    with urls as url:
        if request.param == "pgbouncer":
            url = request.getfixturevalue("pgbouncer").set(database=url.database)
        engine = engine_from(url)
        yield engine
        engine.dispose()


def tables(engine):
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_migrations_and_models_agree(engine):
    """Tables of an upgrade from nothing are those of the models, column by column and index by index."""
    migrations = Migrations(engine)
    migrations.upgrade()
    assert migrations.differences() == []
    assert tables(engine) == {table.name for table in Tables.default()} | {VERSION_TABLE}


def test_a_missing_column_or_index_is_seen(engine):
    """The comparison that says so sees what is missing."""
    migrations = Migrations(engine)
    migrations.upgrade()
    with engine.begin() as connection:
        end = " ON chevupload_uploads" if connection.dialect.name == "mysql" else ""
        connection.execute(text(f"DROP INDEX ix_chevupload_uploads_owned{end}"))
        connection.execute(text("ALTER TABLE chevupload_uploads DROP COLUMN views"))
    assert {found[0] for found in migrations.differences()} == {"add_column", "add_index"}


def test_each_step_can_be_taken_and_taken_back(engine, make_upload):
    """Records stay, and the step may find indexes that somebody made before it, beside running servers."""
    migrations = Migrations(engine)
    migrations.upgrade(revisions()[0])
    uploads = Tables.default().uploads
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            next(index for index in uploads.indexes if index.name.endswith("_unfinished")).create(connection)
    migrations.upgrade()
    assert migrations.differences() == []
    catalog = SqlCatalog(Database(engine))
    catalog.reserve(make_upload())
    catalog.publish("a1")
    migrations.downgrade(revisions()[0])
    migrations.upgrade()
    assert (migrations.current(), migrations.differences()) == (REVISION, [])
    assert catalog.get("a1") == make_upload()


def test_an_upgrade_can_be_taken_back_and_made_again(engine, make_upload):
    """Down to nothing, and up to tables that work."""
    migrations = Migrations(engine)
    migrations.upgrade()
    migrations.downgrade("base")
    assert tables(engine) == {VERSION_TABLE}
    assert migrations.current() is None
    migrations.upgrade()
    migrations.upgrade()
    assert migrations.current() == REVISION
    catalog = SqlCatalog(Database(engine))
    catalog.reserve(make_upload(tags=("a",)))
    catalog.publish("a1")
    assert catalog.get("a1") == make_upload(tags=("a",))


def test_keys_of_before_may_do_what_they_could(engine):
    """And who goes back to a version that does not know what a key is for finds the narrowed ones revoked."""
    migrations, old = Migrations(engine), new_key()
    before = revisions()[revisions().index("chevupload_key_restrictions") - 1]
    migrations.upgrade(before)
    row = {"id": old.id, "digest": digest(old.key)}
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO chevupload_users (id, name, is_admin) VALUES ('ann', 'ann', false)"))
        connection.execute(
            text(
                "INSERT INTO chevupload_keys (id, user_id, label, style, digest, created_at)"
                " VALUES (:id, 'ann', '', 'chevereto', :digest, '2026-03-04 05:06:07')"
            ),
            row,
        )
    migrations.upgrade()
    keys = SqlKeys(Database(engine))
    assert keys.authenticate(old.key, {}) == Principal(user_id="ann")
    narrowed = [
        keys.add_key("ann", restrictions=KeyRestrictions(**one)).key
        for one in ({"scopes": ()}, {"album_id": "a"}, {"max_bytes": 1}, {"formats": ()}, {"origins": ()})
    ]
    migrations.downgrade(before)
    migrations.upgrade()
    assert [key for key in narrowed if keys.authenticate(key, {}) is not None] == []
    assert keys.authenticate(old.key, {}) == Principal(user_id="ann")


def test_albums_of_before_get_titles_of_their_own(engine):
    """The first of several keeps its title, and what is too long is cut."""
    migrations = Migrations(engine)
    before = revisions()[revisions().index("chevupload_album_titles") - 1]
    migrations.upgrade(before)
    titles = {"a": "Cats", "b": "Cats", "c": "cats", "d": "x" * 120, "e": "x" * 110, "f": "Cats"}
    with engine.begin() as connection:
        for album_id, title in titles.items():
            owner = "bob" if album_id == "f" else "ann"
            statement = text("INSERT INTO chevupload_albums (id, owner_id, title) VALUES (:id, :owner, :title)")
            connection.execute(statement, {"id": album_id, "owner": owner, "title": title})
    expected = {**titles, "b": "Cats b", "d": "x" * 100, "e": "x" * 35 + " e"}
    for _ in range(2):
        migrations.upgrade()
        catalog = SqlCatalog(Database(engine))
        assert {album_id: catalog.album(album_id).title for album_id in titles} == expected
        migrations.downgrade(before)


def test_the_revision_that_is_noted_is_the_newest():
    """Or the tables of a new site would be taken for those of an older version."""
    config = Config()
    config.set_main_option("script_location", str(Path(VERSION_LOCATION).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


@pytest.mark.slow
def test_tables_that_are_made_have_their_revision_noted(engine, make_upload):
    """So that the next version's upgrade knows where to begin, though by then it expects other tables."""
    database, migrations = Database(engine), Migrations(engine)
    in_threads(4, lambda number: database.create_tables())
    database.create_tables()
    assert migrations.current() == REVISION
    catalog = SqlCatalog(database)
    catalog.reserve(make_upload())
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE chevupload_uploads DROP COLUMN views"))
    migrations.upgrade()
    assert migrations.current() == REVISION
    migrations.downgrade("base")
    assert tables(engine) == {VERSION_TABLE}
    database.create_tables()
    assert (migrations.current(), migrations.differences()) == (REVISION, [])


def test_tables_of_another_version_are_left_to_the_migrations(engine):
    """A table that is made here would be in the way of the migration that makes it."""
    Migrations(engine).upgrade()
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'another'"))
        connection.execute(text("DROP TABLE chevupload_tags"))
    Database(engine).create_tables()
    assert "chevupload_tags" not in tables(engine)


def test_tables_beside_others_of_ours_are_recognised_by_what_they_are(engine, make_upload):
    """Nobody noted of which version the first ones were; if they are as they should be, only that is missing."""
    database = Database(engine)
    Tables.default().tags.create(engine)
    database.create_tables()
    catalog = SqlCatalog(database)
    catalog.reserve(make_upload())
    catalog.publish("a1")
    migrations = Migrations(engine)
    assert migrations.current() is None
    migrations.upgrade()
    assert migrations.current() == REVISION
    assert catalog.get("a1") == make_upload()


def test_tables_of_a_host_are_noted_by_nobody_but_the_host(engine):
    """They may be in its own metadata, where its own migrations would drop a table that they do not know."""
    metadata = MetaData()
    Database(engine).create_tables(Tables.default().in_metadata(metadata))
    assert VERSION_TABLE not in tables(engine)


def test_tables_that_are_others_are_not_taken_for_ours(engine):
    """Nobody knows what they need: whoever does stamps them, and they are left as they are."""
    Database(engine).create_tables()
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        connection.execute(text("ALTER TABLE chevupload_uploads DROP COLUMN views"))
    migrations = Migrations(engine)
    with pytest.raises(ConfigError, match="views"):
        migrations.upgrade()
    assert migrations.current() is None
    migrations.stamp(REVISION)
    migrations.upgrade()
    assert migrations.current() == REVISION


def test_an_unknown_revision_is_refused(engine):
    """As an error of ours."""
    for change in (Migrations(engine).upgrade, Migrations(engine).downgrade, Migrations(engine).stamp):
        with pytest.raises(ConfigError):
            change("nothing")


def test_what_would_be_said_is_told(engine):
    """For those who let nobody but themselves change a database: the statements alone make the tables."""
    migrations = Migrations(engine)
    statements = [part.strip() for part in re.sub(r"(?m)^--.*$", "", migrations.sql()).split(";")]
    assert tables(engine) == set()
    with engine.begin() as connection:
        for statement in statements:
            if statement and statement not in ("BEGIN", "COMMIT"):
                connection.exec_driver_sql(statement)
    assert migrations.current() == REVISION
    assert migrations.differences() == []


def _documented_environment():
    """Return the file of a host's Alembic that the page shows."""
    page = (ROOT / "docs" / "migrations.md").read_text()
    return re.search(r"```py\n(# migrations/env\.py\n.*?)```", page, re.DOTALL).group(1)


@pytest.mark.parametrize("are_there", [False, True], ids=["new", "made before"])
def test_a_hosts_own_alembic_runs_them_beside_its_own(engine, tmp_path, monkeypatch, are_there):
    """By the page's lines: one command upgrades both, and the host's next revision leaves our tables alone."""
    if are_there:
        Database(engine).create_tables()
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(_documented_environment())
    (scripts / "script.py.mako").write_text('"""${message}"""\nrevision = ${repr(up_revision)}\n${upgrades}\n')
    (tmp_path / "host_models.py").write_text(HOST)
    monkeypatch.syspath_prepend(tmp_path)
    url = engine.url.render_as_string(hide_password=False)
    (scripts / "versions" / "posts.py").write_text(POSTS)
    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("version_locations", f"{scripts / 'versions'}:{VERSION_LOCATION}")
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, "heads")
    assert tables(engine) == {table.name for table in Tables.default()} | {"posts", "alembic_version"}
    # Fails when it finds a difference.
    command.check(config)
    assert Migrations(engine).differences() == []
    command.downgrade(config, "chevupload@base")
    assert tables(engine) == {"posts", "alembic_version"}


HOST = """
from sqlalchemy import Column, Integer, MetaData, Table

metadata = MetaData()
Table("posts", metadata, Column("id", Integer, primary_key=True))
"""
POSTS = """
from alembic import op
from sqlalchemy import Column, Integer

revision = "posts"
down_revision = None
branch_labels = ("host",)


def upgrade():
    op.create_table("posts", Column("id", Integer, primary_key=True))


def downgrade():
    op.drop_table("posts")
"""


def test_the_wheel_has_what_alembic_looks_for():
    """The folder of revisions is where the package says."""
    assert {file.name for file in Path(VERSION_LOCATION).glob("*.py")} == {
        "__init__.py",
        "album_titles.py",
        "audit.py",
        "events.py",
        "extra_renditions.py",
        "first_tables.py",
        "jobs.py",
        "lists_and_changes.py",
        "moves.py",
        "key_restrictions.py",
        "pending_uploads.py",
        "ticket_uses.py",
        "usage.py",
        "views_and_indexes.py",
    }
    assert (Path(VERSION_LOCATION).parent / "env.py").exists()
