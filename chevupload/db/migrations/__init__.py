"""Migrations of the ready tables: run alone, or as a branch in a host's own Alembic.

Source: Alembic's pages on branches and on version locations.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect

from chevupload.db.columns import is_made
from chevupload.db.database import database_errors
from chevupload.db.revisions import VERSION_TABLE, forget_revision, noted_revision
from chevupload.db.tables import Base
from chevupload.errors import ConfigError


def _is_ours(name: str | None, type_: str, parent_names: Mapping[str, str | None]) -> bool:
    return type_ != "table" or name in Base.metadata.tables


@functools.cache
def revisions() -> tuple[str, ...]:
    """Return those of every version, in their order."""
    script = ScriptDirectory(str(Path(__file__).parent))
    return tuple(one.revision for one in script.walk_revisions())[::-1]


def takes_over(context: MigrationContext, revision: str) -> bool:
    """Whether we have made the tables of ``revision``, or later ones, while a host's own Alembic runs its migration.

    Each migration asks first, and changes nothing then. The revision is the host's to note from now on.
    """
    connection = context.connection
    if context.as_sql or connection is None or context.version_table == VERSION_TABLE:
        return False
    noted = noted_revision(connection)
    if noted == revision:
        forget_revision(connection)
    found = revisions()
    return noted in found[found.index(revision) :]


OPTIONS: Mapping[str, Any] = {
    "target_metadata": Base.metadata,
    "version_table": VERSION_TABLE,
    "include_name": _is_ours,
}


class Migrations:
    """The migrations of one database, run alone.

    Raises:
        ConfigError: a method was given a revision that there is not.
        CatalogError: the database cannot do its work.
    """

    def __init__(self, engine: Engine) -> None:
        """Migrate the database of ``engine``."""
        self._engine = engine
        self._output = io.StringIO()
        self._config = Config(output_buffer=self._output)
        self._config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        self._config.set_main_option("path_separator", "os")

    def upgrade(self, revision: str = "heads") -> None:
        """Bring the tables to ``revision``.

        Tables that :meth:`~chevupload.db.database.Database.create_tables` made beside some that were there have
        none noted: if they are those of this version, that is noted, and nothing else done.

        Raises:
            ConfigError: the tables have no revision and are not those of this version.
        """
        if self.current() is None and self._has_tables():
            if found := self.differences():
                raise ConfigError(
                    "the tables have no revision noted, and are not those of this version: stamp the revision that "
                    f"they have, then upgrade; they differ in {len(found)} places, the first is {found[0]}"
                )
            self.stamp()
        with self._connected():
            command.upgrade(self._config, revision)

    def downgrade(self, revision: str) -> None:
        """Take the tables back to ``revision``; ``base`` is no table at all."""
        with self._connected():
            command.downgrade(self._config, revision)

    def stamp(self, revision: str = "heads") -> None:
        """Note that the tables have ``revision``, and change none."""
        with self._connected():
            command.stamp(self._config, revision)

    def current(self) -> str | None:
        """Return the revision that is noted."""
        with self._connected() as connection:
            return MigrationContext.configure(connection, opts=dict(OPTIONS)).get_current_revision()

    def sql(self, revision: str = "heads") -> str:
        """Return what an upgrade from nothing to ``revision`` would say to the database, for somebody else to run."""
        with self._connected():
            command.upgrade(self._config, revision, sql=True)
        return self._output.getvalue()

    def differences(self) -> list[Any]:
        """Return in what the tables differ from those of this version, in Alembic's words."""
        with self._connected() as connection:
            context = MigrationContext.configure(connection, opts=dict(OPTIONS))
            found = compare_metadata(context, Base.metadata)
            return [one for one in found if one[0] != "add_index" or is_made(one[1], connection.dialect.name)]

    def _has_tables(self) -> bool:
        with self._connected() as connection:
            return any(map(inspect(connection).has_table, Base.metadata.tables))

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give Alembic a connection, whose transaction is committed in the end."""
        try:
            with database_errors(), self._engine.begin() as connection:
                self._config.attributes["connection"] = connection
                yield connection
        except CommandError as error:
            raise ConfigError(str(error)) from error
