"""Commands for the tables of a database: ``db upgrade``, ``db current``, ``db stamp`` and ``db sql``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from chevupload.cli.command_line import DatabaseGroup, Report
from chevupload.cli.sites import ChosenSite
from chevupload.errors import ConfigError

if TYPE_CHECKING:
    from chevupload.db.migrations import Migrations

_STATEMENT_SECONDS = 86_400
"""A change of a large table takes its time."""

database_commands = DatabaseGroup("db", help="Migrate the tables.")


@database_commands.command("upgrade", help="Bring the tables to this version.")
def _upgrade(site: ChosenSite) -> Report:
    with _migrations(site) as migrations:
        migrations.upgrade()
        return _revision(migrations)


@database_commands.command("current", help="Show the revision of the tables.")
def _current(site: ChosenSite) -> Report:
    with _migrations(site) as migrations:
        return _revision(migrations)


@database_commands.command("stamp", help="Note the REVISION of tables that have none noted; the newest by default.")
@click.argument("revision", default="heads")
def _stamp(site: ChosenSite, revision: str) -> Report:
    with _migrations(site) as migrations:
        migrations.stamp(revision)
        return _revision(migrations)


@database_commands.command("sql", help="Print what would make the tables, instead of making them.")
def _sql(site: ChosenSite) -> Report:
    with _migrations(site) as migrations:
        statements = migrations.sql()
    return Report({"sql": statements}, statements.rstrip())


def _revision(migrations: Migrations) -> Report:
    revision = migrations.current()
    return Report({"revision": revision}, revision or "no revision is noted")


@contextlib.contextmanager
def _migrations(site: ChosenSite) -> Iterator[Migrations]:
    """Open the database that is meant, and make nothing in it.

    Raises:
        ConfigError: there is none, or Alembic is not installed.
    """
    try:
        from chevupload.db.migrations import Migrations  # noqa: PLC0415  # Alembic comes with it
    except ImportError as error:
        raise ConfigError("migrations need Alembic: install chevupload[migrations]") from error
    from chevupload.site.factory import database_engine  # noqa: PLC0415  # SQLAlchemy comes with it

    engine = database_engine(site.database(), statement_seconds=_STATEMENT_SECONDS)
    try:
        yield Migrations(engine)
    finally:
        engine.dispose()
