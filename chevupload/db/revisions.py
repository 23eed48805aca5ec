"""What is known of the migrations without Alembic: their folder, their tables, and the revision that is noted.

Source: Alembic's table of versions, one row with one column.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from chevupload.db.tables import REVISION, Base

VERSION_LOCATION = str(Path(__file__).parent / "migrations" / "versions")
"""One of the ``version_locations`` of a host's Alembic. Its branch is called ``chevupload``."""

VERSION_TABLE = "chevupload_alembic_version"
"""Where the revision is noted unless a host's own Alembic runs the migrations, so that they meet no others."""

_VERSIONS = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32)),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def is_hosts(name: str | None, type_: str, parent_names: Mapping[str, str | None]) -> bool:
    """Tell a host's autogenerate, as its ``include_name``, to leave our tables alone."""
    return type_ != "table" or (name not in Base.metadata.tables and name != VERSION_TABLE)


def noted_revision(connection: Connection) -> str | None:
    """Return the revision that is noted, if there is one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_VERSIONS.c.version_num))


def note_revision(connection: Connection) -> None:
    """Note that the tables are those of this version, unless a revision is noted."""
    _VERSIONS.create(connection, checkfirst=True)
    if noted_revision(connection) is None:
        connection.execute(insert(_VERSIONS).values(version_num=REVISION))


def forget_revision(connection: Connection) -> None:
    """Note no revision any more."""
    _VERSIONS.drop(connection)
