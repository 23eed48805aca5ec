"""API keys kept in a database, by their digests: in a table of keys, or in a column of the host's own users.

May know: keys, values, and the tables. Source: contract of the API, section 2. Whatever is wrong with a key, the same
statement was run and the same comparison made: neither answer nor time tells an unknown key from a revoked one.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, bindparam, cast, false, insert, null, select, true, update
from sqlalchemy.exc import IntegrityError

from chevupload.clock import Clock, utc_now
from chevupload.errors import CatalogError
from chevupload.keys import digest, new_key
from chevupload.model import ApiKey, KeyStyle, NewKey, Principal
from chevupload.store.sql.engine import Database
from chevupload.store.sql.tables import Tables

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NO_DIGEST = "0" * 64
"""What a key is compared with that nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserColumns:
    """Where a table of users, the host's own for example, says what a key needs to know.

    Each is a column, a mapped attribute (``User.id``) or an expression of them (``User.role == "admin"``).

    Attributes:
        id: primary key, of any type; as text it is the owner of what is uploaded.
        is_admin: see :class:`~chevupload.model.Principal`; by default nobody is.
        is_active: whether the user may upload; by default everybody who is there may.
        max_bytes: the user's own limit, or NULL.
        data: what the host wants to find in ``Principal.data``.
    """

    id: Any
    is_admin: Any = None
    is_active: Any = None
    max_bytes: Any = None
    data: Any = None

    def select(self, digest_column: Any, *also: Any) -> Select[Any]:
        """Select what a principal is made of, by the digest of a key."""
        return select(
            self.id.label("user_id"),
            _or(self.is_admin, false()).label("is_admin"),
            _or(self.is_active, true()).label("is_active"),
            _or(self.max_bytes, null()).label("max_bytes"),
            _or(self.data, null()).label("data"),
            digest_column.label("digest"),
            *also,
        ).where(digest_column == bindparam("digest"))


def _or(expression: Any, default: Any) -> Any:
    return default if expression is None else expression


def _principal(row: Row[Any] | None, wanted: str, *, is_usable: bool) -> Principal | None:
    """Return whom ``row`` names, if its key is the one that was sent and opens anything."""
    is_same = hmac.compare_digest(_NO_DIGEST if row is None else row.digest, wanted)
    if row is None or not is_same or not is_usable or not row.is_active:
        return None
    return Principal(user_id=str(row.user_id), is_admin=bool(row.is_admin), max_bytes=row.max_bytes, data=row.data)


class SqlKeys:
    """A key backend and key store on a table of keys, and one of users."""

    def __init__(
        self,
        database: Database,
        *,
        tables: Tables | None = None,
        users: UserColumns | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Look keys up in ``database``: those of ``users``, or of the users of ``tables``."""
        self._database = database
        self._clock = clock
        found = Tables.default() if tables is None else tables
        self._keys = keys = found.keys
        if users is None:
            table = found.users.c
            users = UserColumns(id=table.id, is_admin=table.is_admin, is_active=table.disabled_at.is_(None))
        # The ready table of keys spells users as text, whatever the type of the host's own ids.
        owner: Any = keys.c.user_id
        if owner.type._type_affinity is not users.id.type._type_affinity:
            owner = cast(owner, users.id.type)
        self._select = users.select(keys.c.digest, keys.c.expires_at, keys.c.revoked_at).where(owner == users.id)

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return the user of ``key``; None when it is unknown, revoked or expired, or its user disabled or gone.

        Raises:
            CatalogError: the database cannot do its work.
        """
        wanted = digest(key)
        with self._database.connect() as connection:
            row = connection.execute(self._select, {"digest": wanted}).first()
        now = self._clock()
        is_usable = row is not None and row.revoked_at is None and (row.expires_at is None or row.expires_at > now)
        return _principal(row, wanted, is_usable=is_usable)

    def add_key(
        self, user_id: str, *, label: str = "", style: KeyStyle = "chevereto", expires_at: datetime | None = None
    ) -> NewKey:
        """Make a key for a user; its text is in the answer, and nowhere else.

        Raises:
            CatalogError: it cannot be stored; with foreign keys, also because there is no such user.
            ConfigError: an unknown style.
        """
        made = new_key(style)
        row = {"id": made.id, "user_id": self._owner(user_id), "label": label, "style": style}
        row |= {"digest": digest(made.key), "created_at": self._clock(), "expires_at": expires_at, "revoked_at": None}
        try:
            with self._database.begin() as connection:
                connection.execute(insert(self._keys), row)
        except IntegrityError as error:
            raise CatalogError("the key cannot be stored") from error
        return made

    def keys_of(self, user_id: str) -> list[ApiKey]:
        """Return the keys of a user, the oldest first; never their texts or digests."""
        keys = self._keys.c
        query = select(keys.id, keys.label, keys.style, keys.created_at, keys.expires_at, keys.revoked_at)
        query = query.where(keys.user_id == self._owner(user_id)).order_by(keys.created_at, keys.id)
        with self._database.connect() as connection:
            return [ApiKey(user_id=user_id, **row._mapping) for row in connection.execute(query)]

    def revoke_key(self, key_id: str, *, user_id: str | None = None) -> bool:
        """End a key for good, if it is this user's. False when there is none of this id, or it was revoked before."""
        keys = self._keys
        change = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)).values(revoked_at=self._clock())
        if user_id is not None:
            change = change.where(keys.c.user_id == self._owner(user_id))
        with self._database.begin() as connection:
            return connection.execute(change).rowcount == 1

    def _owner(self, user_id: str) -> Any:
        """Spell a user id as the column does, which may be the host's own type.

        Raises:
            CatalogError: it cannot be one.
        """
        try:
            return self._keys.c.user_id.type.python_type(user_id)
        except ValueError as error:
            raise CatalogError("not a user id") from error


class UserKeys:
    """A key backend on a column of the host's own users: one key for each, by its digest.

    The column holds 64 characters or NULL, and should be unique.
    """

    def __init__(self, database: Database, *, digest: Any, users: UserColumns) -> None:
        """Look keys up in the column ``digest``, a mapped attribute or a column, beside those of ``users``."""
        self._database = database
        self._digest = digest
        self._users = users
        self._select = users.select(digest)

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return the user of ``key``; None when it is unknown, or its user disabled or gone.

        Raises:
            CatalogError: the database cannot do its work.
        """
        wanted = digest(key)
        with self._database.connect() as connection:
            row = connection.execute(self._select, {"digest": wanted}).first()
        return _principal(row, wanted, is_usable=True)
