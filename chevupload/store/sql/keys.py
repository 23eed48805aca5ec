"""API keys kept in a database, by their digests.

May know: keys, values, and the tables. Source: contract of the API, section 2.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from chevupload.clock import Clock, utc_now
from chevupload.keys import digest
from chevupload.model import Principal
from chevupload.store.sql.engine import Database
from chevupload.store.sql.tables import Tables

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class SqlKeys:
    """The key backend on the tables of keys and users."""

    def __init__(self, database: Database, *, tables: Tables | None = None, clock: Clock = utc_now) -> None:
        """Look keys up in ``database``."""
        self._database = database
        self._clock = clock
        found = Tables.default() if tables is None else tables
        keys, users = found.keys, found.users
        self._select = (
            select(
                keys.c.digest, keys.c.expires_at, keys.c.revoked_at, users.c.id, users.c.is_admin, users.c.disabled_at
            )
            .join_from(keys, users, keys.c.user_id == users.c.id)
            .where(keys.c.digest == bindparam("digest"))
        )

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return the user of ``key``; None when it is unknown, revoked or expired, or its user is disabled.

        Raises:
            CatalogError: the database cannot do its work.
        """
        wanted = digest(key)
        with self._database.connect() as connection:
            row = connection.execute(self._select, {"digest": wanted}).first()
        if row is None or not hmac.compare_digest(row.digest, wanted):
            return None
        if row.revoked_at is not None or row.disabled_at is not None:
            return None
        if row.expires_at is not None and row.expires_at <= self._clock():
            return None
        return Principal(user_id=row.id, is_admin=row.is_admin)
