"""Tags of uploads in a database.

New tags are made in the transaction of the upload that carries them, behind the upload itself and in the order of their
names: two uploads that bring the same new tags wait for each other, and never both at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Select, bindparam, delete, insert, select

from chevupload.db.tables import Tables
from chevupload.db.upserts import insert_new
from chevupload.errors import CatalogError


class TagRows:
    """The rows of tags, and of tags on uploads."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        """Keep them in ``tables``, in a database of this ``dialect``."""
        tags, links = tables.tags, tables.upload_tags
        self._insert_tags = insert_new(tags, tags.c.name, dialect)
        self._select_tags = select(tags.c.name, tags.c.id).where(tags.c.name.in_(bindparam("names", expanding=True)))
        # Also those that somebody else has made since this transaction began, whatever its isolation.
        self._select_newest = self._select_tags.with_for_update(read=True)
        self._insert_links = insert(links)
        self._delete_links = delete(links).where(links.c.upload_id.in_(bindparam("upload_ids", expanding=True)))
        self._select_links = (
            select(links.c.upload_id, tags.c.name)
            .join_from(links, tags, links.c.tag_id == tags.c.id)
            .where(links.c.upload_id.in_(bindparam("upload_ids", expanding=True)))
            .order_by(links.c.upload_id, links.c.position)
        )
        # As above: there a transaction of the host may still see the tags that an upload had when it began.
        is_mysql = dialect.name in ("mysql", "mariadb")
        self._select_newest_links = self._select_links.with_for_update(read=True) if is_mysql else self._select_links

    def ids(self, connection: Connection, names: Sequence[str]) -> list[int]:
        """Return the ids of tags in the order of ``names``, making those that are missing.

        Raises:
            CatalogError: a tag cannot be stored under its name.
        """
        known = self._known(connection, self._select_tags, names)
        if missing := sorted({*names} - known.keys()):
            connection.execute(self._insert_tags, [{"name": name} for name in missing])
            known |= self._known(connection, self._select_newest, missing)
        try:
            return [known[name] for name in names]
        except KeyError as error:
            raise CatalogError("a tag cannot be stored under its name") from error

    def attach(self, connection: Connection, upload_id: str, tag_ids: Iterable[int]) -> None:
        """Put tags on an upload, in this order."""
        rows = [
            {"upload_id": upload_id, "position": position, "tag_id": tag_id} for position, tag_id in enumerate(tag_ids)
        ]
        connection.execute(self._insert_links, rows)

    def detach(self, connection: Connection, upload_ids: Sequence[str]) -> None:
        """Take every tag off uploads."""
        connection.execute(self._delete_links, {"upload_ids": upload_ids})

    def of(
        self, connection: Connection, upload_ids: Sequence[str], *, is_newest: bool = False
    ) -> dict[str, tuple[str, ...]]:
        """Return the tags of uploads, each in its order; with ``is_newest``, of uploads that the transaction holds."""
        found: dict[str, tuple[str, ...]] = {}
        if upload_ids:
            query = self._select_newest_links if is_newest else self._select_links
            for upload_id, name in connection.execute(query, {"upload_ids": upload_ids}):
                found[upload_id] = (*found.get(upload_id, ()), name)
        return found

    @staticmethod
    def _known(connection: Connection, query: Select[Any], names: Sequence[str]) -> dict[str, int]:
        return {row.name: row.id for row in connection.execute(query, {"names": list(names)})}
