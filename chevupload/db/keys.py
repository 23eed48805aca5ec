"""API keys kept in a database, by their digests: in a table of keys, or in a column of the host's own users.

Source: docs/api.md, Keys. A key that was mistyped costs nothing: its checksum is no secret. Any other one costs the
same statement and the same comparison, so neither the answer nor its time tells an unknown key from a revoked one.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import (
    Row,
    Select,
    String,
    Uuid,
    bindparam,
    cast,
    delete,
    false,
    func,
    insert,
    inspect,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.types import TypeEngine

from chevupload.clock import Clock, utc_now
from chevupload.db.database import Database
from chevupload.db.key_columns import (
    listed_columns,
    listed_key,
    restriction_columns,
    restriction_values,
    restrictions_of,
)
from chevupload.db.tables import Tables
from chevupload.errors import CatalogError, ConfigError
from chevupload.keys import digest, is_mistyped, is_well_formed, new_key
from chevupload.model import ApiKey, KeyStyle, NewKey, Principal
from chevupload.policy.restrictions import NO_RESTRICTIONS, KeyRestrictions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

_NO_DIGEST = "0" * 64
"""Stands for the digest where no key was found."""

ANYBODY: Any = object()
"""Every user: the operator of a site may revoke any key."""

_ID_BITS = 63
"""What fits into an integer column; drivers fail on more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserColumns:
    """Where a table of users, the host's own for example, says what a key needs to know.

    Each is a column, a mapped attribute (``User.id``) or an expression of them (``User.role == "admin"``).

    Attributes:
        id: primary key, of any type; as text it is the owner of what is uploaded.
        is_admin: see :class:`~chevupload.model.Principal`; by default nobody is.
        is_active: whether the user may upload; by default everybody who is there may.
        max_bytes: the user's own limit, or NULL.
        quota_files: how many uploads the user may keep, or NULL for the site's number.
        quota_bytes: how many bytes the user may keep, or NULL for the site's number.
        lifetime: seconds that the user's uploads live when they ask for no time of their own; NULL and 0 keep them.
        data: what the host wants to find in ``Principal.data``.
    """

    id: Any
    is_admin: Any = None
    is_active: Any = None
    max_bytes: Any = None
    quota_files: Any = None
    quota_bytes: Any = None
    lifetime: Any = None
    data: Any = None

    @classmethod
    def of(cls, users: Any) -> Self:
        """Return the columns of a mapped class: its primary key, and ``is_admin`` and ``is_active`` if they are mapped.

        Columns are returned as they are.

        Raises:
            ConfigError: its primary key is not one column.
        """
        if isinstance(users, cls):
            return users
        mapper = inspect(users)
        if len(mapper.primary_key) != 1:
            raise ConfigError(f"the primary key of {users.__name__} is not one column")
        flags = {name: getattr(users, name) for name in ("is_admin", "is_active") if name in mapper.column_attrs}
        return cls(id=getattr(users, mapper.get_property_by_column(mapper.primary_key[0]).key), **flags)

    def select(self, *also: Any) -> Select[Any]:
        """Select what a principal is made of."""
        return select(
            self.id.label("user_id"),
            _or(self.is_admin, false()).label("is_admin"),
            _or(self.is_active, true()).label("is_active"),
            _or(self.max_bytes, null()).label("max_bytes"),
            _or(self.quota_files, null()).label("quota_files"),
            _or(self.quota_bytes, null()).label("quota_bytes"),
            _or(self.lifetime, null()).label("lifetime"),
            _or(self.data, null()).label("data"),
            *also,
        )

    def select_by_digest(self, digest_column: Any, *also: Any) -> Select[Any]:
        """Select what a principal is made of, by the digest of a key."""
        return self.select(digest_column.label("digest"), *also).where(digest_column == bindparam("digest"))

    def principal(self, database: Database, user_id: str) -> Principal | None:
        """Return whom this id names; None when that is nobody, or a user who may not upload.

        Raises:
            CatalogError: the database cannot do its work.
        """
        wanted = _spelled(user_id, self.id.type)
        row = None if wanted is None else _first(database, self.select().where(self.id == wanted), {})
        # Some databases compare text without its case, or its spaces at the end: that is another id.
        return _principal(row) if row is not None and str(row.user_id) == user_id else None


def _or(expression: Any, default: Any) -> Any:
    return default if expression is None else expression


def _principal(row: Row[Any]) -> Principal | None:
    """Return whom ``row`` names, if that user may upload."""
    if not row.is_active:
        return None
    return Principal(
        user_id=str(row.user_id),
        is_admin=bool(row.is_admin),
        max_bytes=row.max_bytes,
        quota_files=row.quota_files,
        quota_bytes=row.quota_bytes,
        lifetime=timedelta(seconds=row.lifetime) if row.lifetime else None,
        data=row.data,
        key_id=getattr(row, "key_id", None),
    )


def _key_owner(row: Row[Any] | None, wanted: str, *, is_usable: bool) -> Principal | None:
    """Return whom ``row`` names, if its key is the one that was sent and opens anything."""
    is_same = hmac.compare_digest(_NO_DIGEST if row is None else row.digest, wanted)
    return _principal(row) if row is not None and is_same and is_usable else None


def _first(database: Database, query: Select[Any], parameters: Mapping[str, str]) -> Row[Any] | None:
    """Return the first row; None also where the database cannot compare what is asked for with ids of its users."""
    try:
        with database.connect() as connection:
            return connection.execute(query, parameters).first()
    except CatalogError as error:
        # An id of other users, whom the site had before.
        if isinstance(error.__cause__, DataError):
            return None
        raise


def _spelled(user_id: str, type_: TypeEngine[Any]) -> Any:
    """Spell a user id as a column does, which may be of the host's own type; None when it is nobody's."""
    if user_id is None or not _is_text(user_id):
        return None
    try:
        owner = type_.python_type(user_id)
    except (TypeError, ValueError):
        return None
    except NotImplementedError:
        # A decorator that does not tell; it reads text, or no key would open.
        owner = user_id
    is_too_large = isinstance(owner, int) and owner.bit_length() > _ID_BITS
    # One spelling only: " 7" and "07" are no ids, though Python reads a number in them.
    return None if is_too_large or str(owner) != str(user_id) else owner


def _is_text(user_id: str) -> bool:
    """Whether every database could hold this: null characters and lone surrogates are what some cannot even send."""
    try:
        return b"\x00" not in str(user_id).encode()
    except UnicodeEncodeError:
        return False


class SqlKeys:
    """A key backend and key store on a table of keys, and one of users.

    Attributes:
        users_elsewhere: whether the users are a host's.
    """

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
        self.users_elsewhere = users is not None
        if users is None:
            table = found.users.c
            users = UserColumns(id=table.id, is_admin=table.is_admin, is_active=table.disabled_at.is_(None))
        self._users = users
        known = users.select_by_digest(
            keys.c.digest,
            keys.c.id.label("key_id"),
            keys.c.user_id.label("owner"),
            keys.c.expires_at,
            keys.c.revoked_at,
            keys.c.last_used_on,
            *restriction_columns(keys),
        )
        self._select = known.where(_as_id(keys.c.user_id, users.id.type) == users.id)

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """See KeyBackend."""
        if not is_well_formed(key):
            return None
        wanted = digest(key)
        row = _first(self._database, self._select, {"digest": wanted})
        now = self._clock()
        is_usable = row is not None and row.revoked_at is None and (row.expires_at is None or row.expires_at > now)
        # Where text becomes a number, some databases read 7 in "7th": that is another user's id.
        is_owners = row is not None and str(row.owner) == str(row.user_id)
        owner = _key_owner(row, wanted, is_usable=is_usable and is_owners)
        if owner is None or row is None:
            return None
        if row.last_used_on is None or row.last_used_on < now.date():
            self._note_use(row.key_id, now.date())
        return owner.narrowed(restrictions_of(row))

    def _note_use(self, key_id: str, today: date) -> None:
        """Write down that a key was used today, if nobody has yet; where that fails, the key opens all the same."""
        keys = self._keys
        was_before = or_(keys.c.last_used_on.is_(None), keys.c.last_used_on < today)
        try:
            with self._database.change() as connection:
                connection.execute(update(keys).where(keys.c.id == key_id, was_before).values(last_used_on=today))
        except CatalogError:
            logger.warning("the last use of the key %s cannot be written down", key_id, exc_info=True)

    def principal(self, user_id: str) -> Principal | None:
        """See UserKeyBackend."""
        return self._users.principal(self._database, user_id)

    def add_key(
        self,
        user_id: str,
        *,
        label: str = "",
        style: KeyStyle = "chevereto",
        expires_at: datetime | None = None,
        restrictions: KeyRestrictions = NO_RESTRICTIONS,
    ) -> NewKey:
        """See KeyStore. With foreign keys, a user who is not there is a CatalogError, too."""
        made, owner = new_key(style), self._owner(user_id)
        if owner is None:
            raise CatalogError("not a user id")
        row = {"id": made.id, "user_id": owner, "label": label, "style": style}
        row |= {"digest": digest(made.key), "created_at": self._clock(), "expires_at": expires_at, "revoked_at": None}
        row |= restriction_values(restrictions)
        try:
            with self._database.begin() as connection:
                connection.execute(insert(self._keys), row)
        except IntegrityError as error:
            raise CatalogError("the key cannot be stored") from error
        return made

    def keys_of(self, user_id: str) -> list[ApiKey]:
        """See KeyStore."""
        keys, owner = self._keys.c, self._owner(user_id)
        if owner is None:
            return []
        query = select(*listed_columns(self._keys)).where(keys.user_id == owner).order_by(keys.created_at, keys.id)
        with self._database.connect() as connection:
            return [ApiKey(user_id=user_id, **listed_key(row)) for row in connection.execute(query)]

    def revoke_key(self, key_id: str, *, user_id: str) -> bool:
        """See KeyStore."""
        keys = self._keys
        change = update(keys).where(keys.c.id == key_id, keys.c.revoked_at.is_(None)).values(revoked_at=self._clock())
        if user_id is not ANYBODY:
            owner = self._owner(user_id)
            if owner is None:
                return False
            change = change.where(keys.c.user_id == owner)
        with self._database.begin() as connection:
            return connection.execute(change).rowcount == 1

    def forget_keys(self, user_id: str) -> None:
        """See KeyStore."""
        owner = self._owner(user_id)
        if owner is not None:
            with self._database.begin() as connection:
                connection.execute(delete(self._keys).where(self._keys.c.user_id == owner))

    def _owner(self, user_id: str) -> Any:
        """Spell a user id as the column of the table of keys does; None when it is nobody's."""
        return _spelled(user_id, self._keys.c.user_id.type)


def _as_id(owner: Any, type_: TypeEngine[Any]) -> Any:
    """Compare with ids of this type what the ready table of keys spells as text."""
    if owner.type._type_affinity is type_._type_affinity:
        return owner
    if not isinstance(type_, Uuid):
        return cast(owner, type_)
    # Databases without a type for them keep UUIDs as digits only, and those with one read them so too. MySQL and
    # MariaDB compare with text.
    return cast(func.replace(owner, "-", ""), type_.with_variant(String(32), "mysql", "mariadb"))


class UserKeys:
    """A key backend on a column of the host's own users: one key for each, by its digest.

    The column holds 64 characters or NULL, and should be unique.
    """

    def __init__(self, database: Database, *, digest: Any, users: UserColumns) -> None:
        """Look keys up in the column ``digest``, a mapped attribute or a column, beside those of ``users``."""
        self._database = database
        self._users = users
        self._select = users.select_by_digest(digest)

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """See KeyBackend."""
        if is_mistyped(key):
            return None
        wanted = digest(key)
        return _key_owner(_first(self._database, self._select, {"digest": wanted}), wanted, is_usable=True)

    def principal(self, user_id: str) -> Principal | None:
        """See UserKeyBackend."""
        return self._users.principal(self._database, user_id)
