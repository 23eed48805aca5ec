"""Rows of usage: what each owner keeps, changed in the transaction that changes the records.

Such a transaction changes them before it touches a record, several in the order of their owners. So nobody who holds a
record, or a name, waits for one of these rows: there is no deadlock, and what is refused has written nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, delete, exists, func, select, update

from chevupload.db.columns import Unlocked
from chevupload.db.connect import lock_sqlite
from chevupload.db.tables import Tables
from chevupload.db.upserts import insert_new, insert_or_add
from chevupload.policy.quota import Counted, Quota, Usage

_GUESTS = ""
"""Whose row that of all guests together is."""
_ANY = 2**62
"""More than anybody keeps: with a quota and without, the statement is the same."""


COUNTING_ATTEMPTS = 3
"""How often a change is tried whose owners have to be counted first; more often only where somebody erases them."""


class Uncounted(Exception):
    """Owners, None among them for guests, have no row yet: they have to be counted before the change is tried again."""

    def __init__(self, *owners: str | None) -> None:
        """Name them."""
        super().__init__(*owners)
        self.owners = owners


class UsageRows:
    """The rows of usage. Each method is a part of the caller's transaction.

    Attributes:
        sizes: how many bytes of an upload count, by whose bytes do.
    """

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        """Keep them in ``tables``, in a database of this ``dialect``."""
        usage, upload, column = tables.usage, tables.uploads.c, tables.usage.c
        self._uploads, self._usage = upload, usage
        self.sizes = {
            "originals": upload.size,
            "all": sum(
                (upload.thumb_size, upload.medium_size, upload.frame_size, func.coalesce(upload.extras_size, 0)),
                start=upload.size,
            ),
        }
        is_it = column.owner_id == bindparam("owner")
        are_they = column.owner_id.in_(bindparam("owners", expanding=True))
        self._add = (
            update(usage)
            .where(is_it, column.files < bindparam("most_files"), column.bytes <= bindparam("room"))
            .values(files=column.files + 1, bytes=column.bytes + bindparam("more"))
        )
        self._read = select(column.files, column.bytes).where(is_it)
        self._insert = insert_new(usage, column.owner_id, dialect).values(files=0, bytes=0)
        self._set = update(usage).where(is_it).values(files=bindparam("new_files"), bytes=bindparam("new_bytes"))
        self._hold = select(column.owner_id).where(are_they).order_by(column.owner_id).with_for_update()
        self._add_all = insert_or_add(usage, column.owner_id, (column.files, column.bytes), dialect)

    def add(self, connection: Connection, owner_id: str | None, upload: Usage, quota: Quota) -> None:
        """Add an upload to what its owner keeps, by one statement if there is room for it.

        Raises:
            QuotaExceeded: there is none.
            Uncounted: the owner has no row.
        """
        values = {
            "owner": _key(owner_id),
            "more": upload.bytes,
            "room": (_ANY if quota.bytes is None else quota.bytes) - upload.bytes,
            "most_files": _ANY if quota.files is None else quota.files,
        }
        while connection.execute(self._add, values).rowcount == 0:
            # Another transaction may have made the row, or given room back, since the statement looked.
            if (used := self._read_held(connection, owner_id)) is None:
                raise Uncounted(owner_id)
            quota.check(used, upload)

    def read(self, connection: Connection, owner_id: str | None) -> Usage | None:
        """Return what the row of an owner says, or None if there is no row."""
        return _usage(connection.execute(self._read, {"owner": _key(owner_id)}).first())

    def forget(self, connection: Connection, owner_id: str) -> None:
        """Remove the row of an owner who has no upload in any state; who has one keeps it."""
        uploads = exists().where(self._uploads.owner_id == owner_id)
        connection.execute(delete(self._usage).where(self._usage.c.owner_id == owner_id, ~uploads))

    def _read_held(self, connection: Connection, owner_id: str | None) -> Usage | None:
        """Return what the row of an owner says, and hold it."""
        return _usage(connection.execute(self._read.with_for_update(), {"owner": _key(owner_id)}).first())

    def count(self, connection: Connection, owner_id: str | None, counted: Counted) -> Usage:
        """Return what an owner's uploads come to, whatever the row says."""
        column = self._uploads.owner_id
        is_owners = column.is_(None) if owner_id is None else column == owner_id
        query = select(func.count(), func.coalesce(func.sum(self.sizes[counted]), 0)).where(is_owners)
        files, size = connection.execute(query).one()
        # The sum of whole numbers is a Decimal in some databases.
        return Usage(files=files, bytes=int(size))

    def recount(self, connection: Connection, owner_id: str | None, counted: Counted) -> Usage:
        """Have the row say what the uploads come to, and return that; a missing row is made.

        The row is held first, and the uploads are looked at by a statement of its own. So what is seen of them has been
        added to the row, and what others are about to add or give back is not seen.
        """
        connection.execute(self._insert, {"owner_id": _key(owner_id)})
        self._read_held(connection, owner_id)
        used = self.count(connection, owner_id, counted)
        new = {"owner": _key(owner_id), "new_files": used.files, "new_bytes": used.bytes}
        connection.execute(self._set, new)
        return used

    def hold(self, connection: Connection, owners: Collection[str | None]) -> None:
        """Hold the rows of owners, so that several who do this for the same ones wait for each other.

        Raises:
            Uncounted: some of them have no row.
        """
        lock_sqlite(connection)
        known = {*connection.scalars(self._hold, {"owners": sorted(map(_key, owners))})}
        if missing := [owner_id for owner_id in owners if _key(owner_id) not in known]:
            raise Uncounted(*missing)

    def come_to(
        self, connection: Connection, upload_ids: Collection[str], state: str, counted: Counted
    ) -> Mapping[str | None, Usage]:
        """Hold those of these uploads that are in a state, and return by owner what they come to.

        Of two who remove the same uploads, the second one finds none, and has nothing to give back.
        """
        column, found = self._uploads, dict[str | None, Usage]()
        is_in_state = Unlocked(column.state) == state
        query = select(column.owner_id, self.sizes[counted]).where(column.id.in_(upload_ids), is_in_state)
        for owner_id, size in connection.execute(query.order_by(column.id).with_for_update()):
            found[owner_id] = found.get(owner_id, Usage()) + Usage(files=1, bytes=size)
        return found

    def give_back(self, connection: Connection, removed: Mapping[str | None, Usage]) -> None:
        """Take what was removed from the usage of its owners, whose rows are held."""
        if removed:
            less = {_key(owner_id): {"files": -used.files, "bytes": -used.bytes} for owner_id, used in removed.items()}
            connection.execute(self._add_all.values([{"owner_id": key, **less[key]} for key in sorted(less)]))


def _key(owner_id: str | None) -> str:
    """Return by what the row of an owner is found."""
    return _GUESTS if owner_id is None else owner_id


def _usage(row: Any) -> Usage | None:
    return None if row is None else Usage(files=row.files, bytes=row.bytes)
