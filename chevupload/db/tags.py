"""Tags of uploads in a database.

Tags are made in transactions of their own, before the upload that carries them: two uploads that bring the same new
tags cannot lock each other out, and a tag without an upload does no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from chevupload.db.database import Transactions
from chevupload.db.tables import Tables
from chevupload.errors import CatalogError


class TagRows:
    """The rows of tags, and of tags on uploads."""

    def __init__(self, tables: Tables) -> None:
        """Keep them in ``tables``."""
        tags, links = tables.tags, tables.upload_tags
        self._insert_tag = insert(tags)
        self._select_tags = select(tags.c.name, tags.c.id).where(tags.c.name.in_(bindparam("names", expanding=True)))
        self._insert_links = insert(links)
        self._delete_links = delete(links).where(links.c.upload_id == bindparam("upload_id"))
        self._select_links = (
            select(links.c.upload_id, tags.c.name)
            .join_from(links, tags, links.c.tag_id == tags.c.id)
            .where(links.c.upload_id.in_(bindparam("upload_ids", expanding=True)))
            .order_by(links.c.upload_id, links.c.position)
        )

    def ids(self, database: Transactions, names: Sequence[str]) -> list[int]:
        """Return the ids of tags in the order of ``names``, making those that are missing.

        Raises:
            CatalogError: a tag cannot be stored under its name.
        """
        known = self._known(database, names)
        if missing := [name for name in dict.fromkeys(names) if name not in known]:
            for name in missing:
                # Made by somebody else in the meantime.
                with contextlib.suppress(IntegrityError), database.begin() as connection:
                    connection.execute(self._insert_tag, {"name": name})
            known = self._known(database, names)
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

    def detach(self, connection: Connection, upload_id: str) -> None:
        """Take every tag off an upload."""
        connection.execute(self._delete_links, {"upload_id": upload_id})

    def of(self, connection: Connection, upload_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the tags of uploads, each in its order."""
        found: dict[str, tuple[str, ...]] = {}
        if upload_ids:
            for upload_id, name in connection.execute(self._select_links, {"upload_ids": upload_ids}):
                found[upload_id] = (*found.get(upload_id, ()), name)
        return found

    def _known(self, database: Transactions, names: Sequence[str]) -> dict[str, int]:
        with database.connect() as connection:
            rows = connection.execute(self._select_tags, {"names": list(names)}).all()
        return {row.name: row.id for row in rows}
