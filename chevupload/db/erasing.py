"""What is left of an owner who is erased."""

from __future__ import annotations

from chevupload.db.records import SqlRecords
from chevupload.model import Upload


class SqlErasing(SqlRecords):
    """See ErasableRecords."""

    def remaining(self, owner_id: str, *, limit: int) -> list[Upload]:
        """See ErasableRecords."""
        query = self._statements.select.where(self._uploads.c.owner_id == owner_id).limit(limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(query).all())

    def forget_owner(self, owner_id: str) -> None:
        """See ErasableRecords."""
        with self._database.change() as connection:
            self._statements.usage.forget(connection, owner_id)
