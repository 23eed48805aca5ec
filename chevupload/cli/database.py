"""Commands for the tables of a database: ``db upgrade``, ``db current``, ``db stamp`` and ``db sql``."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chevupload.cli.common import Commands, add_command, add_site_options, show
from chevupload.cli.sites import sql_catalog_of
from chevupload.errors import ConfigError
from chevupload.filesystem import local_path

if TYPE_CHECKING:
    from chevupload.db.migrations import Migrations

_STATEMENT_SECONDS = 86_400
"""A change of a large table takes its time."""


def add_commands(commands: Commands) -> None:
    """Add ``db``."""
    group = commands.add_parser("db", help="migrate the tables").add_subparsers(required=True, metavar="COMMAND")
    for word, command, help_text in (
        ("upgrade", upgrade, "bring the tables to this version"),
        ("current", current, "show the revision of the tables"),
        ("stamp", stamp, "note the revision of tables that have none noted, and change nothing"),
        ("sql", sql, "print what would make the tables, instead of making them"),
    ):
        parser = add_command(group, word, command, help_text, site=False, json_output=word != "sql")
        add_site_options(parser).add_argument("--database-url", metavar="URL", help="a database by SQLAlchemy's URL")
        if word == "stamp":
            parser.add_argument("revision", nargs="?", default="heads", help="the newest by default")


def upgrade(options: argparse.Namespace) -> int:
    """Upgrade the tables."""
    with _migrations(options) as migrations:
        migrations.upgrade()
        return _show_revision(options, migrations)


def current(options: argparse.Namespace) -> int:
    """Show the revision."""
    with _migrations(options) as migrations:
        return _show_revision(options, migrations)


def stamp(options: argparse.Namespace) -> int:
    """Note a revision."""
    with _migrations(options) as migrations:
        migrations.stamp(options.revision)
        return _show_revision(options, migrations)


def sql(options: argparse.Namespace) -> int:
    """Print statements."""
    with _migrations(options) as migrations:
        print(migrations.sql(), end="")
    return 0


def _show_revision(options: argparse.Namespace, migrations: Migrations) -> int:
    revision = migrations.current()
    show(options, {"revision": revision}, revision or "no revision is noted")
    return 0


@contextlib.contextmanager
def _migrations(options: argparse.Namespace) -> Iterator[Migrations]:
    """Open the database that is meant, and make nothing in it.

    Raises:
        ConfigError: there is none, or Alembic is not installed.
    """
    try:
        from chevupload.db.migrations import Migrations  # noqa: PLC0415  # Alembic comes with it
    except ImportError as error:
        raise ConfigError("migrations need Alembic: install chevupload[migrations]") from error
    from chevupload.factory import database_engine  # noqa: PLC0415  # SQLAlchemy comes with it

    engine = database_engine(_database_url(options), statement_seconds=_STATEMENT_SECONDS)
    try:
        yield Migrations(engine)
    finally:
        engine.dispose()


def _database_url(options: argparse.Namespace) -> str:
    from chevupload.data_folder import DATABASE  # noqa: PLC0415  # SQLAlchemy comes with it

    if options.database_url is not None:
        return str(options.database_url)
    if options.app is not None:
        return sql_catalog_of(options).database.engine.url.render_as_string(hide_password=False)
    path = local_path(options.data) / DATABASE
    if not path.exists():
        raise ConfigError(f"there is no site in {options.data}; serve or user add makes one")
    return f"sqlite:///{path}"
