"""Whose key is this, and the keys that users make for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from chevupload.model import (
    ApiKey,
    KeyStyle,
    NewKey,
    Principal,
)
from chevupload.policy.restrictions import NO_RESTRICTIONS, KeyRestrictions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class KeyBackend(Protocol):
    """Whose key is this?"""

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return whom ``key`` stands for, or None for an unknown, revoked or expired key alike.

        ``key`` is never empty and at most 512 characters. Compare digests, in constant time. Must not read
        ``wsgi.input``.
        """
        ...


@runtime_checkable
class UserKeyBackend(KeyBackend, Protocol):
    """A key backend that knows its users by their ids, too.

    With it, a user may do the same with a key, on the upload page when signed in at the host, and where the host's own
    code names the user's id.
    """

    def principal(self, user_id: str) -> Principal | None:
        """Return whom a key of this user would stand for, or None where it would open nothing.

        None is the answer for an id that nobody has and for a user who is disabled alike.
        """
        ...


@runtime_checkable
class KeyStore(Protocol):
    """The keys that users make for themselves: what the page of keys, and a host's own pages, work with."""

    def add_key(
        self,
        user_id: str,
        *,
        label: str = "",
        style: KeyStyle = "chevereto",
        expires_at: datetime | None = None,
        restrictions: KeyRestrictions = NO_RESTRICTIONS,
    ) -> NewKey:
        """Make a key for a user; its text is in the answer, and nowhere else."""
        ...

    def keys_of(self, user_id: str) -> Sequence[ApiKey]:
        """Return the keys of a user, the oldest first, revoked and expired ones too."""
        ...

    def revoke_key(self, key_id: str, *, user_id: str) -> bool:
        """End a key for good. False when this user has none of this id, or it was revoked before."""
        ...

    def forget_keys(self, user_id: str) -> None:
        """Remove every key of a deleted user, so that a later user with the same id has none."""
        ...
