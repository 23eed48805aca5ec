"""What a check of records against files asks for, and what it mends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from chevupload.db.pages import SqlPages
from chevupload.db.usage_rows import COUNTING_ATTEMPTS, Uncounted
from chevupload.errors import CatalogError
from chevupload.model import Upload
from chevupload.policy.quota import Counted

_DERIVED = ("thumb_size", "medium_size", "frame_size", "extras")


class SqlChecks(SqlPages):
    """See CheckableRecords."""

    def uploads(self) -> Iterator[Upload]:
        """See CheckableRecords."""
        return self._pages(self._statements.is_ready, self._uploads.c.id)

    def holders(self, stems: Collection[str]) -> list[Upload]:
        """See CheckableRecords."""
        wanted = sorted({stem.lower() for stem in stems})
        query = self._statements.select.where(self._uploads.c.stem_key.in_(wanted))
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(query).all())

    def resize(self, upload: Upload, *, counted: Counted | None = None, changed_at: datetime | None = None) -> bool:
        """See CheckableRecords."""
        for _ in range(COUNTING_ATTEMPTS):
            try:
                with self._database.begin() as connection:
                    if counted == "all":
                        return self._resize(connection, upload, changed_at)
                    return self._write_sizes(connection, upload, changed_at)
            except Uncounted as missing:
                self._count(missing, counted)
        raise CatalogError("the owner cannot be counted")

    def _resize(self, connection: Connection, upload: Upload, changed_at: datetime | None) -> bool:
        """Write the sizes, and count what they change for the owner."""
        usage = self._statements.usage
        usage.hold(connection, [upload.owner_id])
        before = usage.come_to(connection, [upload.id], "ready", "all")
        is_resized = self._write_sizes(connection, upload, changed_at)
        after = usage.come_to(connection, [upload.id], "ready", "all")
        usage.give_back(connection, {owner_id: used - after[owner_id] for owner_id, used in before.items()})
        return is_resized

    def _write_sizes(self, connection: Connection, upload: Upload, changed_at: datetime | None) -> bool:
        before = None if changed_at is None else self._held(connection, upload.id, changed_at)
        ask, values = self._statements, {name: getattr(upload, name) for name in (*_DERIVED, "extras_size")}
        is_there = (ask.is_it, ask.is_ready, self._uploads.c.storage == upload.storage)
        change = update(self._uploads).where(*is_there).values(values)
        is_resized = connection.execute(change, {"upload_id": upload.id}).rowcount == 1
        if is_resized and before is not None and changed_at is not None:
            # As the record is now, whose title, for example, somebody may have changed since it was read.
            derived: dict[str, Any] = {name: getattr(upload, name) for name in _DERIVED}
            self._add_change(connection, before, replace(before, **derived), changed_at)
        return is_resized
