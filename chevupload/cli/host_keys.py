"""The keys of a host's own users, with the verbs of :class:`chevupload.db.accounts.Accounts`."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from chevupload.db.accounts import AccountKey, UnknownName
from chevupload.errors import ConfigError
from chevupload.model import ApiKey, KeyStyle, NewKey
from chevupload.policy.restrictions import KeyRestrictions
from chevupload.protocols import KeyStore, UserKeyBackend


class HostKeys:
    """Keys of users who are named by their ids."""

    def __init__(self, store: KeyStore) -> None:
        """Work with ``store``."""
        self._store = store

    def user_id(self, user: str) -> str:
        """Return the id of a user, which is what the user is named by.

        Raises:
            UnknownName: there is no such user, as far as the store knows its users.
        """
        if isinstance(self._store, UserKeyBackend) and self._store.principal(user) is None:
            raise UnknownName("there is no such user, or not any more")
        return user

    def add_key(
        self, user: str, *, label: str, style: KeyStyle, expires_at: datetime | None, restrictions: KeyRestrictions
    ) -> NewKey:
        """Make a key for a user; see :meth:`user_id`."""
        owner_id = self.user_id(user)
        return self._store.add_key(owner_id, label=label, style=style, expires_at=expires_at, restrictions=restrictions)

    def list_keys(self, user: str | None) -> list[AccountKey]:
        """Return the keys of a user, the oldest first.

        Raises:
            ConfigError: no user is named.
        """
        found = self._store.keys_of(self._named(user))
        names = [field.name for field in dataclasses.fields(ApiKey)]
        return [AccountKey(user=one.user_id, **{name: getattr(one, name) for name in names}) for one in found]

    def revoke_key(self, key_id: str, user: str | None) -> bool:
        """End a key for good. False when this user has none of this id, or it was revoked before.

        Raises:
            ConfigError: no user is named.
        """
        return self._store.revoke_key(key_id, user_id=self._named(user))

    def _named(self, user: str | None) -> str:
        if user is None:
            raise ConfigError("the users are this application's own: name one, by the user's id")
        return user
