"""Users, keys and categories of a site without users of its own: what the command line works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from chevupload.clock import Clock, utc_now
from chevupload.db.database import Database
from chevupload.db.key_columns import listed_columns, listed_key
from chevupload.db.keys import ANYBODY, SqlKeys
from chevupload.db.tables import Tables
from chevupload.errors import CatalogError, NameTaken
from chevupload.model import ApiKey, Category, KeyStyle, NewKey
from chevupload.naming import normalized, random_id
from chevupload.policy.restrictions import NO_RESTRICTIONS, KeyRestrictions

_ID_LENGTH = 12


class UnknownName(CatalogError):
    """There is no user of this name."""


@dataclass(frozen=True, slots=True)
class User:
    """A user."""

    id: str
    name: str
    is_admin: bool
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKey(ApiKey):
    """A key, with its user's name."""

    user: str


class Accounts:
    """The accounts of a site. What a method did is lasting when it returns.

    Raises:
        UnknownName: a method was given the name of no user.
        CatalogError: the database cannot do its work.
    """

    def __init__(self, database: Database, *, tables: Tables | None = None, clock: Clock = utc_now) -> None:
        """Keep accounts in ``database``."""
        self._database = database
        self._clock = clock
        self._tables = Tables.default() if tables is None else tables
        self._keys = SqlKeys(database, tables=self._tables, clock=clock)

    def add_user(self, name: str, *, is_admin: bool = False) -> str:
        """Add a user and return the new user id.

        Raises:
            NameTaken: there is one of this name.
        """
        user_id = random_id(_ID_LENGTH)
        self._insert(self._tables.users, {"id": user_id, "name": name, "is_admin": is_admin, "disabled_at": None})
        return user_id

    def find_user(self, name: str) -> User | None:
        """Return the user of this name."""
        return next((user for user in self._users(name)), None)

    def user_id(self, name: str) -> str:
        """Return the id of the user of this name, who has to be there."""
        user = self.find_user(name)
        if user is None:
            raise UnknownName(f"there is no user {name!r}")
        return user.id

    def list_users(self) -> list[User]:
        """Return every user, by name."""
        return self._users(None)

    def disable_user(self, name: str, *, disabled: bool = True) -> None:
        """Make every key of a user useless, or useful again with ``disabled=False``. Uploads stay."""
        users = self._tables.users
        change = update(users).where(users.c.id == self.user_id(name))
        with self._database.begin() as connection:
            connection.execute(change.values(disabled_at=self._clock() if disabled else None))

    def delete_user(self, name: str) -> str:
        """Remove a user with albums, and return the user id, whose keys and uploads are the component's to forget."""
        user_id, users, albums = self.user_id(name), self._tables.users, self._tables.albums
        with self._database.begin() as connection:
            connection.execute(delete(users).where(users.c.id == user_id))
            connection.execute(delete(albums).where(albums.c.owner_id == user_id))
        return user_id

    def add_key(
        self,
        user: str,
        *,
        label: str = "",
        style: KeyStyle = "chevereto",
        expires_at: datetime | None = None,
        restrictions: KeyRestrictions = NO_RESTRICTIONS,
    ) -> NewKey:
        """Make a key for a user; see KeyStore."""
        owner_id = self.user_id(user)
        return self._keys.add_key(owner_id, label=label, style=style, expires_at=expires_at, restrictions=restrictions)

    def list_keys(self, user: str | None = None) -> list[AccountKey]:
        """Return every key, or a user's, the oldest first; never its text or digest."""
        keys, users = self._tables.keys.c, self._tables.users.c
        query = (
            select(*listed_columns(self._tables.keys), keys.user_id, users.name.label("user"))
            .join_from(self._tables.keys, self._tables.users, keys.user_id == users.id)
            .order_by(keys.created_at, keys.id)
        )
        if user is not None:
            query = query.where(keys.user_id == self.user_id(user))
        with self._database.connect() as connection:
            rows = connection.execute(query)
            return [AccountKey(user_id=row.user_id, user=row.user, **listed_key(row)) for row in rows]

    def revoke_key(self, key_id: str, user: str | None = None) -> bool:
        """End a key for good, of this user if one is named. False when there is none, or it was revoked before."""
        return self._keys.revoke_key(key_id, user_id=ANYBODY if user is None else self.user_id(user))

    def add_category(self, name: str) -> int:
        """Add a category and return its id.

        Raises:
            NameTaken: there is one of this name.
        """
        return cast(int, self._insert(self._tables.categories, {"name": normalized(name)}))

    def list_categories(self) -> list[Category]:
        """Return every category, by id."""
        column = self._tables.categories.c
        with self._database.connect() as connection:
            return [Category(*row) for row in connection.execute(select(column.id, column.name).order_by(column.id))]

    def _insert(self, table: Table, row: Mapping[str, Any]) -> Any:
        """Insert one row and return its primary key."""
        try:
            with self._database.begin() as connection:
                key = connection.execute(insert(table), row).inserted_primary_key
        except IntegrityError as error:
            raise NameTaken("id or name taken") from error
        return None if key is None else key[0]

    def _users(self, name: str | None) -> list[User]:
        column = self._tables.users.c
        query = select(column.id, column.name, column.is_admin, column.disabled_at).order_by(column.name)
        if name is not None:
            query = query.where(column.name == name)
        with self._database.connect() as connection:
            return [User(*row) for row in connection.execute(query)]
